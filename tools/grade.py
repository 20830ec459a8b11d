"""Check exercises that were handed in: `python tools/grade.py FOLDER [--csv FILE]`.

FOLDER holds notebooks named like those in exercises/, in any folders below it. Each is run from its
first cell with the checks of this repository; a table says for each check whether the answer is
right. The code of a stranger runs with your rights: use a machine or account where that is safe.
"""

import argparse
import ast
import asyncio
import sys
from pathlib import Path

import nbformat
import pandas as pd
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

import pages

ROOT = pages.ROOT
PATIENCE = 300  # seconds for one cell


def check_called(source: str) -> str:
    "The check that the last line of a cell calls; an empty text if there is none."
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return ""
    last = body[-1] if body else None
    call = last.value if isinstance(last, ast.Expr) else None
    name = getattr(call.func, "id", "") if isinstance(call, ast.Call) else ""
    return name if name.startswith("check_") else ""


def verdict(cell) -> str:
    "What a cell's check says, or the error that came instead."
    for output in cell.outputs:
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}"
        if output.output_type == "execute_result":
            text = "".join(output.data.get("text/plain", ""))
            return text.partition("\n")[0]  # the lines after it show where an error was raised
    return "no result"


def run(path: Path, root: Path) -> tuple[dict[str, str], str]:
    "What each check in a notebook says, and why a check may be missing."
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError):
        return {}, "the file is not a notebook"
    folder = {"metadata": {"path": str(root / "exercises")}}
    options = {"timeout": PATIENCE, "kernel_name": "python3", "allow_errors": True}
    client = NotebookClient(notebook, resources=folder, **options)
    reason = "not called"
    try:
        asyncio.run(client.async_execute())
    except (CellTimeoutError, DeadKernelError) as error:
        reason = f"stopped: {str(error).splitlines()[0]}"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {check_called(cell.source): verdict(cell) for cell in cells if cell.outputs}, reason


def grade(path: Path, root: Path = ROOT) -> list[dict]:
    "Run a notebook; a row for each check of the exercise, also those that are not called."
    said, reason = run(path, root)
    given = pages.cells(root / "exercises" / path.name)
    names = [check_called(cell["source"]) for cell in given]
    return [
        {
            "handed in": path.parent.name,
            "exercise": path.stem,
            "check": name,
            "says": said.get(name, reason),
        }
        for name in filter(None, names)
    ]


def main(arguments: list[str] | None = None) -> int:
    "Grade every notebook below a folder; the exit status."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with the notebooks that were handed in")
    parser.add_argument("--csv", type=Path, help="file for the whole table")
    args = parser.parse_args(arguments)
    known = {path.name for path in pages.exercises()}
    found = [path for path in sorted(args.folder.rglob("*.ipynb")) if path.name in known]
    if not found:
        print(f"Error: no notebook in {args.folder} is named like an exercise", file=sys.stderr)
        return 1
    table = pd.DataFrame([row for path in found for row in grade(path)])
    table.insert(3, "right", table["says"].str.startswith("Right. "))
    print(table.to_string(index=False, max_colwidth=80))
    print(f"{table['right'].sum()} of {len(table)} right")
    if args.csv:
        try:
            table.to_csv(args.csv, index=False)
        except OSError as error:
            print(f"Error: {args.csv} cannot be written ({error})", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

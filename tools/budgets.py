"""What the budgets of the notebooks and the package are, and how much of each is used: `python tools/budgets.py [FOLDER]`."""

import ast
import io
import json
import sys
import tokenize
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).resolve().parent.parent
FOR_COLAB = '#| hide\nimport importlib.util\nif importlib.util.find_spec("s6erav3") is None:  # as on Colab\n'
NO_LESSONS = ("index", "glossary", "09_cli_main")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def cells(path: Path, kind="code") -> list[dict]:
    "The cells of a kind, their source one text; without the one that installs the package on Colab."
    found = [
        {**cell, "source": "".join(cell["source"])}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == kind
    ]
    return [cell for cell in found if not cell["source"].startswith(FOR_COLAB)]


def code_lines(cell: dict) -> int:
    "Lines of a cell that are not empty and no directives."
    return sum(
        bool(line.strip()) and not line.startswith("#|") for line in cell["source"].splitlines()
    )


def notebook(path: Path) -> dict:
    "The budgets of one notebook."
    code, prose = cells(path), cells(path, "markdown")
    lengths = [code_lines(cell) for cell in code]
    return {
        "notebook": path.stem,
        "cells": len(code),
        "median lines": median(lengths),
        "longest": max(lengths),
        "prose to code": round(len(prose) / len(code), 2),
        "tests (%)": round(
            100 * mean("assert" in cell["source"] or "except" in cell["source"] for cell in code)
        ),
        "kB": path.stat().st_size // 1000,
    }


def modules(root: Path = ROOT) -> list[Path]:
    "The modules of the package that a notebook writes."
    return sorted(
        path
        for path in (root / "s6erav3").rglob("*.py")
        if path.name not in ("__init__.py", "_modidx.py")
    )


def lines_of_code(path: Path) -> int:
    "Lines that hold code, docstrings and comments not counted."
    source = path.read_text(encoding="utf-8")
    docstrings = {
        node.value.lineno: node.value.end_lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }
    inside = {line for first, last in docstrings.items() for line in range(first, last + 1)}
    skipped = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return len(
        {
            line
            for token in tokens
            if token.type not in skipped
            for line in range(token.start[0], token.end[0] + 1)
        }
        - inside
    )


def functions(path: Path):
    "Every function of a module with its full name, those in classes too."
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            yield from (
                (f"{node.name}.{part.name}", part)
                for part in node.body
                if isinstance(part, ast.FunctionDef)
            )


def exported(path: Path) -> list:
    "The functions and classes of a module that its `__all__` names."
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = next(
        (
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
        ),
        [],
    )
    return [node for node in tree.body if isinstance(node, DEFINITIONS) and node.name in names]


def untyped(function) -> list[str]:
    "Arguments without a type or a default, and `return` where the function gives something and does not say what."
    arguments = function.args
    given = dict(zip([a.arg for a in arguments.args][::-1], arguments.defaults[::-1])) | {
        a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d
    }
    bare = [
        a.arg
        for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        if a.annotation is None and a.arg not in ("self", "cls") and a.arg not in given
    ]
    inner = {
        part
        for node in ast.walk(function)
        if isinstance(node, (ast.FunctionDef, ast.Lambda)) and node is not function
        for part in ast.walk(node)
    }
    gives = any(
        isinstance(node, ast.Return) and node.value is not None and node not in inner
        for node in ast.walk(function)
    )
    return bare + ["return"] * (gives and function.returns is None)


def main(folder=ROOT) -> int:
    "Print both tables."
    root = Path(folder)
    import pandas as pd

    print(
        pd.DataFrame(
            [notebook(path) for path in sorted((root / "nbs").glob("*.ipynb")) if cells(path)]
        ).to_string(index=False)
    )
    lengths = [
        node.end_lineno - node.lineno + 1 for path in modules(root) for _, node in functions(path)
    ]
    public = [node for path in modules(root) for node in exported(path)]
    print(
        f"\npackage: {sum(map(lines_of_code, modules(root))):,} lines of code in {len(modules(root))} modules; {len(lengths)} functions of {mean(lengths):.1f} lines; "
        f"{len(public)} exported, {sum(ast.get_docstring(node) is None for node in public)} without a docstring, "
        f"{sum(bool(untyped(node)) for node in public if isinstance(node, ast.FunctionDef))} functions with something untyped"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))

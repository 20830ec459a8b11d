"""Run notebooks from top to bottom and save their outputs: `python tools/notebooks.py [NAME ...]`.

Without a name: all of `nbs/` and the solutions of the exercises. They are saved as nbdev cleans
them, so that a second run leaves every byte as it was where nothing has changed. Cells with `#|
eval: false` or the flag of another test run (`slow`) keep the outputs that they have.
"""

import asyncio
import os
import sys
from pathlib import Path

import matplotlib.font_manager  # noqa: F401  (builds its cache now, with a message)
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbdev.clean import nbdev_clean

import pages
import readme
from s6erav3.data.mnist import find_data_dir, load_mnist
from s6erav3.files import atomic_write

ROOT = pages.ROOT
PATIENCE = 900  # seconds for one cell
WIDGET = "application/vnd.jupyter.widget-view+json"
ERRORS_ONLY = "--IPKernelApp.log_level=40"  # it warns of TCP at every start, and listens only here


def is_left_out(source: str) -> bool:
    "Whether a cell is not to be run."
    said = pages.directives(source)
    return "slow" in said or said.get("eval:") == "false"


class Client(NotebookClient):
    "Runs a notebook, leaving out cells that are not to be run."

    async def async_execute_cell(self, cell, *args, **kwargs):
        if is_left_out(cell.source):
            return cell
        return await super().async_execute_cell(cell, *args, **kwargs)


def tidy(cell) -> None:
    "Remove from a cell's outputs what lives in a kernel, and give its figure its words."
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        data.pop(WIDGET, None)  # what stands beside it is kept
        if "image/png" in data:
            output.metadata["image/png"] = {"alt": pages.alt_text(cell.source)}


def run(path: Path) -> None:
    "Run the notebook at `path` and write it back."
    notebook = nbformat.read(path, as_version=4)
    client = Client(
        notebook,
        timeout=PATIENCE,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=[ERRORS_ONLY],
    )
    asyncio.run(client.async_execute())
    for cell in notebook.cells:
        tidy(cell)
    with atomic_write(path) as part:
        nbformat.write(notebook, part)
        nbdev_clean(part)


def main(names: list[str]) -> int:
    "Run the named notebooks, or all; the exit status."
    try:
        load_mnist()
    except (OSError, ValueError) as error:
        print(f"Error: the saved outputs are of the real MNIST, and {error}", file=sys.stderr)
        return 1
    os.environ["S6ERAV3_DATA"] = str(find_data_dir()[0].resolve())
    named = [Path(name).resolve() for name in names]
    for path in named or [*pages.notebooks(), *pages.solutions()]:
        print(f"running {pages.place(path)}", flush=True)
        try:
            run(path)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            print(f"Error: {pages.place(path)} stopped: {error}", file=sys.stderr)
            return 1
    readme.write()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Run notebooks from top to bottom and save their outputs, cleaned: `python tools/notebooks.py [nbs/NAME.ipynb ...]`.

All of `nbs/` and the solutions of the exercises if none is named. Where nothing has changed, a second run leaves every byte as it was. Cells that carry
`#| eval: false` or the flag of another test run (`slow`) keep the outputs they have.
"""

import asyncio
import os
import sys
from pathlib import Path

import matplotlib.font_manager  # noqa: F401  (builds its cache now, or the first notebook would report it)
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbdev.clean import nbdev_clean

sys.path.insert(0, str(Path(__file__).parent))
import readme
from s6erav3.data import find_data_dir, load_mnist
from s6erav3.files import written_whole

ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 600  # seconds for one notebook
SKIPPED = {"slow"}
WIDGET = "application/vnd.jupyter.widget-view+json"
ERRORS_ONLY = "--IPKernelApp.log_level=40"  # the kernel's own log; it warns of TCP at every start, though it listens on this machine only


def directives(source: str) -> set[str]:
    "The names of a cell's directives; `eval: false` counts as one."
    lines = [
        line.removeprefix("#|").strip() for line in source.splitlines() if line.startswith("#|")
    ]
    return {line if line.startswith("eval:") else line.split()[0] for line in lines if line}


class Client(NotebookClient):
    "Runs a notebook, leaving out cells that are not to be run."

    async def async_execute_cell(self, cell, *args, **kwargs):
        if directives(cell.source) & {"eval: false", *SKIPPED}:
            return cell
        return await super().async_execute_cell(cell, *args, **kwargs)


def run(path: Path):
    "Run the notebook at `path` and write it back."
    notebook = nbformat.read(path, as_version=4)
    client = Client(
        notebook,
        timeout=DEADLINE,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=[ERRORS_ONLY],
    )
    asyncio.run(asyncio.wait_for(client.async_execute(), DEADLINE))
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(
                WIDGET, None
            )  # lives in a kernel; what stands beside it is kept
            if "image/png" in output.get("data", {}):
                output.metadata["image/png"] = {"alt": readme.alt_text(cell.source)}
    with written_whole(path) as part:
        nbformat.write(notebook, part)
        nbdev_clean(part)


def main(names) -> int:
    "Run the named notebooks, or all; the exit status."
    try:
        load_mnist()
    except (OSError, ValueError) as error:
        print(f"Error: the saved outputs are of the real MNIST, and {error}", file=sys.stderr)
        return 1
    os.environ["S6ERAV3_DATA"] = str(find_data_dir()[0].resolve())
    for path in [Path(name).resolve() for name in names] or [
        *sorted((ROOT / "nbs").glob("*.ipynb")),
        *sorted((ROOT / "exercises" / "solutions").glob("*.ipynb")),
    ]:
        print(f"running {path.relative_to(ROOT)}", flush=True)
        try:
            run(path)
        except (CellExecutionError, CellTimeoutError, TimeoutError) as error:
            print(
                f"Error: {path.name} stopped: {error or f'not done after {DEADLINE} s'}",
                file=sys.stderr,
            )
            return 1
    readme.write()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

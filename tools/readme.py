"""Make README.md of nbs/index.ipynb: `python tools/readme.py`."""

import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import Preprocessor

import pages
from s6erav3.files import atomic_write

ROOT = pages.ROOT
LINK = re.compile(r"\]\((?!https?:|#|\.\./)([^)]+)\)")  # to a page beside the README's source


def is_shown(cell) -> bool:
    "Whether a cell is for the README's readers: not hidden, and not there to set up or to export."
    said = pages.directives(cell.source)
    return not (pages.is_set_up(cell) or said.keys() & {"hide", "default_exp", "export"})


class Visible(Preprocessor):
    "Leaves out what is hidden, and points links from where README.md lies."

    def preprocess(self, nb, resources):
        nb.cells = [cell for cell in nb.cells if is_shown(cell)]
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                cell.source = LINK.sub(r"](nbs/\1)", cell.source).replace("](../", "](")
            elif pages.directives(cell.source).get("echo:") == "false":
                cell.source = ""
            else:
                cell.source = pages.without_directives(cell.source)
        return nb, resources


def render(root: Path = ROOT) -> str:
    "The text of README.md; `ValueError` for a picture, as it would need a file of its own."
    notebook = nbformat.read(root / "nbs" / "index.ipynb", as_version=4)
    notebook.metadata["language_info"] = {"name": "python"}
    exporter = MarkdownExporter()
    exporter.register_preprocessor(Visible(), enabled=True)
    text, resources = exporter.from_notebook_node(notebook)
    if resources["outputs"]:
        raise ValueError("a cell of nbs/index.ipynb has a picture as its output")
    text = re.sub(r"```python\n\s*```\n*", "", text)
    head = "<!-- Made from nbs/index.ipynb by tools/readme.py; change that. -->\n\n"
    return head + re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def write() -> None:
    "Write README.md."
    with atomic_write(ROOT / "README.md") as part:
        part.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write()

"""Make README.md of nbs/index.ipynb: `python tools/readme.py`. Pictures go to README_files/."""

import re
import sys
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


def render(root: Path = ROOT) -> tuple[str, dict[str, bytes]]:
    "The text of README.md and the pictures it shows, by their path."
    notebook = nbformat.read(root / "nbs" / "index.ipynb", as_version=4)
    notebook.metadata["language_info"] = {"name": "python"}
    exporter = MarkdownExporter()
    exporter.register_preprocessor(Visible(), enabled=True)
    text, resources = exporter.from_notebook_node(notebook, {"output_files_dir": "README_files"})
    text = re.sub(r"```python\n\s*```\n*", "", text)

    def with_alt_text(found):
        "An image with the words of the cell that made it."
        return f"![{pages.alt_text(notebook.cells[int(found[2])].source)}]({found[1]})"

    text = re.sub(r"!\[png\]\((README_files/output_(\d+)_\d+\.png)\)", with_alt_text, text)
    head = "<!-- Made from nbs/index.ipynb by tools/readme.py; change that. -->\n\n"
    return head + re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", resources["outputs"]


def write(root=ROOT):
    "Write README.md and its pictures."
    text, pictures = render(root)
    with atomic_write(root / "README.md") as part:
        part.write_text(text, encoding="utf-8")
    for old in (root / "README_files").glob("*"):
        if f"README_files/{old.name}" not in pictures:
            old.unlink()
    for name, content in pictures.items():
        (root / name).parent.mkdir(exist_ok=True)
        with atomic_write(root / name) as part:
            part.write_bytes(content)


if __name__ == "__main__":
    sys.exit(write())

"""Make README.md of nbs/index.ipynb: `python tools/readme.py`. Pictures go to README_files/."""

import re
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import Preprocessor

from s6erav3.files import written_whole

ROOT = Path(__file__).resolve().parent.parent


def alt_text(source: str) -> str:
    "What a cell's directive `fig-alt` says of its figure; an empty text if there is none."
    found = re.search(r"^#\|\s*fig-alt:\s*(.+)$", source, re.M)
    return found[1].strip() if found else ""


class Visible(Preprocessor):
    "Leaves out hidden cells, hidden sources and directives, and points links from where README.md lies."

    def preprocess(self, nb, resources):
        nb.cells = [
            cell
            for cell in nb.cells
            if not re.search(r"^#\|\s*(hide|default_exp)", cell.source, re.M)
        ]
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(
                    r"\]\((?!https?:|#|\.\./)([^)]+)\)", r"](nbs/\1)", cell.source
                ).replace("](../", "](")
            elif "#| echo: false" in cell.source:
                cell.source = ""
            else:
                cell.source = re.sub(r"^#\|.*\n?", "", cell.source, flags=re.M)
        return nb, resources


def render(root=ROOT) -> tuple[str, dict[str, bytes]]:
    "The text of README.md and the pictures it shows, by their path."
    notebook = nbformat.read(root / "nbs" / "index.ipynb", as_version=4)
    notebook.metadata["language_info"] = {"name": "python"}
    exporter = MarkdownExporter()
    exporter.register_preprocessor(Visible(), enabled=True)
    text, resources = exporter.from_notebook_node(notebook, {"output_files_dir": "README_files"})
    text = re.sub(r"```python\n\s*```\n*", "", text)
    text = re.sub(
        r"!\[png\]\((README_files/output_(\d+)_\d+\.png)\)",
        lambda found: f"![{alt_text(notebook.cells[int(found[2])].source)}]({found[1]})",
        text,
    )
    head = "<!-- Made from nbs/index.ipynb by tools/readme.py; change that. -->\n\n"
    return head + re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", resources["outputs"]


def write(root=ROOT):
    "Write README.md and its pictures."
    text, pictures = render(root)
    with written_whole(root / "README.md") as part:
        part.write_text(text, encoding="utf-8")
    for old in (root / "README_files").glob("*"):
        if f"README_files/{old.name}" not in pictures:
            old.unlink()
    for name, content in pictures.items():
        (root / name).parent.mkdir(exist_ok=True)
        with written_whole(root / name) as part:
            part.write_bytes(content)


if __name__ == "__main__":
    sys.exit(write())

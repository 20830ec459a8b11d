"""The first page of the site: what nbs/index.ipynb says, in the order of a front page.

README.md begins with how to install. The site begins with what can be seen at once, then has the
course with the minutes of each page, the results, and only then the installation.
"""

import re
from pathlib import Path

import nbformat

import pages

FIRST = ("", "What you will learn", "Results")  # sections; the others follow as they stand
ROW = re.compile(r"^\| \[([^\]]+)\]\((\w+)\.ipynb\) \| (.+) \|$", re.M)
HEAD = "| notebook | what you will be able to do |\n|---|---|\n"
HEAD_WITH_MINUTES = "| notebook | what you will be able to do | minutes |\n|---|---|---:|\n"
SELF = re.compile(r" All of it is also \[a site\]\([^)]*\)\.")  # of no use on the site
NOTE = "The minutes are for reading and for the exercises."


def split_cell(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    "A cell of text as one cell for each section in it; any other cell as it is."
    if cell.cell_type != "markdown":
        return [cell]
    parts = re.split(r"^(?=## )", cell.source, flags=re.M)
    return [nbformat.v4.new_markdown_cell(part.rstrip()) for part in parts if part.strip()]


def is_for_the_package(cell: nbformat.NotebookNode) -> bool:
    "Whether a cell sets the notebook up or goes into the package, which README.md leaves out, too."
    said = pages.directives(cell.source)
    return cell.cell_type == "code" and bool(said.keys() & {"default_exp", "export"})


def sections(cells: list) -> dict[str, list]:
    "The cells by the heading that they stand under; those before the first one under ''."
    found: dict[str, list] = {"": []}
    title = ""
    for cell in (part for whole in cells for part in split_cell(whole)):
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            title = cell.source.splitlines()[0].removeprefix("## ")
            found[title] = []
        found[title].append(cell)
    return found


def minutes(path: Path, root: Path) -> int:
    "How long a page takes with its exercises, to ten minutes."
    return round((pages.reading_minutes(path) + pages.exercise_minutes(path, root)) / 10) * 10


def with_minutes(text: str, root: Path) -> str:
    "A table of the course with one column more."

    def row(found):
        "A row with its minutes."
        title, name, goal = found.groups()
        path = root / "nbs" / f"{name}.ipynb"
        return f"| [{title}]({name}.ipynb) | {goal} | {minutes(path, root)} |"

    table = ROW.sub(row, text).replace(
        HEAD, f'{NOTE}\n\n<div class="course">\n\n{HEAD_WITH_MINUTES}'
    )
    return re.sub(r"(\|\n)\n(?!\|)", r"\1\n</div>\n\n", table, count=1)


def arrange(cells: list, root: Path = pages.ROOT) -> list:
    "The cells of the first page in the order of the site."
    found = sections([cell for cell in cells if not is_for_the_package(cell)])
    missing = [title for title in FIRST if title not in found]
    if missing:
        raise ValueError(f"nbs/index.ipynb has no section {', '.join(missing)}")
    for cell in found["What you will learn"]:
        cell.source = SELF.sub("", with_minutes(cell.source, root))
    order = [*FIRST, *(title for title in found if title not in FIRST)]
    return [cell for title in order for cell in found[title]]

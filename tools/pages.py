"""The notebooks of the repository: which there are, their order, and what is in them."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("", "advanced", "internals")  # of nbs/, in the order in which they are read
NO_LESSON = ("index", "glossary")
SET_UP = """\
import importlib.util

if importlib.util.find_spec("s6erav3") is None:  # as on Colab
    !git clone -q --depth 1 https://github.com/piygr/s6erav3
    %pip install -q ./s6erav3
    %cd s6erav3/{folder}
"""


def notebooks(root: Path = ROOT) -> list[Path]:
    "Every notebook of `nbs/`: the course, the advanced pages, the internals."
    folders = [root / "nbs" / name for name in FOLDERS]
    return [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]


def lessons(root: Path = ROOT) -> list[Path]:
    "The notebooks that teach something: all but the README's source and the glossary."
    return [path for path in notebooks(root) if path.stem not in NO_LESSON]


def course(root: Path = ROOT) -> list[Path]:
    "The pages of the course, which are numbered."
    return [path for path in lessons(root) if path.parent.name == "nbs"]


def exercises(root: Path = ROOT) -> list[Path]:
    "The exercises, in the order of the pages that they belong to."
    found = sorted((root / "exercises").glob("*.ipynb"))
    ranks = {path.stem: rank for rank, path in enumerate(lessons(root))}
    return sorted(found, key=lambda path: ranks.get(path.stem, len(ranks)))


def solutions(root: Path = ROOT) -> list[Path]:
    "The solutions of the exercises."
    return [path.parent / "solutions" / path.name for path in exercises(root)]


def topic(path: Path) -> str:
    "A page's name without its number, as its exercises' modules have it."
    return re.sub(r"^\d\d_", "", path.stem)


def place(path: Path, root: Path = ROOT) -> str:
    "A file's path in the repository."
    return path.relative_to(root).as_posix()


def all_cells(path: Path) -> list[dict]:
    "Every cell of a notebook, its source one text, with its number as `index`."
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        {**cell, "source": "".join(cell["source"]), "index": index}
        for index, cell in enumerate(cells)
    ]


def is_set_up(cell: dict) -> bool:
    "Whether a cell is the one that installs the package on Colab."
    return cell["cell_type"] == "code" and SET_UP.splitlines()[2] in cell["source"].splitlines()


def cells(path: Path, kind: str = "code") -> list[dict]:
    "The cells of a kind, without the one that sets a page up."
    found = [cell for cell in all_cells(path) if cell["cell_type"] == kind]
    return [cell for cell in found if not is_set_up(cell)]


def directives(source: str) -> dict[str, str]:
    """The directives of a cell, by name, with what follows the name.

    A line that begins with `#|` and two spaces or more goes on with the directive above it.
    """
    found: dict[str, str] = {}
    name = ""
    for line in source.splitlines():
        if not line.startswith("#|"):
            break
        if name and line.startswith("#|  "):
            found[name] = f"{found[name]} {line[2:].strip()}".strip()
            continue
        name, _, rest = line[2:].strip().partition(" ")
        found[name] = rest.strip()
    return found


def without_directives(source: str) -> str:
    "The source of a cell as it is shown."
    return re.sub(r"\A(?:#\|.*\n?)+", "", source).strip("\n")


def alt_text(source: str) -> str:
    "What a cell's directive `fig-alt` says of its figure; an empty text if there is none."
    return directives(source).get("fig-alt:", "")


def is_visible(cell: dict) -> bool:
    "Whether a reader sees the source of a cell without unfolding it."
    collapsed = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
    return not collapsed and "hide" not in directives(cell["source"])


def reading_minutes(path: Path) -> float:
    "At 200 words and 6 visible lines of code a minute."
    words = 0
    lines = 0
    for cell in all_cells(path):
        if cell["cell_type"] == "markdown":
            words += len(re.sub(r"\]\([^)]*\)|<[^>]*>", "", cell["source"]).split())
        elif is_visible(cell):
            lines += len(re.findall(r"^.*\S", without_directives(cell["source"]), re.M))
    return words / 200 + lines / 6


def exercise_minutes(path: Path, root: Path = ROOT) -> int:
    "The minutes that the exercises of a page say they take."
    own = root / "exercises" / path.name
    if not own.is_file():
        return 0
    texts = "\n".join(cell["source"] for cell in cells(own, "markdown"))
    return sum(map(int, re.findall(r"^\*About (\d+) minutes?\.\*", texts, re.M)))

"""The notebooks' form: in sync with the package, clean (also after JupyterLab), executed, readable.

Each test is one rule. It collects all faults and names them.
"""

import ast
import asyncio
import getpass
import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import budgets  # noqa: E402
import docs  # noqa: E402
import pages  # noqa: E402
import readme  # noqa: E402

LESSONS = pages.lessons()
PAGES = [ROOT / "nbs" / "index.ipynb", *LESSONS]
EXECUTED = [*PAGES, *pages.solutions()]
NOTEBOOKS = [*pages.notebooks(), *pages.exercises(), *pages.solutions()]
BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/piygr/s6erav3/blob/main/{})"
)
DIRECTIVES = {"default_exp", "export", "hide", "mnist", "slow", "echo:", "eval:", "fig-alt:"}
NO_OUTPUT = (
    r"(.*\.)?(save_weights|save|chdir|touch|write_text|write_bytes)\("  # calls, returning None
)
DEBRIS = (  # what only this machine or this run has
    r"/(root|home|work|tmp|Users)/",
    r"Warning",
    r"widget-view",
    r"\\r",
    r" at 0x",
    r"\w@[\w-]+:",
)


def listed(faults: list[str]) -> str:
    "Faults as the message of an assertion, one a line."
    return "\n".join(["", *faults])


def at(path: Path, cell: dict) -> str:
    "Where a cell stands."
    return f"{pages.place(path)}, cell {cell['index']}"


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory):
    "A copy of the notebooks without the package, after nbdev's export and cleaning."
    copy = tmp_path_factory.mktemp("tree")
    for name in ("settings.ini", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    for name in ("nbs", "exercises"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns(".*", "*.py"))
    (copy / "s6erav3").mkdir()
    code = (
        "from nbdev.clean import nbdev_clean; from nbdev.doclinks import nbdev_export; "
        "nbdev_export(); nbdev_clean(); nbdev_clean('exercises')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=copy, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return copy


def differing(copy: Path, names: list[str]) -> list[str]:
    "The files that differ from those in a copy, or that one of the two lacks."

    def content(path: Path) -> bytes | None:
        "What a file holds, with the line ends of Linux; None if it is not there."
        return path.read_bytes().replace(b"\r\n", b"\n") if path.exists() else None

    return sorted(name for name in {*names} if content(ROOT / name) != content(copy / name))


def test_package_is_what_the_notebooks_export(cleaned):
    names = {
        pages.place(path, root)
        for root in (ROOT, cleaned)
        for path in (root / "s6erav3").rglob("*.py")
    }
    faults = differing(cleaned, [*sorted(names), "pyproject.toml"])
    assert not faults, f"run nbdev_export: {listed(faults)}"


def test_notebooks_are_clean(cleaned):
    faults = differing(cleaned, [pages.place(path) for path in NOTEBOOKS])
    assert not faults, f"run nbdev_clean: {listed(faults)}"


def test_readme_is_what_index_gives():
    text = readme.render()
    assert (ROOT / "README.md").read_text(encoding="utf-8") == text, "run tools/readme.py"


def test_pages_open_with_title_promise_and_badge():
    faults = []
    for path in PAGES:
        first = pages.all_cells(path)[0]
        if first["cell_type"] != "markdown" or not re.match(
            r"# .+\n\n> .+(\n\n|$)", first["source"]
        ):
            faults.append(f"{pages.place(path)}: no title with a quoted promise under it")
        if BADGE.format(pages.place(path)) not in first["source"]:
            faults.append(f"{pages.place(path)}: no badge that opens this page in Colab")
    assert not faults, listed(faults)


def test_pages_of_the_course_link_to_each_other():
    names = [path.name for path in pages.course()]
    faults = []
    for path in pages.course():
        lines = [line for line in pages.all_cells(path)[0]["source"].splitlines() if " → " in line]
        linked = re.findall(r"\]\((\d\d_\w+\.ipynb)\)", "".join(lines))
        if linked != [name for name in names if name != path.name]:
            faults.append(f"{pages.place(path)}: its line of links has {', '.join(linked)}")
    assert not faults, listed(faults)


def is_collapsed(cell: dict) -> bool:
    "Whether JupyterLab shows a cell as one line."
    return cell["metadata"].get("jupyter", {}).get("source_hidden", False)


def set_up_faults(path: Path) -> list[str]:
    "What is wrong with the cell that sets a page up."
    code = [cell for cell in pages.all_cells(path) if cell["cell_type"] == "code"]
    found = [cell for cell in code if pages.is_set_up(cell)]
    if found != code[:1]:
        return [f"{len(found)} cells set it up; it must be one, the first cell of code"]
    [cell] = found
    faults = []
    wanted = pages.SET_UP.format(folder=pages.place(path.parent))
    if not pages.without_directives(cell["source"]).startswith(wanted.strip()):
        faults.append("the lines for Colab differ from those of other pages")
    if not is_collapsed(cell):
        faults.append("the set-up cell is not collapsed")
    said = pages.directives(cell["source"])
    if "hide" in said:
        faults.append("the set-up cell carries `#| hide`")
    exports = any("export" in pages.directives(one["source"]) for one in code)
    targets = sum("default_exp" in pages.directives(one["source"]) for one in code)
    if exports != ("default_exp" in said) or targets > 1:
        faults.append("`#| default_exp` does not stand in the set-up cell, and there alone")
    return faults


def test_pages_have_one_set_up_cell():
    faults = [
        f"{pages.place(path)}: {fault}"
        for path in [*PAGES, *pages.exercises()]
        for fault in set_up_faults(path)
    ]
    assert not faults, listed(faults)


def test_exercises_and_solutions_begin_with_text_and_one_collapsed_cell():
    "All imports are in it, and no other cell is hidden."
    faults = []
    for path in [*pages.exercises(), *pages.solutions()]:
        first, *others = [cell for cell in pages.all_cells(path) if cell["cell_type"] == "code"]
        if first["index"] == 0 or not is_collapsed(first):
            faults.append(f"{at(path, first)} is not a collapsed cell below a text")
        for cell in others:
            if "hide" in pages.directives(cell["source"]):
                faults.append(f"{at(path, cell)} is hidden")
            if budgets.only_imports(budgets.parse(cell["source"])):
                faults.append(f"{at(path, cell)} has imports; the first cell is their place")
    assert not faults, listed(faults)


def test_hidden_cells_are_collapsed_in_jupyterlab():
    "A reader there does not see them either."
    faults = [
        f"{at(path, cell)} is hidden in the pages of the site only"
        for path in NOTEBOOKS
        for cell in pages.cells(path)
        if "hide" in pages.directives(cell["source"]) and not is_collapsed(cell)
    ]
    assert not faults, listed(faults)


def test_lessons_on_mnist_are_not_interrupted_by_assertions():
    "What only holds on MNIST proves a sentence of the text, so it is hidden."
    faults = [
        f"{at(path, cell)} shows assertions"
        for path in LESSONS
        for cell in pages.cells(path)
        if {"mnist", "hide"} & pages.directives(cell["source"]).keys() == {"mnist"}
        and "assert " in cell["source"]
        and path.parent.name != "internals"
    ]
    assert not faults, listed(faults)


def import_faults(path: Path) -> list[str]:
    "What is wrong with the cell that imports what the exported code of a page needs."
    code = pages.cells(path)
    exported = [cell for cell in code if "export" in pages.directives(cell["source"])]
    imports = (ast.Import, ast.ImportFrom)
    importing = []
    for cell in exported:
        if any(isinstance(node, imports) for node in budgets.parse(cell["source"]).body):
            importing.append(cell)
    if importing != exported[: len(importing)] or len(importing) > 1:
        numbers = ", ".join(str(cell["index"]) for cell in importing)
        return [f"exported imports in cells {numbers}; they must be one cell, the first exported"]
    faults = [
        f"cell {cell['index']} is not collapsed" for cell in importing if not is_collapsed(cell)
    ]
    if importing and len(exported) > 1:
        following = code[code.index(importing[0]) + 1]
        if following is not exported[1]:
            faults.append(f"cell {following['index']} stands between imports and exported code")
    return faults


def test_exported_imports_stand_in_one_cell():
    faults = [f"{pages.place(path)}: {fault}" for path in PAGES for fault in import_faults(path)]
    assert not faults, listed(faults)


def test_directives_are_known():
    "And no line that goes on with a directive begins like one: nbdev would take it for one."
    faults = []
    for path in NOTEBOOKS:
        for cell in pages.all_cells(path):
            if cell["cell_type"] != "code":
                continue
            lines = [line for line in cell["source"].splitlines() if line.startswith("#|  ")]
            going_on = {line[2:].split()[0] for line in lines}
            wrong = (pages.directives(cell["source"]).keys() - DIRECTIVES) | (going_on & DIRECTIVES)
            faults += [f"{at(path, cell)}: {name}" for name in sorted(wrong)]
    assert not faults, listed(faults)


def test_saved_outputs_are_free_of_errors_and_debris():
    owners = {getpass.getuser(), socket.gethostname()} - {"root"}  # a word of mathematics
    debris = re.compile("|".join([*DEBRIS, *(rf"\b{re.escape(name)}\b" for name in owners)]))
    faults = []
    for path in EXECUTED:
        for cell in pages.cells(path):
            for output in cell["outputs"]:
                if output["output_type"] == "error" or output.get("name") == "stderr":
                    faults.append(f"{at(path, cell)}: an error or a line on stderr")
                text = re.sub(r'"image/png": "[^"]*"', "", json.dumps(output))
                faults += [f"{at(path, cell)}: {found[0]}" for found in debris.finditer(text)]
    assert not faults, listed(faults)


def shows_its_value(source: str) -> bool:
    "Whether the last line of a cell is an expression that has a value to show."
    *_, last = [None, *budgets.parse(source).body]
    return (
        isinstance(last, ast.Expr)
        and not isinstance(last.value, ast.Constant)
        and not source.rstrip().endswith(";")
        and not re.match(NO_OUTPUT, ast.unparse(last))
    )


def test_cells_have_the_outputs_that_they_give():
    "A cell whose last line is an expression has a saved output: none was forgotten."
    faults = [
        f"{at(path, cell)} has no output: run tools/notebooks.py"
        for path in PAGES
        for cell in pages.cells(path)
        if not pages.directives(cell["source"]).keys() & {"hide", "eval:"}
        and shows_its_value(cell["source"])
        and not cell["outputs"]
    ]
    assert not faults, listed(faults)


def test_figures_have_alt_text():
    "A cell that shows a figure says what is to be seen, and the saved output holds these words."
    faults = []
    for path in EXECUTED:
        for cell in pages.cells(path):
            said = pages.alt_text(cell["source"])
            for output in cell["outputs"]:
                if "image/png" not in output.get("data", {}):
                    continue
                saved = output["metadata"].get("image/png", {}).get("alt")
                if len(said.split()) < 6 or saved != said:
                    faults.append(
                        f"{at(path, cell)}: `#| fig-alt:` says {said!r}, saved is {saved!r}"
                    )
    assert not faults, listed(faults)


def test_headings_are_in_order():
    "One title, and no level left out, for those who go from heading to heading."
    faults = []
    for path in NOTEBOOKS:
        text = "\n".join(cell["source"] for cell in pages.cells(path, "markdown"))
        headings = re.findall(r"^#+ ", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
        levels = [len(marks) - 1 for marks in headings]
        if levels[0] != 1 or levels.count(1) != 1:
            faults.append(f"{pages.place(path)}: not one title at its beginning")
        if any(level > above + 1 for above, level in zip(levels, levels[1:])):
            faults.append(f"{pages.place(path)}: a level of headings is left out: {levels}")
    assert not faults, listed(faults)


def heading_ids(path: Path) -> set[str]:
    "Where a link into a notebook can lead in JupyterLab, which takes upper and lower case apart."
    found = set()
    for cell in pages.cells(path, "markdown"):
        text = docs.CODE.sub("", cell["source"]) if "```" in cell["source"] else cell["source"]
        found |= {docs.plain(title).replace(" ", "-") for title in docs.HEADING.findall(text)}
    return found


def test_links_into_a_notebook_name_a_heading_as_jupyterlab_does():
    faults = []
    for path in NOTEBOOKS:
        for cell in pages.cells(path, "markdown"):
            for link in docs.LINK.findall(cell["source"]):
                place, _, anchor = link.partition("#")
                target = path.parent / place if place else path
                if "://" in link or not anchor or target.suffix != ".ipynb":
                    continue
                if anchor not in heading_ids(target):
                    faults.append(f"{at(path, cell)}: {link}")
    assert not faults, listed(faults)


def as_jupyterlab_saves(model: dict) -> dict:
    """The contents of a notebook as JupyterLab sends them to be saved, once its kernel has started.

    Its reader has opened all collapsed cells, and hidden all outputs.
    """
    from ipykernel.ipkernel import IPythonKernel
    from jupyter_client.kernelspec import get_kernel_spec

    spec = get_kernel_spec("python3")
    content = json.loads(json.dumps(model["content"]))
    content["metadata"] |= {
        "kernelspec": {
            "name": "python3",
            "display_name": spec.display_name,
            "language": spec.language,
        },
        "language_info": IPythonKernel.language_info,
    }
    for number, cell in enumerate(content["cells"], 1):
        cell["metadata"] = {"trusted": True, "jupyter": {"outputs_hidden": True}}
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
    return {"type": "notebook", "format": "json", "content": content}


async def saved_by_jupyterlab(folder: Path, names: list[str]) -> list[str]:
    "Open and save notebooks of `folder` as JupyterLab does in a clone; those that changed."
    from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("jupyter_server_config.py", str(folder)).load_config()
    manager = AsyncLargeFileManager(root_dir=str(folder), config=config)
    changed = []
    for name in names:
        before = (folder / name).read_bytes()
        opened = await manager.get(name)
        await manager.save(as_jupyterlab_saves(opened), name)
        if (folder / name).read_bytes() != before:
            changed.append(name)
    return changed


@pytest.mark.filterwarnings("ignore:Overriding existing pre_save_hook")
def test_saving_in_jupyterlab_leaves_no_diff(cleaned, tmp_path):
    for name in ("settings.ini", "jupyter_server_config.py"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("nbs", "exercises"):
        shutil.copytree(cleaned / name, tmp_path / name)
    names = [pages.place(path) for path in NOTEBOOKS]
    faults = asyncio.run(saved_by_jupyterlab(tmp_path, names))
    assert not faults, listed(faults)


def test_an_edited_cell_is_saved_as_it_is_shown():
    "Whether a cell is collapsed is saved with a change of its source, and not without one."
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("jupyter_server_config.py", str(ROOT)).load_config()
    path = ROOT / "nbs" / "00_data.ipynb"
    nb = json.loads(path.read_text(encoding="utf-8"))
    first, second = [cell for cell in nb["cells"] if is_collapsed(cell)][:2]
    first["metadata"] = {}
    second["metadata"] = {}
    second["source"] = [*second["source"], "\n# edited"]
    model = {"type": "notebook", "content": nb}
    manager = SimpleNamespace(root_dir=str(ROOT))
    config.ContentsManager.pre_save_hook(model, "nbs/00_data.ipynb", manager)
    assert is_collapsed(first) and not is_collapsed(second)

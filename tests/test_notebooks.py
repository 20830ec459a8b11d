"Every notebook is clean, in step with the package, executed, and of a length to be read."

import ast
import filecmp
import getpass
import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(
    path for path in (ROOT / "nbs").glob("*.ipynb") if path.stem != "glossary"
)  # of which tests/test_glossary.py speaks
BIN = Path(sys.executable).parent
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/piygr/s6erav3/blob/main/nbs/{})"
sys.path.insert(0, str(ROOT / "tools"))
import readme  # noqa: E402
from budgets import FOR_COLAB, cells  # noqa: E402


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    "A copy of the tree without its generated modules, where nbdev may write."
    copy = tmp_path_factory.mktemp("tree")
    for name in ("settings.ini", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "nbs", copy / "nbs", ignore=shutil.ignore_patterns(".*"))
    (copy / "s6erav3").mkdir()
    for command in ("nbdev_export", "nbdev_clean"):
        done = subprocess.run([BIN / command], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return copy


def modules(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in (root / "s6erav3").rglob("*.py"))


def test_package_is_what_the_notebooks_export(copy):
    assert modules(ROOT) == modules(copy)
    assert filecmp.cmpfiles(ROOT, copy, modules(copy), shallow=False)[1:] == ([], []), (
        "run nbdev_export"
    )
    assert (ROOT / "pyproject.toml").read_bytes() == (copy / "pyproject.toml").read_bytes()


def test_notebooks_are_clean(copy):
    names = [f"nbs/{path.name}" for path in NOTEBOOKS]
    assert filecmp.cmpfiles(ROOT, copy, names, shallow=False)[1:] == ([], []), "run nbdev_clean"


def test_readme_is_what_index_gives():
    text, pictures = readme.render()
    assert (ROOT / "README.md").read_text(encoding="utf-8") == text, "run make notebooks"
    for name, content in pictures.items():
        assert (ROOT / name).read_bytes() == content
    assert {path.name for path in (ROOT / "README_files").glob("*")} == {
        Path(name).name for name in pictures
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_opens_with_title_promise_and_target(path):
    first = cells(path, "markdown")[0]["source"]
    assert re.match(r"# .+\n\n> .+(\n\n|$)", first) and (
        path.stem == "09_cli_main" or BADGE.format(path.name) in first
    )
    assert path.stem == "09_cli_main" or json.loads(path.read_text(encoding="utf-8"))["cells"][1][
        "source"
    ][:3] == FOR_COLAB.splitlines(keepends=True)
    assert path.stem == "10_faults" or any(
        re.search(r"^#\| default_exp \S+$", cell["source"], re.M) for cell in cells(path)
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saved_outputs_are_whole_and_free_of_debris(path):
    outputs = [output for cell in cells(path) for output in cell["outputs"]]
    text = re.sub(r'"image/png": "[^"]*"', "", json.dumps(outputs))
    assert path.stem == "09_cli_main" or outputs
    assert not any(
        output["output_type"] == "error" or output.get("name") == "stderr" for output in outputs
    )
    owners = {getpass.getuser(), socket.gethostname()} - {"root"}  # a word of mathematics
    for debris in (
        r"/(root|home|work|tmp|Users)/",
        r"Warning",
        r"widget-view",
        r"\\r",
        r" at 0x",
        r"\w@[\w-]+:",
        *(rf"\b{re.escape(name)}\b" for name in owners),
    ):
        assert not re.search(debris, text), debris


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_end_as_their_outputs_say(path):
    "A cell whose last line is an expression has a saved output: none was forgotten."
    for cell in cells(path):
        if re.search(r"^#\| (hide|eval: false)", cell["source"], re.M):
            continue
        last = ast.parse(cell["source"]).body[-1:]
        if not last or not isinstance(last[0], ast.Expr) or isinstance(last[0].value, ast.Constant):
            continue
        if not re.match(
            r"(.*\.)?(save_weights|save|chdir|touch|write_text|write_bytes)\(", ast.unparse(last[0])
        ):
            assert cell["outputs"], cell["source"]


@pytest.mark.parametrize(
    "path",
    [*NOTEBOOKS, *sorted((ROOT / "exercises" / "solutions").glob("*.ipynb"))],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_figures_are_told_to_who_cannot_see_them(path):
    "A cell that shows a picture says in a sentence what is to be seen, and the saved output holds it."
    for cell in cells(path):
        for output in cell["outputs"]:
            if "image/png" not in output.get("data", {}):
                continue
            said = readme.alt_text(cell["source"])
            assert len(said.split()) >= 6 and output["metadata"]["image/png"]["alt"] == said, cell[
                "source"
            ]


@pytest.mark.parametrize(
    "path",
    [*NOTEBOOKS, ROOT / "nbs" / "glossary.ipynb", *sorted((ROOT / "exercises").rglob("*.ipynb"))],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_headings_are_in_order(path):
    "One title, and no level left out, for those who go from heading to heading."
    text = "\n".join(
        re.sub(r"```.*?```", "", cell["source"], flags=re.S) for cell in cells(path, "markdown")
    )
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.M)]
    assert (
        levels[0] == 1
        and levels.count(1) == 1
        and all(b <= a + 1 for a, b in zip(levels, levels[1:]))
    )

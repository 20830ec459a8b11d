"The house is in order: budgets kept, every public function typed and told, nothing unused, nothing written twice, the checkers content, the README's map true."

import ast
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import budgets  # noqa: E402

MODULES = budgets.modules()
NOTEBOOKS = [
    path for path in sorted((ROOT / "nbs").glob("*.ipynb")) if path.stem not in budgets.NO_LESSONS
]
EVERYWHERE = [
    *MODULES,
    *(ROOT / "tests").rglob("*.py"),
    *(ROOT / "tools").glob("*.py"),
    *(ROOT / "nbs").glob("*.ipynb"),
    *(ROOT / "exercises").rglob("*.ipynb"),
    *(ROOT / "exercises").rglob("*.py"),
    ROOT / "settings.ini",
]

SPOKEN = Counter(
    word for path in EVERYWHERE for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_keep_their_budgets(path):
    row = budgets.notebook(path)
    assert (
        row["median lines"] <= 6
        and row["longest"] <= 30
        and 0.5 <= row["prose to code"] <= 1
        and row["kB"] <= 400
    ), row


def test_one_cell_in_three_tests_something():
    cells = [cell["source"] for path in NOTEBOOKS for cell in budgets.cells(path)]
    assert sum("assert" in source or "except" in source for source in cells) >= 0.3 * len(cells)


def test_functions_are_short():
    lengths = [
        node.end_lineno - node.lineno + 1 for path in MODULES for _, node in budgets.functions(path)
    ]
    assert sum(lengths) <= 8 * len(lengths)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_is_exported_is_told_and_typed(path):
    for node in budgets.exported(path):
        assert ast.get_docstring(node), f"{node.name} has no docstring"
        if isinstance(node, ast.FunctionDef):
            assert not budgets.untyped(node), (
                f"{node.name}: {', '.join(budgets.untyped(node))} without a type"
            )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_nothing_is_unused(path):
    "Every function, class and constant of the package is spoken of somewhere beside the place that makes it."
    source = path.read_text(encoding="utf-8")
    body = ast.parse(source).body
    names = {
        node.name
        for node in body
        if isinstance(node, budgets.DEFINITIONS) and not node.decorator_list
    }  # a decorator may be what hands it on
    names |= {
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    } - {"__all__"}
    unused = {
        name for name in names if SPOKEN[name] < 3 + (f"'{name}'" in source)
    }  # in the notebook, in the module, in its list of exports, and where it is used
    assert not unused


def test_nothing_is_written_twice():
    "No two functions of four lines or more do the same in the same words."
    seen = {}
    for path in [*MODULES, *(ROOT / "tests").glob("*.py"), *(ROOT / "tools").glob("*.py")]:
        for name, node in budgets.functions(path):
            if node.end_lineno - node.lineno < 3:
                continue
            shape = ast.dump(ast.Module(node.body[bool(ast.get_docstring(node)) :], []))
            assert shape not in seen, f"{path.name}: {name} is {seen[shape]}"
            seen[shape] = f"{path.name}: {name}"


@pytest.mark.parametrize(
    "command", [["ruff", "check", "."], ["mypy"]], ids=lambda command: command[0]
)
def test_checkers_are_content(command):
    pytest.importorskip(command[0], reason=f"needs {command[0]}, which the extra `dev` brings")
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-1_000:]


def test_the_map_in_the_readme_is_true():
    "Every file and folder it names is there, and every folder and lesson of the tree is named."
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {
        link.split("#")[0].rstrip("/.") or "."
        for link in re.findall(r"\]\(([^)\s]+)\)", text)
        if not link.startswith("http")
    }
    for link in named:
        assert (ROOT / link).exists(), link
    folders = {
        line.split("/")[0]
        for line in subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        if "/" in line and not line.startswith((".", "README_files"))
    }
    assert folders <= named | {link.split("/")[0] for link in named}, folders - named
    assert {f"nbs/{path.name}" for path in NOTEBOOKS} <= named


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_what_make_would_run_is_shell():
    "Every target of the Makefile gives commands that a shell can read, with a bundle and options, and without."
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[
        1
    ].split()
    for options in ([], ["BUNDLED=--no-index"], ["PIP_ARGS=--no-index --find-links 'a b'"]):
        commands = subprocess.run(
            ["make", "--dry-run", "--always-make", *targets, *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        done = subprocess.run(["sh", "-n"], input=commands, capture_output=True, text=True)
        assert done.returncode == 0 and ".[dev,docs]" in commands, done.stderr

"""The repository keeps its rules: budgets, types, docstrings, linters, no dead code, a true map.

Each test is one rule. It collects all faults and names them.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import mean, median

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import budgets  # noqa: E402
import pages  # noqa: E402

MODULES = budgets.modules()
LESSONS = pages.lessons()
NOTEBOOKS = [*pages.notebooks(), *pages.exercises(), *pages.solutions()]
SCRIPTS = [
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "tools").glob("*.py")),
    *sorted((ROOT / "docs").glob("*.py")),
    *sorted((ROOT / "exercises").rglob("*.py")),
]


def listed(faults: list[str]) -> str:
    "Faults as the message of an assertion, one a line."
    return "\n".join(["", *faults])


def code_of(path: Path) -> list[tuple[str, ast.Module]]:
    "The code of a notebook, cell by cell, or of a script: where it stands, and its tree."
    if path.suffix == ".py":
        return [(pages.place(path), budgets.module_tree(path))]
    return [
        (f"{pages.place(path)}, cell {cell['index']}", budgets.parse(cell["source"]))
        for cell in pages.cells(path)
    ]


def functions_of(paths) -> list[tuple[str, str, ast.FunctionDef]]:
    "Every function in some files: where it stands, its name, its tree."
    return [
        (where, name, node)
        for path in paths
        for where, tree in code_of(path)
        for name, node in budgets.functions(tree)
    ]


def test_cells_are_short():
    faults = []
    for path in LESSONS:
        lengths = {
            where: budgets.statements(tree)
            for where, tree in code_of(path)
            if not budgets.only_imports(tree)
        }
        faults += [
            f"{where} has {length} statements"
            for where, length in lengths.items()
            if length > budgets.LONGEST_CELL
        ]
        middle = median(lengths.values()) if lengths else 0
        if middle > budgets.MEDIAN_CELL:
            faults.append(f"{pages.place(path)}: the median cell has {middle} statements")
    assert not faults, listed(faults)


def test_functions_of_the_package_are_short():
    lengths = {
        f"{where}: {name}": budgets.statements(node) for where, name, node in functions_of(MODULES)
    }
    faults = [
        f"{name} has {length} statements"
        for name, length in lengths.items()
        if length > budgets.LONGEST_FUNCTION
    ]
    assert not faults, listed(faults)
    assert mean(lengths.values()) <= budgets.MEAN_FUNCTION


def test_functions_of_the_package_take_few_parameters():
    faults = [
        f"{where}: {name} takes {len(taken)} parameters: {', '.join(taken)}"
        for where, name, node in functions_of(MODULES)
        if len(taken := budgets.parameters(node)) > budgets.MOST_PARAMETERS
        and where != "s6erav3/cli.py"
    ]
    assert not faults, listed(faults)


def test_no_expression_nests_comprehensions_or_conditionals():
    faults = [
        f"{where}, line {node.lineno}: {ast.unparse(node)[:60]}"
        for path in [*NOTEBOOKS, *MODULES, *SCRIPTS]
        for where, tree in code_of(path)
        for node in budgets.nested(tree)
    ]
    assert not faults, listed(faults)


def test_pages_of_the_course_explain_their_code():
    lowest, highest = budgets.PROSE_TO_CODE
    rows = [budgets.notebook(path) for path in pages.course()]
    faults = [
        f"{row['notebook']}: {row['prose to code']} prose cells for a cell of code"
        for row in rows
        if not lowest <= row["prose to code"] <= highest
    ]
    assert not faults, listed(faults)


def test_notebooks_are_small():
    faults = [
        f"{pages.place(path)} has {path.stat().st_size:,} bytes"
        for path in NOTEBOOKS
        if path.stat().st_size > budgets.LARGEST_NOTEBOOK
    ]
    assert not faults, listed(faults)


def test_what_is_exported_has_a_docstring_and_types():
    faults = []
    for path in MODULES:
        for node in budgets.exported(path):
            if not ast.get_docstring(node):
                faults.append(f"{pages.place(path)}: {node.name} has no docstring")
            bare = budgets.untyped(node) if isinstance(node, ast.FunctionDef) else []
            if bare:
                faults.append(f"{pages.place(path)}: {node.name}: no type for {', '.join(bare)}")
    assert not faults, listed(faults)


def names_made(tree: ast.Module) -> set[str]:
    "The functions, classes and constants that a module makes; a decorator may be what uses one."
    made = {
        node.name
        for node in tree.body
        if isinstance(node, budgets.DEFINITIONS) and not node.decorator_list
    }
    targets = [
        target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
    ]
    constants = {target.id for target in targets if isinstance(target, ast.Name)}
    return (made | constants) - {"__all__"}


def test_nothing_is_unused():
    "Every name of the package is used: it stands in more places than its notebook and its module."
    everywhere = [*MODULES, *NOTEBOOKS, *SCRIPTS, ROOT / "settings.ini"]
    used = Counter(
        word for path in everywhere for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
    )
    faults = []
    for path in MODULES:
        source = path.read_text(encoding="utf-8")
        for name in sorted(names_made(ast.parse(source))):
            in_list = f"'{name}'" in source
            if used[name] < 3 + in_list:
                faults.append(f"{pages.place(path)}: {name} is used nowhere")
    assert not faults, listed(faults)


def test_nothing_is_written_twice():
    "No two functions of three statements or more do the same in the same words."
    seen: dict[str, str] = {}
    faults = []
    for where, name, node in functions_of([*MODULES, *SCRIPTS]):
        if budgets.statements(node) < 3:
            continue
        body = node.body[bool(ast.get_docstring(node)) :]
        shape = ast.dump(ast.Module(body, []))
        if shape in seen:
            faults.append(f"{where}: {name} is the same as {seen[shape]}")
        seen[shape] = f"{where}: {name}"
    assert not faults, listed(faults)


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--output-format", "concise"],
        ["ruff", "format", "--check", "--output-format", "concise"],
        ["mypy"],
    ],
    ids=" ".join,
)
def test_linters_find_nothing(command):
    pytest.importorskip(command[0], reason=f"needs {command[0]}, which the extra `dev` brings")
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def is_without_encoding(call: ast.Call) -> bool:
    "Whether a call reads or writes text in the encoding that the system happens to have."
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    texts = name in ("read_text", "write_text") or "text" in given
    if isinstance(call.func, ast.Name) and name == "open":
        mode = [*(argument.value for argument in call.args[1:2]), "r"][0]
        texts = "b" not in mode
    return texts and "encoding" not in given


def test_text_has_its_encoding():
    "On Windows it would be another one."
    answers = {ROOT / "tests" / "wrong_answers", ROOT / "tests" / "right_answers"}
    files = [path for path in SCRIPTS if "exercises" not in path.parts]
    faults = [
        f"{where}, line {node.lineno}: {ast.unparse(node)[:60]}"
        for path in [*MODULES, *files]
        if path.parent not in answers
        for where, tree in code_of(path)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and is_without_encoding(node)
    ]
    assert not faults, listed(faults)


def linked(text: str) -> set[str]:
    "The files and folders of the repository that a text links to."
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    inside = [link.split("#")[0] for link in links if not link.startswith("http")]
    return {link.rstrip("/.") or "." for link in inside}


def tracked() -> list[str]:
    "The files that git knows."
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, encoding="utf-8")
    if done.returncode:
        pytest.skip("this is not a git clone")
    return done.stdout.splitlines()


def test_readme_and_contents_name_what_is_there():
    "Every file and folder that they name is there; they name every folder and lesson."
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTENTS.md")]
    named = linked("\n".join(texts))
    folders = {line.split("/")[0] for line in tracked() if "/" in line and not line.startswith(".")}
    known = named | {link.split("/")[0] for link in named}
    faults = [f"there is no {link}" for link in sorted(named) if not (ROOT / link).exists()]
    faults += [f"{folder}/ is not named" for folder in sorted(folders - known)]
    faults += [
        f"{pages.place(path)} is not named" for path in LESSONS if pages.place(path) not in named
    ]
    assert not faults, listed(faults)


ROW = re.compile(r"^\| \[([^\]]+)\]\(nbs/([\w/]+)\.ipynb\) \|.*", re.M)


def test_the_contents_have_the_titles_of_the_pages():
    text = (ROOT / "CONTENTS.md").read_text(encoding="utf-8")
    named = {page: title for title, page in ROW.findall(text)}
    faults = []
    for path in LESSONS:
        page = pages.place(path).removeprefix("nbs/").removesuffix(".ipynb")
        number = f"{path.stem[:2]} " if path in pages.course() else ""
        title = pages.all_cells(path)[0]["source"].splitlines()[0].removeprefix("# ")
        if named.get(page) != number + title:
            faults.append(f"{page} is called {number}{title}, in the contents {named.get(page)}")
    assert not faults, listed(faults)


def test_the_readme_is_short_and_lists_the_course_as_the_contents_do():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    contents = (ROOT / "CONTENTS.md").read_text(encoding="utf-8")
    rows = [found[0] for found in ROW.finditer(contents)]
    course = [row for row in rows if row in lines]
    assert len(course) == len(pages.course()) and course == rows[: len(course)]


def test_windows_is_tested_with_the_commands_of_the_page_on_installation():
    workflow = (ROOT / ".github" / "workflows" / "test_model.yml").read_text(encoding="utf-8")
    _, _, job = workflow.partition("without-make:")
    text = (ROOT / "INSTALL.md").read_text(encoding="utf-8")
    commands = re.search(r"```powershell\n(.+?)```", text, re.S)[1].splitlines()
    tested = re.findall(r"- run: (.+)", job)
    assert len(tested) == len(commands)
    for command, documented in zip(tested, commands):
        assert command.startswith(documented), f"{command!r} is not {documented!r}"


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_what_make_would_run_is_shell():
    "Every target of the Makefile gives commands that a shell can read, with all kinds of options."
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split()
    for options in ([], ["BUNDLED=--no-index"], ["PIP_ARGS=--no-index --find-links 'a b'"]):
        commands = subprocess.run(
            ["make", "--dry-run", "--always-make", *targets, *options],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
        done = subprocess.run(["sh", "-n"], input=commands, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        assert ".[dev,docs]" in commands


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_installs_what_a_target_needs(tmp_path):
    "`make train` installs less than `make test`, and nothing after it."
    for name in ("Makefile", "settings.ini", "setup.py", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)

    def commands(target: str) -> str:
        "What make would run."
        make = ["make", "--dry-run", target]
        return subprocess.check_output(make, cwd=tmp_path, encoding="utf-8")

    assert "-e '.'" in commands("train") and "[dev" not in commands("train")
    assert "touch .venv/.ready .venv/.ready-dev" in commands("test")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").touch()
    assert "pip" not in commands("train") and ".[dev,docs]" in commands("test")
    (tmp_path / ".venv" / ".ready-dev").touch()
    assert "pip" not in commands("train") + commands("test")

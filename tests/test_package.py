"What holds for the package as a whole: which way imports go, what it needs, what it offers."

import ast
import configparser
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import typer

import s6erav3
from s6erav3.cli import app, train
from s6erav3.training.train import RECIPES

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import budgets  # noqa: E402

MODULES = budgets.modules()
ROOMS = [
    "files",
    "data",
    "models",
    "training",
    "evaluation",
    "experiments",
    "bench",
    "your_digit",
    "widget",
    "drawing",
    "cli",
    "__main__",
]
settings = configparser.ConfigParser(delimiters=["="])
settings.read(ROOT / "settings.ini", encoding="utf-8")
settings = settings["DEFAULT"]


def imports(path: Path):
    "Every module that `path` imports: level and dotted name."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (
                (node.level, f"{node.module or ''}.{alias.name}".strip(".")) for alias in node.names
            )


def rooms(path: Path) -> set[str]:
    "The rooms of the package that `path` imports from."
    parents = path.relative_to(ROOT).parts[:-1]
    absolute = [
        ".".join((*parents[: len(parents) - level + 1], name)) if level else name
        for level, name in imports(path)
    ]
    return {name.split(".")[1] for name in absolute if name.startswith("s6erav3.")} & {*ROOMS}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    own = path.relative_to(ROOT / "s6erav3").parts[0].removesuffix(".py")
    allowed = {own, "files"} if own == "models" else set(ROOMS[: ROOMS.index(own) + 1])
    assert rooms(path) <= allowed


def test_no_star_imports():
    for path in MODULES:
        stars = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        ]
        assert not stars, path


def test_requirements_are_what_is_imported():
    distributions = packages_distributions()
    imported = (
        {name.split(".")[0] for path in MODULES for level, name in imports(path) if not level}
        - sys.stdlib_module_names
        - {"s6erav3"}
    )
    needed = {distributions[name][0].lower() for name in imported} | {"torchvision"}
    optional = {*settings["cluster_requirements"].split(), *settings["draw_requirements"].split()}
    assert needed - optional == set(settings["requirements"].split())


def test_dev_extra_and_constraints_agree():
    pinned = {
        line
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    assert {r for r in settings["dev_requirements"].split() if "==" in r} == {
        p for p in pinned if not p.startswith("torch")
    }


def test_version():
    assert s6erav3.__version__ == settings["version"]


def run_python(code: str):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)


def test_everything_imports_without_nbdev():
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in MODULES
        if path.name not in ("__main__.py", "widget.py")
    ]  # the widget needs the extra `draw`
    blocked = "import sys; sys.modules.update(dict.fromkeys(['nbdev', 'fastcore', 'execnb', 'IPython', 'torchsummary']))"
    done = run_python(
        f"{blocked}; import {', '.join(modules)}; from s6erav3 import *; MNISTModel()"
    )
    assert done.returncode == 0, done.stderr


def test_import_and_help_are_light():
    done = run_python(
        "import sys, s6erav3.cli; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert done.returncode == 0, "s6erav3 --help would have to wait for torch"


def test_public_names():
    assert {"MNISTModel", "load_pretrained", "predict", "layer_table", "Recipe", "fit"} <= set(
        s6erav3.__all__
    )
    for name in s6erav3.__all__:
        assert callable(getattr(s6erav3, name))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        s6erav3.nonsense


def test_every_recipe_can_be_asked_for():
    command = typer.main.get_command(app).commands["train"]
    assert tuple(train.__annotations__["recipe"].__args__[0].__args__) == RECIPES
    assert {
        "epochs",
        "recipe",
        "seed",
        "data_dir",
        "dataset",
        "holdout",
        "out",
        "device",
        "threads",
        "limit",
        "compile",
        "precision",
        "memory_format",
        "resume",
    } == {p.name for p in command.params} - {"help"}


def test_budget_of_lines():
    assert sum(map(budgets.lines_of_code, MODULES)) <= 2_900, (
        "1,500 for the network and its anatomy, its training and its explanation; 500 for making it fast and running it many times; 100 for a teacher; 50 for the ladder and the frontier; 130 for harder digits, label errors and evidence; "
        "280 for reading any picture and a pad to draw on; 285 for going on after a stop, whole files, downloads that fail, and files from strangers; 35 for a picture of the network; 20 for lines that tell a parameter and its type"
    )


def test_nothing_large_is_tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is not a git clone")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert (
        files
        and [path.name for path in files if path.is_file() and path.stat().st_size > 1_000_000]
        == []
    )

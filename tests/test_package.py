"""What holds for the package as a whole: which way imports go, what it needs, what it offers."""

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
from s6erav3.pictures.samples import draw_seven
from s6erav3.training.recipe import RECIPES

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import budgets  # noqa: E402
import pages  # noqa: E402

MODULES = budgets.modules()
LAYERS = (  # a module imports from its own part of the package and from the layers above its own
    ("files", "pictures.read"),  # reading pictures needs no other module, and data sets need it
    ("data", "models"),
    ("inference",),
    ("training", "evaluation", "anatomy", "quantization"),
    ("experiments", "ablations", "bench", "pictures", "export"),
    ("cli",),
    ("__main__",),
)
LEVELS = {part: level for level, layer in enumerate(LAYERS) for part in layer}
OPTIONAL = {"s6erav3.pictures.canvas"}  # needs the extra `draw`
settings = configparser.ConfigParser(delimiters=["="])
settings.read(ROOT / "settings.ini", encoding="utf-8")
settings = settings["DEFAULT"]


def listed(faults) -> str:
    "Faults as the message of an assertion, one a line."
    return "\n".join(["", *faults])


def full_name(path: Path) -> str:
    "The dotted name of a module."
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports(path: Path) -> set[str]:
    "The full dotted names that a module imports, wherever in it."
    found = set()
    parents = full_name(path).split(".")[:-1]
    for node in ast.walk(budgets.module_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            home = parents[: len(parents) - node.level + 1] if node.level else []
            origin = [*home, *([node.module] if node.module else [])]
            found |= {".".join([*origin, alias.name]) for alias in node.names}
    return found


def own_imports(path: Path) -> set[str]:
    "The modules of the package that a module imports."
    names = {full_name(module) for module in MODULES}
    found = imports(path)
    return (found | {name.rpartition(".")[0] for name in found}) & names - {full_name(path)}


def part_of(module: str) -> str:
    "The part of the package that a module belongs to, or the module where that is a part itself."
    name = module.removeprefix("s6erav3.")
    return name if name in LEVELS else name.split(".")[0]


def test_every_module_has_its_layer():
    assert {part_of(full_name(path)) for path in MODULES} <= LEVELS.keys()


def test_imports_go_one_way():
    "From files to data and models, to training and evaluation, to the command; never back."
    faults = []
    for path in MODULES:
        part = part_of(full_name(path))
        for name in sorted(own_imports(path)):
            if part_of(name) != part and LEVELS[part_of(name)] >= LEVELS[part]:
                faults.append(f"{pages.place(path)} imports {name}")
    assert not faults, listed(faults)


def test_imports_have_no_circles():
    "Within a part of the package, too, and with the imports inside of functions."
    needs = {full_name(path): own_imports(path) for path in MODULES}
    while done := [name for name, others in needs.items() if not others & needs.keys()]:
        for name in done:
            del needs[name]
    assert not needs, listed(f"{name} imports {', '.join(needs[name])}" for name in needs)


def test_no_star_imports():
    stars = []
    for path in MODULES:
        stars += [f"{pages.place(path)}: {name}" for name in imports(path) if name.endswith(".*")]
    assert not stars, listed(stars)


NOT_IN_AN_EXTRA = {"pillow_heif"}  # used where it is installed, to read HEIC


def test_requirements_are_what_is_imported():
    distributions = packages_distributions()
    roots = {name.split(".")[0] for path in MODULES for name in imports(path)}
    roots -= sys.stdlib_module_names | {"s6erav3", *NOT_IN_AN_EXTRA}
    needed = {distributions[name][0].lower() for name in roots} | {"torchvision"}
    extras = ("cluster", "draw", "export")
    optional = {name for extra in extras for name in settings[f"{extra}_requirements"].split()}
    required = {name.partition(">")[0] for name in settings["requirements"].split()}
    assert needed - optional == required


def test_dev_extra_and_constraints_agree():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line for line in lines if "==" in line and not line.startswith("torch")}
    assert {one for one in settings["dev_requirements"].split() if "==" in one} == pinned


def test_version():
    assert s6erav3.__version__ == settings["version"]


def run_python(code: str) -> subprocess.CompletedProcess:
    "Run code in an interpreter of its own."
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=ROOT
    )


def test_everything_imports_without_nbdev():
    names = {full_name(path) for path in MODULES} - OPTIONAL - {"s6erav3.__main__"}
    absent = ["nbdev", "fastcore", "execnb", "IPython", "torchsummary"]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({absent}))"
    code = f"{blocked}; import {', '.join(sorted(names))}; from s6erav3 import *; MNISTModel()"
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_import_and_help_are_light():
    heavy = "'torch' in sys.modules or 'matplotlib' in sys.modules"
    done = run_python(f"import sys, s6erav3.cli; sys.exit({heavy})")
    assert done.returncode == 0, "s6erav3 --help would have to wait for torch"


HEAVY = ("matplotlib", "sklearn", "scipy.stats", "torchvision", "sympy", "torch._dynamo")


def test_predict_loads_no_more_than_it_needs(tmp_path):
    "Two thirds of the time of a prediction went into importing what it does not use."
    picture = tmp_path / "seven.png"
    draw_seven().save(picture)
    done = run_python(
        "import sys; from s6erav3.__main__ import main; "
        f"status = main(['predict', {str(picture)!r}]); "
        f"print([name for name in {HEAVY} if name in sys.modules]); sys.exit(status)"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]", f"predict imports {done.stdout.splitlines()[-1]}"


def test_the_package_itself_imports_nothing():
    code = "import sys, s6erav3; sys.exit('numpy' in sys.modules or 'torch' in sys.modules)"
    assert run_python(code).returncode == 0


def test_editors_and_mypy_see_the_public_names():
    "They do not run `__getattr__`: an import that is never run names the same modules."
    found = {}
    for node in ast.walk(ast.parse(Path(s6erav3.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("s6erav3."):
            module = node.module.removeprefix("s6erav3.")
            found |= {alias.name: module for alias in node.names}
    assert found == s6erav3._MODULES
    assert found.keys() <= set(dir(s6erav3)) and found.keys() == set(s6erav3.__all__)


def test_public_names():
    published = {"MNISTModel", "load_pretrained", "predict", "layer_table", "Recipe", "fit"}
    assert published <= set(s6erav3.__all__)
    assert all(callable(getattr(s6erav3, name)) for name in s6erav3.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        s6erav3.nonsense


def test_every_recipe_can_be_asked_for():
    command = typer.main.get_command(app).commands["train"]
    assert tuple(train.__annotations__["recipe"].__args__[0].__args__) == RECIPES
    offered = {parameter.name for parameter in command.params} - {"help"}
    wanted = {
        *("epochs", "recipe", "seed", "data_dir", "dataset", "val_size", "train_size"),
        *("output_dir", "resume", "changes", "device", "threads"),
        *("compile", "precision", "memory_format"),
    }
    assert offered == wanted


def test_nothing_large_is_tracked():
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        pytest.skip("this is not a git clone")
    files = [ROOT / name for name in done.stdout.split("\0") if name]
    assert files
    assert not [path for path in files if path.is_file() and path.stat().st_size > 1_000_000]

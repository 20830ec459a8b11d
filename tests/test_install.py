"An installed package is the one that is imported, wherever Python is started."

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools", reason="needs setuptools to build the package")
ROOT = Path(__file__).resolve().parent.parent
FILES = ("setup.py", "settings.ini", "pyproject.toml", "MANIFEST.in", "README.md")
BUILD = (
    "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
)
IMPORT = """
import site, sys
site.addsitedir(sys.argv[1])
sys.path.append(sys.argv[2])
import s6erav3
from s6erav3 import Recipe
print(s6erav3.__file__)
"""


def run_python(*args, cwd: Path) -> str:
    "What Python prints where nothing points to this clone."
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    options = {"cwd": cwd, "env": environment, "capture_output": True, "encoding": "utf-8"}
    done = subprocess.run([sys.executable, *map(str, args)], **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def imported(folder: Path, cwd: Path) -> Path:
    "Where the package lies that is imported with `folder` as the only place of installed packages."
    others = sysconfig.get_path("purelib")  # without what is installed there as editable
    return Path(run_python("-S", "-c", IMPORT, folder, others, cwd=cwd))


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    "A clone in a folder called s6erav3, as `git clone` makes it."
    folder = tmp_path_factory.mktemp("above") / "s6erav3"
    (folder / "nbs").mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "s6erav3", folder / "s6erav3")
    return folder


@pytest.fixture(scope="module", params=["build_editable", "build_wheel"])
def installed(request, clone, tmp_path_factory):
    "A folder of installed packages, and where the package is that it leads to."
    folder = tmp_path_factory.mktemp("site")
    run_python("-c", BUILD, request.param, folder, cwd=clone)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    package = clone if request.param == "build_editable" else folder
    return folder, package / "s6erav3" / "__init__.py"


@pytest.mark.parametrize("place", ["..", "nbs"])
def test_the_installed_package_is_imported(place, clone, installed):
    "In the folder above a clone, too, which holds a folder of the same name without __init__.py."
    folder, package = installed
    assert imported(folder, clone / place) == package


def test_the_clone_itself_is_imported_inside_it(clone, installed):
    assert imported(installed[0], clone) == clone / "s6erav3" / "__init__.py"

"""Run the package's tests on a built wheel: `python tools/versions.py [PYTHON ...]`.

Without names, each Python from 3.11 to 3.13 that is installed (PYENV_VERSION or PATH finds them),
in a clean environment. Nothing of the clone is imported: the wheel is installed with what the
tests themselves need and without the notebooks' extras, and the tests run in a folder that has no
package in it. What passed is written to results/stress/versions.json. PIP_ARGS holds options for
pip.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pages
from s6erav3.files import atomic_write

ROOT = pages.ROOT
RECORD = ROOT / "results" / "stress" / "versions.json"
PYTHONS = ("3.11", "3.12", "3.13")
NOT_OF_THE_WHEEL = {  # tests of the clone, and those that need what only the extras bring
    "test_anatomy",
    "test_browser",
    "test_check",
    "test_docs",
    "test_exercises",
    "test_glossary",
    "test_gpu",
    "test_house",
    "test_install",
    "test_libraries",
    "test_notebooks",
    "test_package",
    "test_sweep",
}
NEEDED = ("pytest", "hypothesis", "scikit-image")
UNWANTED = {"nbdev", "fastcore", "jupyterlab", "ipykernel"}
SHOWN = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "matplotlib",
    "typer",
    "pillow",
    "joblib",
)
NOT_COPIED = {"s6erav3", "data", "bundle", "runs", "build", "_site", "s6erav3.egg-info"}


def starts(path: str) -> bool:
    "Whether an interpreter runs and can make an environment."
    done = subprocess.run([path, "-c", "import ensurepip, ssl"], capture_output=True)
    return done.returncode == 0


def find(version: str) -> str | None:
    "An interpreter of this version that starts, if there is one."
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    candidates = [shutil.which(f"python{version}"), *map(str, installed)]
    return next((path for path in candidates if path and starts(path)), None)


def build_wheel(folder: Path) -> Path:
    "The package's wheel."
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT]
    subprocess.run(pip, check=True)
    return next(folder.glob("*.whl"))


def output_of(command: list, **options) -> str:
    "What a command prints. `CalledProcessError` if it fails."
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", **options)
    return done.stdout.strip()


def make_environment(base: str, wheel: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    "An environment with the wheel and what its tests need: its Python and its packages' versions."
    subprocess.run([base, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    options = [*shlex.split(os.environ.get("PIP_ARGS", "")), "-c", ROOT / "constraints.txt"]
    pip = [python, "-m", "pip"]
    subprocess.run([*pip, "install", "-q", *options, wheel, *NEEDED], check=True)
    rows = json.loads(output_of([*pip, "list", "--format", "json"]))
    versions = {row["name"]: row["version"] for row in rows}
    if lost := UNWANTED & versions.keys():
        raise RuntimeError(f"the environment is not clean: {', '.join(sorted(lost))}")
    return python, versions


def copy_without_package(tree: Path) -> None:
    "Copy the clone, all but the package and what is made."

    def left_out(where, names):
        "The names of a folder that are not copied."
        return {name for name in names if name.startswith(".") or name in NOT_COPIED}

    shutil.copytree(ROOT, tree, ignore=left_out)


def run_tests(python: Path, tree: Path) -> dict:
    "Run the tests in `tree`: how many passed, failed, were skipped, and the exit status."
    where = output_of([python, "-c", "import s6erav3; print(s6erav3.__file__)"], cwd=tree)
    if not where.startswith(str(python.parents[1])):
        raise RuntimeError(f"the tests would import {where}, not the wheel")
    found = sorted((tree / "tests").glob("test_*.py"))
    names = [path for path in found if path.stem not in NOT_OF_THE_WHEEL]
    options = ["-q", "-rfEs", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [python, "-X", "utf8", "-m", "pytest", *options, *names],
        cwd=tree,
        capture_output=True,
        encoding="utf-8",
    )
    print(done.stdout[-3_000:], done.stderr[-2_000:], flush=True)
    last = done.stdout.splitlines()[-1]
    counts = re.findall(r"(\d+) (passed|failed|skipped|errors?)", last)
    return {**{what: int(n) for n, what in counts}, "status": done.returncode}


def try_python(base: str, folder: Path) -> dict:
    "Install and test in `folder`; versions and numbers of tests."
    os.environ.pop("PYTHONPATH", None)  # or what lies there would count as installed
    python, versions = make_environment(base, build_wheel(folder), folder / "env")
    copy_without_package(folder / "tree")
    counts = run_tests(python, folder / "tree")
    version = output_of([python, "-c", "import platform; print(platform.python_version())"])
    return {"python": version, **counts, "versions": {name: versions[name] for name in SHOWN}}


def main(names: list[str]) -> int:
    "Try each Python; 1 if one fails or there is none."
    pythons = names or [python for version in PYTHONS if (python := find(version))]
    if not pythons:
        print(f"Error: there is no Python {', '.join(PYTHONS)} here; name one", file=sys.stderr)
    rows = []
    for python in pythons:
        print(f"{python} …", flush=True)
        try:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(try_python(python, Path(folder)))
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            print(f"Error: {python}: {error}", file=sys.stderr)
            return 1
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(RECORD) as part:
            part.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    failed = any(row["status"] for row in rows)
    return 0 if rows and not failed else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

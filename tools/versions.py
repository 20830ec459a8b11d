"""Run the package's tests against a built wheel, in a clean environment for each Python: `python tools/versions.py [PYTHON ...]`.

Without names, all of python3.11 to python3.13 that are to be had (PYENV_VERSION or PATH finds them). Nothing of the clone is imported: the
wheel is installed with what the tests themselves need and without the notebooks' extras, and the tests run from a folder that has no package in it.
What passed is written to results/stress/versions.json. PIP_ARGS holds options for pip.
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

from s6erav3.files import written_whole

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "results" / "stress" / "versions.json"
PYTHONS = ("3.11", "3.12", "3.13")
TESTS = (
    "cli",
    "data",
    "download",
    "evaluation",
    "fuzz",
    "model",
    "processes",
    "records",
    "resume",
    "teacher",
    "versions",
    "your_digit",
)
NEEDED = ("pytest", "hypothesis", "scikit-image")
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


def find(version: str) -> str | None:
    "An interpreter of this version that starts, if there is one."
    candidates = [
        shutil.which(f"python{version}"),
        *map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))),
    ]
    works = (
        path
        for path in candidates
        if path
        and subprocess.run([path, "-c", "import ensurepip, ssl"], capture_output=True).returncode
        == 0
    )
    return next(works, None)


def build_wheel(folder: Path) -> Path:
    "The package's wheel."
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT], check=True
    )
    return next(folder.glob("*.whl"))


def try_python(python: str, wheel: Path, folder: Path) -> dict:
    "Install and test in `folder`; versions and numbers of tests. `CalledProcessError` if the installation fails."
    os.environ.pop("PYTHONPATH", None)  # or what lies there would count as installed
    tree, pip = folder / "tree", [folder / "env" / "bin" / "python", "-m", "pip"]
    shutil.copytree(
        ROOT,
        tree,
        ignore=lambda where, names: {
            n
            for n in names
            if n.startswith(".")
            or n in ("s6erav3", "data", "bundle", "runs", "build", "_site", "s6erav3.egg-info")
        },
    )
    subprocess.run([python, "-m", "venv", folder / "env"], check=True)
    subprocess.run(
        [
            *pip,
            "install",
            "-q",
            *shlex.split(os.environ.get("PIP_ARGS", "")),
            "-c",
            ROOT / "constraints.txt",
            wheel,
            *NEEDED,
        ],
        check=True,
    )
    versions = {
        row["name"]: row["version"]
        for row in json.loads(
            subprocess.run(
                [*pip, "list", "--format", "json"], check=True, capture_output=True, text=True
            ).stdout
        )
    }
    lost = {"nbdev", "fastcore", "jupyterlab", "ipykernel"} & versions.keys()
    if lost:
        raise RuntimeError(f"the environment is not clean: {', '.join(sorted(lost))}")
    command = [
        folder / "env" / "bin" / "python",
        "-m",
        "pytest",
        "-q",
        "-rfEs",
        "-p",
        "no:cacheprovider",
        *(f"tests/test_{name}.py" for name in TESTS),
    ]
    where = subprocess.run(
        [command[0], "-c", "import s6erav3; print(s6erav3.__file__)"],
        cwd=tree,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    if not where.startswith(str(folder / "env")):
        raise RuntimeError(f"the tests would import {where.strip()}, not the wheel")
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    print(done.stdout[-3_000:], done.stderr[-2_000:], flush=True)
    said = {
        what: int(n)
        for n, what in re.findall(
            r"(\d+) (passed|failed|skipped|errors?)", done.stdout.splitlines()[-1]
        )
    }
    python_version = subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    return {
        "python": python_version,
        **said,
        "status": done.returncode,
        "versions": {name: versions[name] for name in SHOWN},
    }


def main(names) -> int:
    "Try each Python; 1 if one fails or there is none."
    pythons = list(names) or [python for version in PYTHONS if (python := find(version))]
    if not pythons:
        print(f"Error: there is no Python {', '.join(PYTHONS)} here; name one", file=sys.stderr)
    rows = []
    for python in pythons:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{python} …", flush=True)
            try:
                rows.append(try_python(python, build_wheel(Path(folder)), Path(folder)))
            except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
                print(f"Error: {python}: {error}", file=sys.stderr)
                return 1
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(RECORD) as part:
            part.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if rows and not any(row["status"] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

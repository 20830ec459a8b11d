"""Gather in `bundle/` what a machine without a network needs: `python tools/bundle.py [OPTION …]`.

The options are pip's. The bundle holds the wheels of what `.[dev,docs]` requires, with what
builds it, and MNIST, verified. What is there is not fetched again.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from s6erav3.data.mnist import MNIST_FILES, RAW, download_mnist, find_data_dir, read_checked
from s6erav3.files import atomic_write

ROOT = Path(__file__).resolve().parent.parent
BUNDLE = ROOT / "bundle"
WANTED = ["-c", "constraints.txt", ".[dev,docs]", "setuptools", "wheel"]
README = """\
What the project needs, for a machine without a network.

  wheels/  {n} packages for pip, for Python {python} on {platform}
  data/    MNIST, verified

Copy the whole clone, this folder in it, to a machine of that kind that has Python {python} and
make. There, in the clone,

  make train

installs from wheels/ and trains on data/ by itself; so do the other targets, but not test-browser.
In full:

  make train PIP_ARGS='--no-index --find-links bundle/wheels' ARGS='--data-dir bundle/data'
"""


def missing_wheel(wheels: Path) -> str:
    "Why an installation from `wheels` alone would fail, in pip's words, or nothing."
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PIP_")
    } | {"PIP_CONFIG_FILE": os.devnull}
    command = [
        sys.executable,
        "-X",
        "utf8",
        "-m",
        "pip",
        "install",
        "-q",
        "--dry-run",
        "--ignore-installed",
        "--no-index",
        "--find-links",
        wheels,
        *WANTED,
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8")
    errors = [line.split("ERROR: ")[1] for line in done.stderr.splitlines() if "ERROR: " in line]
    return (errors or ["pip failed"])[-1] if done.returncode else ""


def gather_wheels(wheels: Path, pip_args: list[str]):
    "Have `wheels` hold all that an installation needs; `OSError` if it cannot be had."
    if wheels.is_dir() and not missing_wheel(wheels):
        return
    print("Fetching wheels, 3 GB the first time …", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-d", wheels, *pip_args, *WANTED], cwd=ROOT
    )
    if done.returncode:
        raise OSError(
            "pip cannot fetch the wheels (see above); mend that and run make bundle again"
        )
    if reason := missing_wheel(wheels):
        raise OSError(f"{wheels} does not suffice for an installation: {reason}")


def files_of(folder: Path) -> dict[str, bytes]:
    "MNIST's files in `folder`, verified; `FileNotFoundError` or `ValueError` if they are not."
    return {name: read_checked(folder / RAW / name) for name in MNIST_FILES}


def gather_mnist(data_dir: Path):
    "Have `data_dir` hold MNIST, verified: copied from where it is found, else fetched."
    found, _ = find_data_dir()
    try:
        return files_of(data_dir)
    except (FileNotFoundError, ValueError):
        pass  # to be put there now
    try:
        files = files_of(found)
    except (FileNotFoundError, ValueError) as error:
        if isinstance(error, ValueError) and found.resolve() != data_dir.resolve():
            raise
        print("Fetching MNIST (12 MB) …", flush=True)
        return download_mnist(data_dir)
    (data_dir / RAW).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with atomic_write(data_dir / RAW / name) as part:
            part.write_bytes(content)


def main(pip_args: list[str]) -> int:
    "Gather everything and say how to use it; the exit status."
    try:
        gather_mnist(BUNDLE / "data")
        gather_wheels(BUNDLE / "wheels", pip_args)
        n, python = len(list((BUNDLE / "wheels").glob("*.whl"))), "{}.{}".format(*sys.version_info)
        with atomic_write(BUNDLE / "README.txt") as part:
            part.write_text(
                README.format(n=n, python=python, platform=sysconfig.get_platform()),
                encoding="utf-8",
            )
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in BUNDLE.rglob("*") if path.is_file())
    print(f"bundle/ is complete: {n} wheels for Python {python} and MNIST, {size / 1e9:.1f} GB.")
    print("Copy the clone with it to a machine without a network and run there:\n\n  make train\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

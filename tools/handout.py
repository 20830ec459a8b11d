"""Copy the course without its solutions: `python tools/handout.py [--out handout]`.

The copy has every file of the repository but the solutions of the exercises and the tests that hold
them. `python tools/grade.py` checks what is handed in.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import pages

ROOT = pages.ROOT
LEFT_OUT = ("exercises/solutions/", "tests/")


def tracked_files(root: Path = ROOT) -> list[str]:
    "The files of the repository, as Git knows them; `OSError` where there is no Git."
    command = ["git", "ls-files", "-z"]
    done = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise OSError(f"git ls-files failed in {root}: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name and (root / name).is_file()]


def copy(out: Path, root: Path = ROOT) -> int:
    "Copy all but the solutions into `out`; the number of files."
    kept = [name for name in tracked_files(root) if not name.startswith(LEFT_OUT)]
    for name in kept:
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target)
    return len(kept)


def main(arguments: list[str] | None = None) -> int:
    "Make the copy; the exit status."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "handout", help="an empty or new folder")
    out = parser.parse_args(arguments).out
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        print(f"Error: {out} is not an empty folder; name another with --out", file=sys.stderr)
        return 1
    try:
        number = copy(out)
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{number} files in {out}, without {' and '.join(LEFT_OUT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

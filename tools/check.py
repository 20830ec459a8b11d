"""The test commands: `python tools/check.py [--quick | --all] [NOTEBOOK or TEST ...]`.

Without options: every notebook, and every test that is not marked `thorough`. `--quick`: the
tests marked `quick`, no notebook. `--all`: every notebook with its slow cells, every test. With
names, only those. The exit status is 0 if all pass. All processors are kept busy; tools/jobs.py
says how a run ends. With MNIST in place its tests run too; without, what needs it is skipped, and
named. Nothing is ever downloaded.
"""

import argparse
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import jobs
import pages

ROOT = pages.ROOT
PRELOAD = [  # imported once, not by every notebook; none of them starts a thread
    "matplotlib.pyplot",
    "nbdev.test",
    "pandas",
    "scipy.stats",
    "sklearn",
    "torch",
    "torchvision",
]
LONGEST_FIRST = ("performance", "sweeps", "attribution", "robustness", "checkpoints", "execution")
MARKS = {"quick": "quick and not thorough", "test": "not thorough", "all": "not browser"}


def flagged(flag: str, root: Path) -> Iterator[str]:
    "The cells that carry the directive `flag`: their notebook and their first line."
    for path in pages.notebooks(root):
        for cell in pages.cells(path):
            if flag in pages.directives(cell["source"]):
                first = pages.without_directives(cell["source"]).splitlines()[0]
                yield f"{pages.place(path, root)}, cell {cell['index']}: {first}"


def find_mnist(root: Path) -> bool:
    """Whether MNIST is in place, verified; if not, what is skipped is printed.

    `FileNotFoundError` where a folder is named that lacks it, `ValueError` where it is damaged.
    """
    from s6erav3.data.mnist import find_data_dir, load_mnist

    folder, named = find_data_dir()
    try:
        load_mnist(download=False)
    except FileNotFoundError as error:
        if named:
            raise
        reason = str(error).split(";")[0]
        print(
            f"MNIST is not in place ({reason}). These cells are skipped: they state facts about it."
        )
        for cell in flagged("mnist", root):
            print(f"  {cell}")
        return False
    os.environ["S6ERAV3_DATA"] = str(folder.resolve())
    return True


def run_notebook(path: Path, flags: list[str], root: Path) -> bool:
    "Run the cells of a notebook as `nbdev_test` does."
    os.chdir(path.parent)
    from nbdev.config import get_config
    from nbdev.test import test_nb

    skipped = get_config().tst_flags.split()
    passed, _ = test_nb(path, skip_flags=skipped, force_flags=flags, basepath=root)
    return passed


def run_pytest(options: list[str], root: Path) -> bool:
    "Run tests."
    import pytest

    os.chdir(root)
    return pytest.main(options) == 0


def notebook_jobs(paths: list[Path], flags: list[str], root: Path) -> list[jobs.Job]:
    "A job for each notebook; the longest start first, or one of them would run alone at the end."
    ranks = {name: rank for rank, name in enumerate(LONGEST_FIRST)}
    ordered = sorted(paths, key=lambda path: ranks.get(path.stem, len(ranks)))
    return [
        jobs.Job(pages.place(path, root), run_notebook, (path, flags, root)) for path in ordered
    ]


def pytest_job(tests: list[str], speed: str, workers: int, root: Path) -> jobs.Job:
    "The job that runs tests, all of a speed if none is named."
    options = [
        "-q",
        "-rfEs",
        "--no-fold-skipped",
        "--durations",
        "10",
        "-n",
        str(workers),
    ]
    if not tests:
        options += ["-m", MARKS[speed]]
    return jobs.Job("tests", run_pytest, ([*options, *(tests or ["tests"])], root), follow=True)


def plan(given: argparse.Namespace, root: Path) -> list[jobs.Job]:
    "What is to be run. `OSError` or `ValueError` if MNIST is named and cannot be used."
    named = [Path(name).resolve() for name in given.names if name.endswith(".ipynb")]
    tests = [name for name in given.names if not name.endswith(".ipynb")]
    paths = named or ([] if tests or given.speed == "quick" else pages.notebooks(root))
    flags = ["slow"] if given.speed == "all" else []
    if find_mnist(root):
        flags.append("mnist")
    planned = notebook_jobs(paths, flags, root)
    if tests or not named:
        planned.append(pytest_job(tests, given.speed, given.workers, root))
    return planned


def parse(arguments: list[str] | None) -> argparse.Namespace:
    "The options and names of a call."
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    speed = parser.add_mutually_exclusive_group()
    for name in ("quick", "all"):
        speed.add_argument(f"--{name}", dest="speed", action="store_const", const=name)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.set_defaults(speed="test")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    "Run everything; the exit status."
    given = parse(arguments)
    os.environ |= {"S6ERAV3_OFFLINE": "1", "MPLBACKEND": "agg", "PYTHONUTF8": "1"}
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a console may lack some characters
    if given.workers > 1:
        os.environ["OMP_NUM_THREADS"] = "1"  # or each of several processes would use all processors
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # or threads that wait would keep them busy
    try:
        planned = plan(given, root)
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    try:
        failed = jobs.Run(planned, given.workers, PRELOAD)()
    except jobs.Stopped as stopped:
        return 128 + stopped.number
    print(f"FAILED: {', '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The test command: every notebook, then every test. `python tools/check.py`; exit status 0 if all pass.

With MNIST at hand its tests run too; without, what needs it is skipped, and named. Nothing is ever downloaded.
"""

import os
import subprocess
import sys
from pathlib import Path

from s6erav3.data import find_data_dir, load_mnist

ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 900  # seconds for all notebooks


def flagged(flag: str) -> list[str]:
    "The cells that carry `#| flag`, as notebook and first line."
    from execnb.nbio import read_nb

    return [
        f"{path.relative_to(ROOT)}: {[line for line in cell.source.splitlines() if not line.startswith('#|')][0].strip()}"
        for path in sorted((ROOT / "nbs").glob("*.ipynb"))
        for cell in read_nb(path).cells
        if cell.cell_type == "code" and f"#| {flag}\n" in cell.source
    ]


def mnist_at_hand() -> bool:
    "Whether the digits are there, verified; say what is skipped if not. `ValueError` if they are damaged."
    folder, named = find_data_dir()
    try:
        load_mnist(download=False)
    except FileNotFoundError as error:
        if named:
            raise
        print(
            f"MNIST is not at hand ({str(error).split(';')[0]}). Cells skipped because they state facts about it:"
        )
        for cell in flagged("mnist"):
            print(f"  {cell}")
        return False
    os.environ["S6ERAV3_DATA"] = str(folder.resolve())
    return True


def test_notebooks(mnist: bool) -> bool:
    "Run all cells of all notebooks, each notebook in a process of its own."
    command = [
        Path(sys.executable).parent / "nbdev_test",
        "--n_workers",
        str(min(4, os.cpu_count() or 1)),
        "--timing",
    ]
    if mnist:
        command += ["--flags", "mnist"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    try:
        return subprocess.run(command, cwd=ROOT, env=environment, timeout=DEADLINE).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"Error: the notebooks were not done after {DEADLINE} s", file=sys.stderr)
        return False


def main() -> int:
    "Run everything; the exit status."
    os.environ["S6ERAV3_OFFLINE"] = "1"
    try:
        mnist = mnist_at_hand()
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print("notebooks …", flush=True)
    notebooks_pass = test_notebooks(mnist)
    print("tests …", flush=True)
    tests_pass = (
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-rs", "--no-fold-skipped", "tests"], cwd=ROOT
        ).returncode
        == 0
    )
    print(
        f"notebooks {'pass' if notebooks_pass else 'FAIL'}, tests {'pass' if tests_pass else 'FAIL'}"
    )
    return 0 if notebooks_pass and tests_pass else 1


if __name__ == "__main__":
    raise SystemExit(main())

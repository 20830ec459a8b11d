"""Ship the median of several runs: `python tools/ship.py RUN RUN ...`, each a folder written by `s6erav3 train --out`.

The run whose held-out accuracy in the last epoch is the median (the lower one of two) goes into the package, weights and
record; the records of all go into `results/`. The test digits have no say.
"""
import shutil
import sys
from pathlib import Path

from s6erav3.training.train import read_record

ROOT = Path(__file__).resolve().parent.parent


def main(folders) -> int:
    "Copy records and weights; the exit status."
    if not folders:
        print(f"Error: name the folders of the runs; {__doc__.splitlines()[0]}", file=sys.stderr)
        return 2
    runs = {Path(folder): read_record(Path(folder) / "record.json") for folder in folders}
    names = {record["recipe_name"] for record in runs.values()}
    if len(names) > 1:
        print(f"Error: these are runs of several recipes: {', '.join(sorted(names))}", file=sys.stderr)
        return 1
    for folder, record in runs.items():
        shutil.copy(folder / "record.json", ROOT / "results" / f"{record['recipe_name']}-seed{record['seed']}.json")
    ranked = sorted(runs, key=lambda folder: (runs[folder]["history"][-1]["validation_accuracy"], runs[folder]["seed"]))
    median = ranked[(len(ranked) - 1) // 2]
    weights = ROOT / "s6erav3" / "weights"
    weights.mkdir(exist_ok=True)
    shutil.copy(median / "mnist_model.pth", weights / f"{names.pop()}.pth")
    shutil.copy(median / "record.json", weights / f"{runs[median]['recipe_name']}.json")
    print(f"shipped {median}")
    return 0


if __name__ == "__main__": raise SystemExit(main(sys.argv[1:]))

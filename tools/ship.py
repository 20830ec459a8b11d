"""Ship the median of several runs: `python tools/ship.py RUN RUN ...`, each a folder with a run's weights and record.

The median (the lower one of two) is by held-out accuracy in the last epoch, and where nothing was held out by the loss on
the training digits: the test digits have no say. Its weights and record go into the package under the recipe's name, the
records of all into `results/`. With `--name NAME` they ship under that name, and no records go into `results/`.
"""

import argparse
import sys
from pathlib import Path

from s6erav3.training.train import read_record

from collect import copy_whole

ROOT = Path(__file__).resolve().parent.parent


def merit(record) -> float:
    "What runs of a recipe are ranked by: more is better."
    last = record["history"][-1]
    return last["validation_accuracy"] if record["holdout"] else -last["train_loss"]


def main() -> int:
    "Copy records and weights; the exit status."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", metavar="RUN", nargs="+", type=Path)
    parser.add_argument("--name")
    args = parser.parse_args()
    try:
        runs = {folder: read_record(folder / "record.json") for folder in args.folders}
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    names = {record["recipe_name"] for record in runs.values()}
    if len(names) > 1:
        print(
            f"Error: these are runs of several recipes: {', '.join(sorted(names))}", file=sys.stderr
        )
        return 1
    if not args.name:
        for folder, record in runs.items():
            copy_whole(
                folder / "record.json",
                ROOT / "results" / f"{record['recipe_name']}-seed{record['seed']}.json",
            )
    ranked = sorted(runs, key=lambda folder: (merit(runs[folder]), runs[folder]["seed"]))
    median, name = ranked[(len(ranked) - 1) // 2], args.name or names.pop()
    weights = ROOT / "s6erav3" / "weights"
    copy_whole(median / "mnist_model.pth", weights / f"{name}.pth")
    copy_whole(median / "record.json", weights / f"{name}.json")
    print(f"shipped {median} as {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

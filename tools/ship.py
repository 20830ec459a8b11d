"""Ship the median of several runs: `python tools/ship.py RUN RUN …`, each a folder of a run.

The median (the lower one of two) is by validation accuracy after the last epoch, and without a
validation set by training loss: the test set has no say. Its weights, as a safetensors file, and
its record go into the package under the recipe's name, the records of all runs into `results/`.
With `--name NAME` they ship under that name, and no records go into `results/`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from s6erav3.models.weights import load_weights, write_tensors
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import RunRecord, read_record, write_record

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "s6erav3" / "weights"
RESULTS = ROOT / "results"


def merit(record: RunRecord) -> float:
    "What the runs of a recipe are ranked by: more is better."
    last = record["history"][-1]
    return last["validation_accuracy"] if record["holdout"] else -last["train_loss"]


def median_run(runs: dict) -> Any:
    "The key of the median record by merit, then by seed; the lower one of two."
    ranked = sorted(runs, key=lambda key: (merit(runs[key]), runs[key]["seed"]))
    return ranked[(len(ranked) - 1) // 2]


def kind(record: RunRecord) -> tuple:
    "What runs have in common that are ranked together."
    is_tested = record["test_accuracy"] is not None
    compiled = record["environment"]["compile"]
    return Recipe.from_record(record), record["holdout"], is_tested, compiled


def read_runs(folders: list[Path]) -> dict[Path, RunRecord]:
    "The record of each folder; `ValueError` unless all are of one kind, with different seeds."
    runs = {folder: read_record(folder / "record.json") for folder in folders}
    if len({kind(record) for record in runs.values()}) > 1:
        raise ValueError("these runs differ in recipe, validation set, test or compilation")
    if len({record["seed"] for record in runs.values()}) < len(folders):
        raise ValueError("two of these runs have the same seed")
    return runs


def ship_weights(source: Path, record: RunRecord, target: Path):
    "Write the weights of a run, with its recipe, to a safetensors file."
    model = Recipe.from_record(record).build()
    metadata = {"recipe": json.dumps(record["recipe"])}
    write_tensors(load_weights(model, source).state_dict(), target, metadata)


def main(arguments: list[str] | None = None) -> int:
    "Copy records and weights; the exit status."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", metavar="RUN", nargs="+", type=Path)
    parser.add_argument("--name", help="ship under this name, and keep no records")
    args = parser.parse_args(arguments)
    try:
        runs = read_runs(args.folders)
        median = median_run(runs)
        record = runs[median]
        name = record["recipe_name"] if args.name is None else args.name
        if not name.isidentifier():
            raise ValueError(f"a name has letters, digits and _, unlike {name!r}; --name gives one")
        ship_weights(median / "mnist_model.pth", record, WEIGHTS / f"{name}.safetensors")
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    write_record(record, WEIGHTS / f"{name}.json")
    if args.name is None:
        for run in runs.values():
            write_record(run, RESULTS / f"{name}-seed{run['seed']}.json")
    print(f"shipped {median} as {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

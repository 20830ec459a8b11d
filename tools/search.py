"""Try recipes on the held-out digits: `python tools/search.py [ROUND …]` makes the runs of the rounds named, or of all.

Each run learns from 55,000 digits and is judged by the 5,000 held out of the 60,000; the test digits are never looked at.
The round of folds holds out another 5,000 with every seed, because the same 5,000 cannot tell apart what differs by less than 0.1 points.
The records go to results/search; started again, it makes only what is missing.
"""
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from s6erav3.data import load_splits
from s6erav3.experiments import read_records, summarize, sweep
from s6erav3.training.train import Recipe

ROOT = Path(__file__).resolve().parent.parent
CYCLE = Recipe("cycle", learning_rate=0.3, schedule="one_cycle", dropout=0.0, rotation=8.0, scale=0.08, translate=0.06, shear=5.0, elastic=0.7, plain_epochs=3)
LIGHT = replace(CYCLE, name="light", rotation=5.0, scale=0.05, translate=0.04, shear=3.0, elastic=0.0)
SHORT = replace(LIGHT, name="short", epochs=3, learning_rate=0.2, plain_epochs=1)
HALF = {"rotation": 2.5, "scale": 0.025, "translate": 0.02, "shear": 1.5}
RIGID = replace(CYCLE, name="cycle-rigid", elastic=0.0)
LATE = replace(CYCLE, name="cycle-late", learning_rate=0.4, plain_epochs=5)
ELASTIC = replace(LIGHT, name="light-elastic", elastic=0.4)
FOLDS = {200 + fold: fold for fold in range(1, 12)}
ROUNDS = {  # name: recipes, and for each seed the fold that is held out
    "cycle": ([CYCLE, RIGID, replace(CYCLE, name="cycle-ema", ema=0.998)], {100: 0, 101: 0}),
    "cycle-others": ([LATE, replace(CYCLE, name="cycle-small-batch", batch_size=64, learning_rate=0.2)], {100: 0}),
    "short": ([SHORT, replace(SHORT, name="short-muon", muon=0.03), replace(SHORT, name="short-muon-quicker", muon=0.06),
               replace(SHORT, name="short-muon-elastic", muon=0.03, elastic=0.4), replace(SHORT, name="short-muon-64", muon=0.03, batch_size=64)], {100: 0, 101: 0, 102: 0}),
    "light": ([LIGHT, ELASTIC], {100: 0, 101: 0}),
    "light-fits": ([replace(LIGHT, name="light-muon", muon=0.02), replace(LIGHT, name="light-late", learning_rate=0.4, plain_epochs=5)], {100: 0}),
    "lighter": ([replace(LIGHT, name="light-half", **HALF)], {100: 0, 101: 0}),
    "third": ([LIGHT, replace(LIGHT, name="light-half", **HALF)], {102: 0}),
    "folds": ([CYCLE, RIGID, LIGHT, ELASTIC, LATE, replace(RIGID, name="cycle-rigid-muon", muon=0.02)], FOLDS),
    "shorter": ([replace(SHORT, name="short-half-muon", muon=0.03, **HALF), replace(SHORT, name="short-half-muon-64", muon=0.03, batch_size=64, **HALF),
                 replace(SHORT, name="short-half-muon-four", muon=0.03, epochs=4, **HALF), replace(SHORT, name="short-half-muon-64-four", muon=0.03, batch_size=64, epochs=4, **HALF)],
                {100: 0, 101: 0, 102: 0}),
}


def main() -> int:
    names = sys.argv[1:] or list(ROUNDS)
    if unknown := set(names) - ROUNDS.keys():
        print(f"Error: there is no round {', '.join(sorted(unknown))}; choose among {', '.join(ROUNDS)}", file=sys.stderr)
        return 2
    runs, results, status = ROOT / "runs" / "search", ROOT / "results" / "search", 0
    results.mkdir(exist_ok=True)
    for name in names:
        recipes, folds = ROUNDS[name]
        for seed, fold in folds.items():
            faults = sweep(recipes, [seed], load_splits("mnist", fold=fold), runs, test=False)
            for run, fault in faults.items(): print(f"{run}: {fault}", file=sys.stderr)
            status = status or bool(faults)
        for record in runs.glob("*/record.json"): shutil.copy(record, results / f"{record.parent.name}.json")
        print(name, summarize(read_records(runs, recipes, folds)).iloc[:, :3].round(3), sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Try recipes on the held-out digits: `python tools/search.py [ROUND …]` makes the runs of the rounds named, or of all.

Each run learns from 55,000 digits and is judged by the 5,000 held out of the 60,000; the test digits are never looked at.
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
ROUNDS = {  # name: recipes and seeds
    "cycle": ([CYCLE, replace(CYCLE, name="cycle-rigid", elastic=0.0), replace(CYCLE, name="cycle-ema", ema=0.998)], [100, 101]),
    "short": ([SHORT, replace(SHORT, name="short-muon", muon=0.03), replace(SHORT, name="short-muon-quicker", muon=0.06),
               replace(SHORT, name="short-muon-elastic", muon=0.03, elastic=0.4), replace(SHORT, name="short-muon-64", muon=0.03, batch_size=64)], [100, 101, 102]),
    "light": ([LIGHT, replace(LIGHT, name="light-elastic", elastic=0.4), replace(LIGHT, name="light-muon", muon=0.02),
               replace(LIGHT, name="light-late", learning_rate=0.4, plain_epochs=5)], [100, 101, 102]),
}


def main() -> int:
    names = sys.argv[1:] or list(ROUNDS)
    if unknown := set(names) - ROUNDS.keys():
        print(f"Error: there is no round {', '.join(sorted(unknown))}; choose among {', '.join(ROUNDS)}", file=sys.stderr)
        return 2
    splits, status = load_splits("mnist"), 0
    for name in names:
        recipes, seeds = ROUNDS[name]
        faults = sweep(recipes, seeds, splits, ROOT / "runs" / "search", test=False)
        for run, fault in faults.items(): print(f"{run}: {fault}", file=sys.stderr)
        status = status or bool(faults)
        folder = ROOT / "results" / "search"
        folder.mkdir(exist_ok=True)
        for record in (ROOT / "runs" / "search").glob("*/record.json"): shutil.copy(record, folder / f"{record.parent.name}.json")
        print(name, summarize(read_records(ROOT / "runs" / "search", recipes, seeds)).iloc[:, :3].round(3), sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

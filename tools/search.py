"""Try recipes on the held-out digits: `python tools/search.py [ROUND …]` makes the runs of the rounds named, or of all.

Each run learns from some of the 60,000 digits and is judged by the others, which are held out; the test digits are never looked at.
The first rounds hold out the same 5,000, which cannot tell apart what differs by less than 0.1 points. The round "four" holds out
20,000, another third with every seed, so that the runs of a recipe together are judged by all 60,000. "narrow" looks for the smallest
networks, with 10,000 held out, others with each seed. "chosen" watches what was chosen.
What a teacher is worth, and what it should be like, is for tools/lessons.py.
The records go to results/search; started again, it makes only what is missing.
"""

import sys
from dataclasses import replace
from pathlib import Path

from collect import collect
from s6erav3.data import load_splits
from s6erav3.experiments import read_records, summarize, sweep
from s6erav3.models.model import MNISTModel, count_parameters
from s6erav3.training.train import Recipe

ROOT = Path(__file__).resolve().parent.parent
CYCLE = Recipe(
    "cycle",
    learning_rate=0.3,
    schedule="one_cycle",
    dropout=0.0,
    rotation=8.0,
    scale=0.08,
    translate=0.06,
    shear=5.0,
    elastic=0.7,
    plain_epochs=3,
)
LIGHT = replace(
    CYCLE, name="light", rotation=5.0, scale=0.05, translate=0.04, shear=3.0, elastic=0.0
)
SHORT = replace(LIGHT, name="short", epochs=3, learning_rate=0.2, plain_epochs=1)
HALF = {"rotation": 2.5, "scale": 0.025, "translate": 0.02, "shear": 1.5}
RIGID = replace(CYCLE, name="cycle-rigid", elastic=0.0)
LATE = replace(CYCLE, name="cycle-late", learning_rate=0.4, plain_epochs=5)
ELASTIC = replace(LIGHT, name="light-elastic", elastic=0.4)
FOUR = replace(Recipe.fast(), name="four-all")


def narrow(recipe, *sizes):
    return [
        replace(recipe, name=f"narrow-{count_parameters(MNISTModel(channels))}", channels=channels)
        for channels in sizes
    ]


ROUNDS = {  # name: recipes, for each seed the fold that is held out, and how many digits that is (None: 5,000)
    "cycle": ([CYCLE, RIGID, replace(CYCLE, name="cycle-ema", ema=0.998)], {100: 0, 101: 0}, None),
    "cycle-others": (
        [LATE, replace(CYCLE, name="cycle-small-batch", batch_size=64, learning_rate=0.2)],
        {100: 0},
        None,
    ),
    "short": (
        [
            SHORT,
            replace(SHORT, name="short-muon", muon=0.03),
            replace(SHORT, name="short-muon-quicker", muon=0.06),
            replace(SHORT, name="short-muon-elastic", muon=0.03, elastic=0.4),
            replace(SHORT, name="short-muon-64", muon=0.03, batch_size=64),
        ],
        {100: 0, 101: 0, 102: 0},
        None,
    ),
    "light": ([LIGHT, ELASTIC], {100: 0, 101: 0}, None),
    "light-fits": (
        [
            replace(LIGHT, name="light-muon", muon=0.02),
            replace(LIGHT, name="light-late", learning_rate=0.4, plain_epochs=5),
        ],
        {100: 0},
        None,
    ),
    "lighter": ([replace(LIGHT, name="light-half", **HALF)], {100: 0, 101: 0}, None),
    "third": ([LIGHT, replace(LIGHT, name="light-half", **HALF)], {102: 0}, None),
    "shorter": (
        [
            replace(SHORT, name="short-half-muon", muon=0.03, **HALF),
            replace(SHORT, name="short-half-muon-64", muon=0.03, batch_size=64, **HALF),
            replace(SHORT, name="short-half-muon-four", muon=0.03, epochs=4, **HALF),
            replace(
                SHORT, name="short-half-muon-64-four", muon=0.03, batch_size=64, epochs=4, **HALF
            ),
        ],
        {100: 0, 101: 0, 102: 0},
        None,
    ),
    "four": (
        [
            FOUR,
            replace(
                FOUR,
                name="four-half",
                rotation=4.0,
                scale=0.04,
                translate=0.03,
                shear=2.5,
                elastic=0.35,
            ),
            replace(FOUR, name="four-sgd", muon=0.0),
        ],
        {110: 0, 111: 1, 112: 2},
        20_000,
    ),
    "narrow": (
        narrow(Recipe.smallest_99(), (4, 5, 4, 6, 7, 9), (4, 6, 4, 6, 8, 10))
        + narrow(Recipe.smallest_994(), (6, 8, 6, 8, 11, 14), (6, 9, 6, 9, 12, 15)),
        {120: 0, 121: 1},
        10_000,
    ),
    "narrow-others": (
        narrow(Recipe.smallest_99(), (3, 5, None, 5, 6, 9), (4, 7, 4, 7, 9, 11))
        + narrow(Recipe.smallest_994(), (5, 8, 5, 8, 10, 12), (7, 10, 7, 10, 14, 17)),
        {120: 0},
        10_000,
    ),
    "chosen": ([Recipe.best(), Recipe.fast()], {20: 0, 21: 0}, None),
}


def main() -> int:
    names = sys.argv[1:] or list(ROUNDS)
    if unknown := set(names) - ROUNDS.keys():
        print(
            f"Error: there is no round {', '.join(sorted(unknown))}; choose among {', '.join(ROUNDS)}",
            file=sys.stderr,
        )
        return 2
    runs, results, status = ROOT / "runs" / "search", ROOT / "results" / "search", 0
    for name in names:
        recipes, folds, holdout = ROUNDS[name]

        def digits_of(seed, folds=folds, holdout=holdout):
            return load_splits("mnist", fold=folds[seed], holdout=holdout)

        faults = sweep(recipes, folds, digits_of, runs, test=False)
        for run, fault in faults.items():
            print(f"{run}: {fault}", file=sys.stderr)
        status = status or bool(faults)
        collect(runs, results)
        print(name, summarize(read_records(runs, recipes, folds)).iloc[:, :3].round(3), sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Compare the candidates of a protocol: `python tools/candidates.py best`.

Each candidate is trained on two folds of the 60,000 training images, and the finalists on three
more folds, without the test set; results/PROTOCOL.md says what for. Runs that are finished are
kept, so that the same call goes on where an earlier one stopped; with --resume also where the
records in results/candidates/ stop. At the end the rule of the protocol names the recipe that is
chosen, and the records are written into NAME.jsonl.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from s6erav3.ablations import final_accuracies
from s6erav3.data.mnist import Splits, load_splits
from s6erav3.experiments import below, make_specs, multiply_adds, read_records, summarize, sweep
from s6erav3.training.execution import ExecutionConfig
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import (
    RunRecord,
    read_study,
    write_record,
    write_study,
)

SCREENING_FOLDS = (0, 1)
FINAL_FOLDS = (2, 3, 4)
VAL_SIZE = 10_000
EXECUTION = ExecutionConfig("on", "bfloat16", "channels_last")
JOBS = 2  # on two cores: one thread for each run

RECORDS = Path(__file__).resolve().parent.parent / "results" / "candidates"
WEIGHT_DECAY = 0.02
STRONG = {"rotation": 12.0, "scale": 0.12, "translate": 0.09, "shear": 7.5, "elastic_std": 1.05}


@dataclass(frozen=True)
class Protocol:
    "Which recipes are compared, and how many of them are trained on the final folds."

    recipes: Callable[[], list[Recipe]]
    finalists: int = 4  # 0 for a pilot, by which nothing is chosen
    screening_folds: tuple[int, ...] = SCREENING_FOLDS
    is_timed: bool = False  # whether the fastest of those admitted is chosen, as for `fast`
    costly: str = ""  # the name of one that is dropped unless it is the best on the first fold


# `best` of version 0.1, written out: the candidates stay the same when `Recipe.best` changes
VERSION_0_1 = Recipe(
    "distilled-20",
    learning_rate=0.3,
    muon_lr=0.02,
    schedule="one_cycle",
    rotation=8.0,
    scale=0.08,
    translate=0.06,
    shear=5.0,
    elastic_std=0.7,
    no_aug_epochs=3,
    dropout=0.0,
    teacher_width=3,
)
PLAIN = VERSION_0_1.replace(name="plain", teacher_width=0)


def with_augmentation(recipe: Recipe, share: float) -> Recipe:
    "The recipe with a share of the augmentation of version 0.1."
    return recipe.replace(**{name: share * getattr(VERSION_0_1, name) for name in STRONG})


def best_candidates() -> list[Recipe]:
    "The candidates for `best`, in the order in which they are trained on each fold."
    recipes = []
    for epochs in (60, 20, 120):
        own = PLAIN.replace(name=f"plain-{epochs}", epochs=epochs)
        recipes += [own.replace(name=f"decay-{epochs}", weight_decay=WEIGHT_DECAY), own]
    long, long_plain = recipes[-2:]
    recipes += [
        long.replace(name="strong-decay-120", **STRONG),
        long.replace(name="average-120", average_epochs=30, no_aug_epochs=0),
        VERSION_0_1,
        VERSION_0_1.replace(name="distilled-decay-20", weight_decay=WEIGHT_DECAY),
        long_plain.replace(name="strong-120", **STRONG),
        VERSION_0_1.replace(name="distilled-60", epochs=60),
    ]
    return recipes


def less_augmentation() -> list[Recipe]:
    "Candidates for `best` with less augmentation, and one without change, in 60 epochs."
    full = PLAIN.replace(name="full-60", epochs=60)
    half = with_augmentation(full, 0.5).replace(name="half-60")
    average = half.replace(weight_decay=WEIGHT_DECAY, average_epochs=20, no_aug_epochs=0)
    return [
        half,
        full.replace(name="rigid-60", elastic_std=0.0),
        average.replace(name="average-half-60"),
        full,
    ]


def stages_of(layout: str) -> list[tuple[int, ...]]:
    "The channels of each block, stage by stage, of a layout like 8-12_12_12."
    return [tuple(map(int, stage.split("-"))) for stage in layout.split("_")]


def stage_candidates(*layouts: str) -> list[Recipe]:
    "Layouts like 8-12_12_12, each trained for 30 epochs with half of the augmentation."
    start = with_augmentation(PLAIN, 0.5).replace(epochs=30, weight_decay=WEIGHT_DECAY)
    return [start.replace(name=layout, stages=stages_of(layout)) for layout in layouts]


def thousand_stages() -> list[Recipe]:
    "Layouts with fewer than 1,000 parameters."
    return stage_candidates(
        "8-12_12_12",
        "6-8_10_12-12",
        "6-8_10-10_12",
        "4-6-8_10_12",
        "6_9-9_11-12",
        "7-10_10_10-10",
        "6_9-10-10-12",
        "6_9-10-10_12",
        "5_8-9-9-9-10",
    )


def weighted_candidates(*layouts: str) -> list[Recipe]:
    "Like `stage_candidates`, with weighted pooling; each name begins with `weighted-`."
    return [
        recipe.replace(name=f"weighted-{recipe.name}", pool="weighted")
        for recipe in stage_candidates(*layouts)
    ]


def three_thousand_stages() -> list[Recipe]:
    "Layouts with fewer than 3,000 parameters."
    global_mean = stage_candidates(
        "12-16_20_24-24",
        "8-12_16-16_24-24",
        "12-16-16_20_24",
        "8-16_20_24-24",
    )
    return [*global_mean, *weighted_candidates("8-16_20_24-24")]


def weighted_stages() -> list[Recipe]:
    "Layouts with weighted pooling and fewer than 1,000 parameters."
    return weighted_candidates(
        "6_9-9_10-10",
        "7_9-9_10-9",
        "5_8-8_8-9-9",
        "5_8-8-8_9-9",
        "6-8_10_10-10",
    )


def two_strengths(layout: Recipe, prefix: str = "") -> list[Recipe]:
    "A layout for 150 epochs, with half and with all of the augmentation."
    half = layout.replace(name=f"{prefix}half", epochs=150)
    return [half, with_augmentation(half, 1).replace(name=f"{prefix}full")]


def weighted() -> list[Recipe]:
    "Two ways to train the layout that was chosen from `weighted_stages`."
    return two_strengths(chosen_by("weighted-stages"), "weighted-")


def weighted_epochs() -> list[Recipe]:
    "What was chosen from `weighted`, and the same with 300 epochs."
    half = chosen_by("weighted")
    return [half, half.replace(name=f"{half.name}-300", epochs=300)]


def chosen_by(name: str) -> Recipe:
    """The recipe that the records of a protocol choose.

    `ValueError` without records, for a candidate that lacks a fold, and for a pilot."""
    protocol = PROTOCOLS[name]
    if not protocol.finalists:
        raise ValueError(f"by {name}, a pilot, nothing is chosen")
    recipes = protocol.recipes()
    path = RECORDS / f"{name}.jsonl"
    advice = f"`python tools/candidates.py {name} --resume` makes them, for you to copy to {path}"
    if not path.is_file():
        raise ValueError(f"there are no records of {name}; {advice}")
    records = read_study(path)
    if missing := candidates_without_runs(protocol, recipes, records):
        raise ValueError(f"{path}: runs of {', '.join(missing)} are missing; {advice}")
    chosen = choose(recipes, records)
    return next(recipe for recipe in recipes if recipe.name == chosen)


def candidates_without_runs(
    protocol: Protocol, recipes: list[Recipe], records: list[RunRecord]
) -> list[str]:
    "The names of the candidates that lack a fold of the screening, or as finalists another one."
    names = [recipe.name for recipe in recipes]
    accuracy = final_accuracies(records).reindex(names, columns=SCREENING_FOLDS + FINAL_FOLDS)
    screened = accuracy[list(protocol.screening_folds)]
    if (is_missing := screened.isna().any(axis=1)).any():
        return list(accuracy.index[is_missing])
    finalists = best_first(recipes, records, protocol.screening_folds)[: protocol.finalists]
    return [one.name for one in finalists if accuracy.loc[one.name].isna().any()]


def thousand_pilot() -> list[Recipe]:
    "Learning rates for the layout that was chosen from `thousand_stages`, for 30 epochs each."
    layout = chosen_by("thousand-stages")

    def with_rates(name: str, factor: float) -> Recipe:
        learning_rate, muon_lr = factor * layout.learning_rate, factor * layout.muon_lr
        return layout.replace(name=name, learning_rate=learning_rate, muon_lr=muon_lr)

    return [
        with_rates("rate-half", 1 / 2),
        with_rates("rate-quarter", 1 / 4),
        layout.replace(name="sgd", muon_lr=0.0),
        with_rates("rate-double", 2),
    ]


def thousand() -> list[Recipe]:
    "Ways to train the layout that was chosen from `thousand_stages`, for 150 epochs or more."
    layout = chosen_by("thousand-stages")
    half = layout.replace(name="half", epochs=150)
    return [
        with_augmentation(half, 0).replace(name="none"),
        with_augmentation(half, 0.25).replace(name="quarter"),
        half,
        with_augmentation(half, 1).replace(name="full"),
        half.replace(name="plain", weight_decay=0.0),
        half.replace(name="average", average_epochs=40, no_aug_epochs=0),
        half.replace(name="taught", teacher_width=3),
        half.replace(name="half-300", epochs=300),
    ]


def three_thousand() -> list[Recipe]:
    "Two ways to train the layout that was chosen from `three_thousand_stages`."
    return two_strengths(chosen_by("three-thousand-stages"))


def fast_candidates() -> list[Recipe]:
    "The candidates for `fast`, the first of which is that of version 0.1."
    fast = PLAIN.replace(batch_size=64, learning_rate=0.2, muon_lr=0.05, no_aug_epochs=1)
    kinds = {
        "fast": fast,
        "decay": fast.replace(weight_decay=WEIGHT_DECAY),
        "half": with_augmentation(fast, 0.5),
    }
    recipes = []
    for epochs in (4, 3):
        for kind, recipe in kinds.items():
            recipes.append(recipe.replace(name=f"{kind}-{epochs}", epochs=epochs))
    large = fast.replace(name="large-4", epochs=4, batch_size=128, learning_rate=0.3)
    huge = fast.replace(name="huge-4", epochs=4, batch_size=256, learning_rate=0.4)
    short = [large.replace(name="large-3", epochs=3), huge.replace(name="huge-3", epochs=3)]
    return [*recipes, large, huge, *short]


PROTOCOLS = {
    "best": Protocol(best_candidates),
    "less-augmentation": Protocol(less_augmentation),
    "thousand-stages": Protocol(thousand_stages),
    "three-thousand-stages": Protocol(three_thousand_stages, finalists=2),
    "thousand-pilot": Protocol(thousand_pilot, finalists=0, screening_folds=(0,)),
    "thousand": Protocol(thousand, finalists=2, costly="taught"),
    "weighted-stages": Protocol(weighted_stages, finalists=2),
    "weighted": Protocol(weighted, finalists=2),
    "weighted-epochs": Protocol(weighted_epochs, finalists=2),
    "three-thousand": Protocol(three_thousand, finalists=2),
    "fast": Protocol(fast_candidates, finalists=10, is_timed=True),
}


def fold_splits(fold: int) -> Splits:
    "MNIST with the 10,000 validation images of a fold."
    return load_splits("mnist", val_size=VAL_SIZE, fold=fold)


def unpack_study(path: Path, folder: Path):
    "Write each record of a study as that of a finished run in `folder`; those there are kept."
    for record in read_study(path):
        run = folder / f"{record['recipe_name']}-seed{record['seed']}" / "record.json"
        if not run.is_file():
            run.parent.mkdir(parents=True, exist_ok=True)
            write_record(record, run)


def finished_runs(protocol: Protocol, folder: Path) -> list[RunRecord]:
    "The records of all runs in `folder`, also of those who were finalists earlier."
    folds = SCREENING_FOLDS + FINAL_FOLDS
    return read_records(folder, make_specs(protocol.recipes(), folds, fold_splits, EXECUTION))


def best_first(
    recipes: list[Recipe], records: list[RunRecord], folds: tuple[int, ...]
) -> list[Recipe]:
    "The recipes by their mean validation accuracy on some folds."
    means = final_accuracies(records)[list(folds)].mean(axis=1)
    return sorted(recipes, key=lambda recipe: means[recipe.name], reverse=True)


def make_runs(protocol: Protocol, folder: Path) -> dict[str, str]:
    "Make the runs of the screening and of the finalists that are missing; the faults by run."
    recipes = kept = protocol.recipes()
    first, *others = protocol.screening_folds
    on_first = make_specs(recipes, (first,), fold_splits, EXECUTION)
    if protocol.costly:
        if faults := sweep(on_first, folder, JOBS, test=False):
            return faults
        best, *_ = best_first(recipes, read_records(folder, on_first), (first,))
        kept = [one for one in recipes if one is best or one.name != protocol.costly]
    screening = on_first + make_specs(kept, others, fold_splits, EXECUTION)
    if faults := sweep(screening, folder, JOBS, test=False):
        return faults
    screened = read_records(folder, screening)
    finalists = best_first(kept, screened, protocol.screening_folds)[: protocol.finalists]
    final = make_specs(finalists, FINAL_FOLDS, fold_splits, EXECUTION)
    return sweep(final, folder, JOBS, test=False)


def simplicity(recipe: Recipe) -> tuple[bool, ...]:
    "Sorts simple recipes first, by the list in the protocol."
    return (
        recipe.teacher_width > 0,
        recipe.average_epochs > 0,
        recipe.weight_decay > 0,
        recipe.elastic_std > VERSION_0_1.elastic_std,
    )


def choose(recipes: list[Recipe], records: list[RunRecord]) -> str:
    """The name of the recipe that the protocol's rule chooses, of those trained on all folds.

    A finalist whose place was taken by a late candidate is among them.
    Tied with the highest mean is what lies below it by at most one standard error of the paired
    differences over the folds. Of those equally simple and cheap, the highest is chosen."""
    accuracy = final_accuracies(records).dropna()
    means = accuracy.mean(axis=1)
    candidates = tied(recipes, accuracy, means.idxmax())

    def order(recipe):
        return simplicity(recipe), multiply_adds(recipe), -means[recipe.name]

    return min(candidates, key=order).name


def admitted(recipes: list[Recipe], records: list[RunRecord]) -> list[str]:
    """The names of those recipes that are not less accurate than the first.

    Their mean lies below that of the first by at most one standard error of the differences.
    `ValueError` if a recipe lacks a fold."""
    names = [recipe.name for recipe in recipes]
    accuracy = final_accuracies(records).reindex(names)
    if (is_missing := accuracy.isna().any(axis=1)).any():
        raise ValueError(f"runs of {', '.join(accuracy.index[is_missing])} are missing")
    return [recipe.name for recipe in tied(recipes, accuracy, names[0])]


def tied(recipes: list[Recipe], accuracy: pd.DataFrame, reference: str) -> list[Recipe]:
    "Those in `accuracy` that are below `reference` by at most one standard error, or above it."
    table = below(accuracy, reference)
    names = table.index[table["below"] <= table["standard error"]]
    return [recipe for recipe in recipes if recipe.name in names]


def main(arguments: list[str] | None = None) -> int:
    "Make the runs that are missing and print the table; the exit status."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("--output-dir", type=Path, default=Path("runs"))
    parser.add_argument(
        "--resume", action="store_true", help="keep the runs recorded in results/candidates/"
    )
    parser.add_argument(
        "--collect", action="store_true", help="make no runs; write the records of those finished"
    )
    args = parser.parse_args(arguments)
    folder = args.output_dir / args.protocol
    try:
        protocol = PROTOCOLS[args.protocol]
        if args.resume:
            unpack_study(RECORDS / f"{args.protocol}.jsonl", folder)
        faults = {} if args.collect else make_runs(protocol, folder)
        records = finished_runs(protocol, folder)
        if not records and not faults:
            raise ValueError(f"no run in {folder} is finished")
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(summarize(records).to_string(float_format="%.3f"))
    command = f"python tools/candidates.py {args.protocol}"
    write_study(records, command, args.output_dir / f"{args.protocol}.jsonl")
    for run, fault in faults.items():
        print(f"Error: {run}: {fault}", file=sys.stderr)
    if faults or args.collect:
        return bool(faults)
    if protocol.is_timed:
        print(f"to be timed: {', '.join(admitted(protocol.recipes(), records))}")
    elif protocol.finalists:
        print(f"chosen: {choose(protocol.recipes(), records)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

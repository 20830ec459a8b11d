"The comparison of candidates: which runs are made, and who is trained on the last folds."

import json
import re
import statistics
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import candidates
from s6erav3.data.mnist import Digits, Splits
from s6erav3.models.model import count_parameters
from s6erav3.training.recipe import Recipe

ACCURACIES = {"first": 99.1, "second": 99.5, "third": 99.4, "fourth": 99.2, "fifth": 99.3}
NO_IMAGES = Splits(Digits([], []), None, Digits([], []), "digits")
PROTOCOL = candidates.Protocol(lambda: [Recipe(name) for name in ACCURACIES])


def record(name, fold, accuracy):
    "What the comparison reads of a run record."
    row = {"validation_accuracy": accuracy}
    return {"recipe_name": name, "seed": fold, "history": [row], "test_accuracy": None}


def record_of(spec):
    "A record in which fold 1 is a little better."
    name = spec.recipe.name
    return record(name, spec.seed, ACCURACIES[name] + 0.01 * spec.seed)


@pytest.fixture
def sweeps(monkeypatch):
    "Replace the training; the list gets the runs of each sweep."
    made = []

    def sweep(specs, folder, jobs, test):
        assert not test
        made.append([spec.name for spec in specs])
        return {}

    def read_records(folder, specs):
        names = sum(made, [])
        return [record_of(spec) for spec in specs if spec.name in names]

    monkeypatch.setattr(candidates, "sweep", sweep)
    monkeypatch.setattr(candidates, "fold_splits", lambda fold: NO_IMAGES)
    monkeypatch.setattr(candidates, "read_records", read_records)
    return made


def test_only_the_best_four_are_trained_on_the_last_folds(sweeps):
    assert not candidates.make_runs(PROTOCOL, Path("runs"))
    assert sweeps[0] == [f"{name}-seed{seed}" for seed in (0, 1) for name in ACCURACIES]
    last = ("second", "third", "fifth", "fourth")
    assert sweeps[1] == [f"{name}-seed{seed}" for seed in (2, 3, 4) for name in last]
    assert len(candidates.finished_runs(PROTOCOL, Path("runs"))) == 5 * 2 + 4 * 3


def test_a_late_candidate_leaves_the_runs_of_the_finalist_whose_place_it_takes(sweeps, monkeypatch):
    candidates.make_runs(PROTOCOL, Path("runs"))
    monkeypatch.setitem(ACCURACIES, "late", 99.45)
    candidates.make_runs(PROTOCOL, Path("runs"))
    records = candidates.finished_runs(PROTOCOL, Path("runs"))
    assert "fourth-seed2" not in sweeps[3] and "late-seed2" in sweeps[3]
    n_runs = Counter(record["recipe_name"] for record in records)
    assert n_runs["fourth"] == n_runs["late"] == 5 and n_runs["first"] == 2


def test_after_a_fault_nobody_is_chosen(sweeps, monkeypatch, tmp_path, capsys):
    faults = {"first-seed0": "a fault"}
    candidates.make_runs(PROTOCOL, tmp_path)
    monkeypatch.setattr(candidates, "sweep", lambda *args, **options: faults)
    assert candidates.make_runs(PROTOCOL, tmp_path) == faults
    assert candidates.main(["best", "--output-dir", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "first-seed0: a fault" in printed.err and "chosen" not in printed.out


@pytest.mark.parametrize("costly, is_kept", [("second", True), ("third", False)])
def test_who_is_costly_goes_on_only_as_the_best_of_the_first_fold(sweeps, costly, is_kept):
    protocol = candidates.Protocol(PROTOCOL.recipes, finalists=2, costly=costly)
    assert not candidates.make_runs(protocol, Path("runs"))
    first = [f"{name}-seed0" for name in ACCURACIES]
    kept = [name for name in ACCURACIES if is_kept or name != costly]
    assert sweeps[:2] == [first, first + [f"{name}-seed1" for name in kept]]
    finalists = ("second", "third") if is_kept else ("second", "fifth")
    assert sweeps[-1] == [f"{name}-seed{seed}" for seed in (2, 3, 4) for name in finalists]


def test_a_pilot_has_one_fold_and_no_finalists(sweeps):
    pilot = candidates.Protocol(PROTOCOL.recipes, finalists=0, screening_folds=(0,))
    assert not candidates.make_runs(pilot, Path("runs"))
    assert sweeps == [[f"{name}-seed0" for name in ACCURACIES], []]


def test_without_a_finished_run_nothing_is_collected(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(candidates, "fold_splits", lambda fold: NO_IMAGES)
    assert candidates.main(["best", "--output-dir", str(tmp_path), "--collect"]) == 1
    assert capsys.readouterr().err == f"Error: no run in {tmp_path / 'best'} is finished\n"
    assert not list(tmp_path.iterdir())


def test_records_that_are_there_are_taken_over_and_written_again(monkeypatch, tmp_path, capsys):
    def sweep(specs, folder, jobs, test):
        raise AssertionError("a run is made")

    def fold_splits(fold):
        train, valid = (Digits([0] * n, [0] * n) for n in (50_000, 10_000))
        return Splits(train, valid, train, "MNIST", fold=fold)

    monkeypatch.setattr(candidates, "sweep", sweep)
    monkeypatch.setattr(candidates, "fold_splits", fold_splits)
    arguments = ["thousand-stages", "--output-dir", str(tmp_path), "--collect"]
    assert candidates.main([*arguments, "--resume"]) == 0
    recorded, written = (
        candidates.read_study(folder / "thousand-stages.jsonl")
        for folder in (candidates.RECORDS, tmp_path)
    )
    assert len(written) == len(recorded) > 0
    assert all(record in recorded for record in written)
    assert "chosen" not in capsys.readouterr().out


def finished(name, accuracies):
    "Records of a recipe on five folds."
    return [record(name, fold, accuracy) for fold, accuracy in enumerate(accuracies)]


HIGHEST = [99.50, 99.52, 99.54, 99.56, 99.58]
TIED = [99.54, 99.50, 99.50, 99.58, 99.57]  # 0.002 lower, with a standard error of 0.014
LOWER = [99.49, 99.51, 99.53, 99.55, 99.57]  # 0.01 lower on every fold


@pytest.mark.parametrize(
    "first, second, chosen",
    [
        ((TIED, {"epochs": 120}), (HIGHEST, {"weight_decay": 0.02}), "first"),
        ((LOWER, {}), (HIGHEST, {"weight_decay": 0.02}), "second"),
        ((TIED, {"teacher_width": 3}), (HIGHEST, {"average_epochs": 5}), "second"),
        ((TIED, {"weight_decay": 0.02}), (HIGHEST, {"elastic_std": 1.05}), "second"),
        ((TIED, {}), (HIGHEST, {"epochs": 120}), "first"),
        ((TIED, {"epochs": 120}), (HIGHEST, {}), "second"),
    ],
)
def test_among_tied_recipes_the_simplest_then_the_cheapest_is_chosen(first, second, chosen):
    recipes, records = [], []
    for name, (accuracies, changes) in (("first", first), ("second", second)):
        recipes.append(Recipe(name, **changes))
        records += finished(name, accuracies)
    assert candidates.choose(recipes, records) == chosen


def test_of_those_equally_simple_and_cheap_the_highest_is_chosen():
    recipes = [Recipe("half", rotation=4), Recipe("full", rotation=8)]
    records = finished("half", TIED) + finished("full", HIGHEST)
    assert candidates.choose(recipes, records) == "full"


def test_a_finalist_whose_place_was_taken_can_be_chosen():
    recipes = [Recipe("early", epochs=20), Recipe("late", epochs=30), Recipe("screened")]
    records = finished("early", TIED) + finished("late", HIGHEST) + finished("screened", [99.9] * 2)
    assert candidates.choose(recipes, records) == "early"


def test_who_is_less_accurate_than_today_is_not_admitted():
    records = [
        *finished("today", LOWER),
        *finished("higher", HIGHEST),
        *finished("tied", [99.48, 99.52, 99.53, 99.55, 99.57]),
        *finished("lower", [accuracy - 0.01 for accuracy in LOWER]),
    ]
    recipes = [Recipe(name) for name in ("today", "higher", "tied", "lower")]
    assert candidates.admitted(recipes, records) == ["today", "higher", "tied"]


def test_who_is_not_trained_on_all_folds_is_not_chosen():
    records = finished("a", LOWER) + finished("b", [100.0, 100.0])
    assert candidates.choose([Recipe("a"), Recipe("b")], records) == "a"


@pytest.fixture
def first_chosen(monkeypatch):
    "By the records, the first candidate of each protocol is the most accurate."

    def read_study(path):
        first, *others = candidates.PROTOCOLS[path.stem].recipes()
        lower = [record for other in others for record in finished(other.name, LOWER)]
        return finished(first.name, HIGHEST) + lower

    monkeypatch.setattr(candidates, "read_study", read_study)


def test_every_candidate_of_a_protocol_is_described_in_it(first_chosen):
    protocol = (Path(__file__).parent.parent / "results/PROTOCOL.md").read_text(encoding="utf-8")
    for name, compared in candidates.PROTOCOLS.items():
        for recipe in compared.recipes():
            words = rf"(?<![\w-]){re.escape(recipe.name)}(?![\w-])"
            assert re.search(words, protocol), f"{name}: {recipe.name}"


@pytest.mark.parametrize("name", sorted(path.stem for path in candidates.RECORDS.glob("*.jsonl")))
def test_the_recorded_runs_are_those_of_the_protocol(name):
    "Also after the recipes of the package have changed."
    recipes = {recipe.name: recipe for recipe in candidates.PROTOCOLS[name].recipes()}
    for record in candidates.read_study(candidates.RECORDS / f"{name}.jsonl"):
        assert Recipe.from_record(record) == recipes[record["recipe_name"]]


@pytest.mark.parametrize(
    "name, protocol",
    [
        ("best", "best"),
        ("smallest_994", "three-thousand"),
        ("smallest_99", "weighted"),
        ("smallest_99", "weighted-epochs"),
    ],
)
def test_a_recipe_is_the_candidate_that_was_chosen(name, protocol):
    assert candidates.chosen_by(protocol).replace(name=name) == Recipe.named(name)


def test_twice_the_epochs_are_compared_with_the_runs_that_there_were():
    earlier = candidates.read_study(candidates.RECORDS / "weighted.jsonl")
    compared = candidates.read_study(candidates.RECORDS / "weighted-epochs.jsonl")
    for record in earlier:
        assert (record in compared) == (record["recipe_name"] == "weighted-half")


def test_fast_is_the_candidate_that_was_the_fastest():
    times = json.loads((candidates.RECORDS / "fast_times.json").read_text(encoding="utf-8"))
    medians = {name: statistics.median(own) for name, own in times["seconds"].items()}
    records = candidates.read_study(candidates.RECORDS / "fast.jsonl")
    recipes = {recipe.name: recipe for recipe in candidates.PROTOCOLS["fast"].recipes()}
    assert list(medians) == candidates.admitted(list(recipes.values()), records)
    chosen = recipes[min(medians, key=medians.get)]
    assert chosen.replace(name="fast") == Recipe.fast()


def test_the_augmentation_of_best_is_reduced_in_three_ways():
    half, rigid, average, full = candidates.PROTOCOLS["less-augmentation"].recipes()
    earlier = next(one for one in candidates.best_candidates() if one.name == "plain-60")
    assert full == earlier.replace(name="full-60")
    assert (half.rotation, half.scale, half.elastic_std) == (4, 0.04, 0.35)
    assert rigid == full.replace(name="rigid-60", elastic_std=0)
    assert (average.rotation, average.average_epochs, average.no_aug_epochs) == (4, 20, 0)


def test_the_chosen_layout_is_trained_with_different_augmentation(first_chosen):
    recipes = candidates.PROTOCOLS["thousand"].recipes()
    none, quarter, half, full, plain, average, taught, longer = recipes
    assert [one.rotation for one in (none, quarter, half, full)] == [0, 2, 4, 8]
    assert {one.stages for one in (none, quarter, half, full)} == {half.stages}
    assert half.stages == candidates.thousand_stages()[0].stages
    assert plain.weight_decay == 0 and taught.teacher_width == 3 and average.average_epochs == 40
    assert {one.epochs for one in (half, plain, average, taught)} == {150}
    assert longer == half.replace(name="half-300", epochs=300)


def test_the_layout_with_weighted_pooling_is_trained_with_two_strengths(first_chosen):
    half, full = candidates.PROTOCOLS["weighted"].recipes()
    layout, *_ = candidates.weighted_stages()
    assert layout.pool == half.pool == "weighted" and half.stages == layout.stages
    assert half == layout.replace(name="weighted-half", epochs=150)
    assert (half.rotation, full.rotation, half.epochs, full.epochs) == (4, 8, 150, 150)


def test_the_larger_network_is_trained_with_two_strengths(first_chosen):
    half, full = candidates.PROTOCOLS["three-thousand"].recipes()
    layout, *_ = candidates.three_thousand_stages()
    assert half == layout.replace(name="half", epochs=150)
    assert (half.rotation, full.rotation, full.epochs) == (4, 8, 150)


def test_while_a_finalist_lacks_a_fold_nothing_is_chosen(monkeypatch):
    records = finished("8-12_12_12", HIGHEST) + finished("6-8_10_12-12", HIGHEST[:3])
    monkeypatch.setattr(candidates, "read_study", lambda path: records)
    missing = "runs of 6-8_10-10_12, .* are missing; .*candidates.py thousand-stages .*to copy to"
    with pytest.raises(ValueError, match=missing):
        candidates.chosen_by("thousand-stages")


@pytest.fixture
def with_late_layout(monkeypatch):
    "Records of the layouts with fewer than 3,000 parameters; of the last one, the highest, some."
    *others, late = candidates.three_thousand_stages()
    records = [record for other in others for record in finished(other.name, LOWER)]

    def read_with(n_folds):
        found = records + finished(late.name, HIGHEST[:n_folds])
        monkeypatch.setattr(candidates, "read_study", lambda path: found)
        return late

    return read_with


@pytest.mark.parametrize("n_folds", [0, 1, 2])
def test_without_the_runs_of_a_late_candidate_nothing_is_chosen(with_late_layout, n_folds):
    late = with_late_layout(n_folds)
    with pytest.raises(ValueError, match=f"runs of {late.name} are missing"):
        candidates.chosen_by("three-thousand-stages")


def test_a_late_candidate_can_be_chosen(with_late_layout):
    late = with_late_layout(5)
    assert candidates.chosen_by("three-thousand-stages") == late
    assert {one.pool for one in candidates.three_thousand()} == {"weighted"}


def test_by_a_pilot_nothing_is_chosen():
    with pytest.raises(ValueError, match="by thousand-pilot, a pilot, nothing is chosen"):
        candidates.chosen_by("thousand-pilot")


def test_nobody_is_admitted_while_a_fold_is_missing():
    records = finished("today", HIGHEST) + finished("short", HIGHEST[:2])
    recipes = [Recipe(name) for name in ("today", "short", "none")]
    with pytest.raises(ValueError, match="^runs of short, none are missing"):
        candidates.admitted(recipes, records)


def test_without_a_choice_of_layout_the_training_is_not_compared(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(candidates, "RECORDS", tmp_path)
    assert candidates.main(["thousand", "--output-dir", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: there are no records of thousand-stages; ")
    assert error.count("\n") == 1 and "thousand-stages.jsonl" in error


def test_the_protocol_counts_the_parameters_of_each_layout():
    protocol = (Path(__file__).parent.parent / "results/PROTOCOL.md").read_text(encoding="utf-8")
    limits = {"thousand-stages": 1_000, "weighted-stages": 1_000, "three-thousand-stages": 3_000}
    for name, limit in limits.items():
        for recipe in candidates.PROTOCOLS[name].recipes():
            n = count_parameters(recipe.build())
            assert n < limit and f"| {recipe.name} | {n:,} |" in protocol, f"{recipe.name}: {n}"

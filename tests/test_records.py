"Every record under results/, and the one that ships with the weights, is readable and in agreement with itself."

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import s6erav3
from s6erav3.data import load_splits
from s6erav3.experiments import recipes_named
from s6erav3.models.model import MNISTModel, load_pretrained
from s6erav3.training.compute import Objective, autocast
from s6erav3.training.teacher import distillation_loss
from s6erav3.training.train import RECIPES, Recipe, evaluate, log_probabilities, recipe_of

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import lessons  # noqa: E402
from ship import merit  # noqa: E402

RUNS = sorted((ROOT / "results").glob("*.json"))
RESULTS = sorted((ROOT / "results").rglob("*-seed*.json"))
WEIGHTS = (
    Path(s6erav3.__file__).parent / "weights"
)  # of the installed package, be it this tree or not
SHIPPED = sorted(WEIGHTS.glob("*.json"))
FIELDS = {
    "recipe_name",
    "recipe",
    "seed",
    "dataset",
    "train_size",
    "holdout",
    "epochs",
    "history",
    "test_accuracy",
    "test_loss",
    "test_errors",
    "parameters",
    "seconds",
    "environment",
}
ROW = {
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
}
ENVIRONMENT = {
    "torch",
    "python",
    "package",
    "device",
    "processor",
    "threads",
    "processes",
    "compile",
    "precision",
    "memory_format",
}


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "path", RESULTS + SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_record_is_consistent(path):
    record = read(path)
    assert FIELDS <= record.keys() and ENVIRONMENT <= record["environment"].keys()
    assert (
        recipe_of(record).name == record["recipe_name"]
        and record["recipe"]["epochs"] == record["epochs"]
    )
    assert [row["epoch"] for row in record["history"]] == list(range(1, record["epochs"] + 1))
    for row in record["history"]:
        assert row.keys() == ROW and 0 <= row["train_accuracy"] <= 100 and row["train_loss"] > 0
        assert (row["validation_accuracy"] is None) == (record["holdout"] == 0)
    assert record["dataset"] == "MNIST" and record["train_size"] + record["holdout"] == 60_000
    assert (record["test_accuracy"] is None) == bool(
        {"search", "speed", "ladder", "frontier", "held_out.json"} & set(path.parts)
    )
    teacher = record.get("teacher")
    assert bool(teacher) == bool(recipe_of(record).teacher)
    assert (
        sum(row["seconds"] for row in record["history"] + (teacher["history"] if teacher else []))
        <= record["seconds"]
    )


@pytest.mark.parametrize(
    "path", RESULTS + SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_accuracies_are_counts(path):
    record = read(path)
    for accuracy in (row["validation_accuracy"] for row in record["history"] if record["holdout"]):
        hits = accuracy / 100 * record["holdout"]
        assert abs(hits - round(hits)) < 1e-6
    if record["test_errors"] is not None:
        assert round(100 * record["test_accuracy"]) == 10_000 - len(record["test_errors"])
        indices = [error["index"] for error in record["test_errors"]]
        assert indices == sorted(set(indices)) and 0 <= indices[0] and indices[-1] < 10_000
        assert all(0 <= error["answer"] <= 9 for error in record["test_errors"])


def test_names_say_recipe_and_seed():
    for path in RESULTS:
        assert path.stem == f"{read(path)['recipe_name']}-seed{read(path)['seed']}"


def test_fast_and_plain_runs_differ_in_nothing_else():
    fast, plain = (
        {
            read(path)["seed"]: read(path)
            for path in (ROOT / "results" / folder).glob("original-seed*.json")
        }
        for folder in ("speed", "")
    )
    assert len(fast) >= 5 and fast.keys() == plain.keys()
    for seed in fast:
        assert (
            recipe_of(fast[seed]) == recipe_of(plain[seed])
            and fast[seed]["train_size"] == plain[seed]["train_size"]
        )
        assert fast[seed]["environment"]["compile"] and not plain[seed]["environment"]["compile"]


@pytest.mark.parametrize("name", ["ladder", "frontier"])
def test_every_rung_and_every_point_has_five_runs_judged_by_other_digits(name):
    runs = {path.stem: read(path) for path in (ROOT / "results" / name).glob("*.json")}
    assert runs.keys() == {
        f"{recipe.name}-seed{seed}" for recipe in recipes_named(name) for seed in range(5)
    }
    for recipe in recipes_named(name):
        for seed in range(5):
            record = runs[f"{recipe.name}-seed{seed}"]
            assert recipe_of(record) == recipe and (record["holdout"], record["fold"]) == (
                10_000,
                seed,
            )
    assert (
        len(
            {
                json.dumps(
                    {
                        key: value
                        for key, value in record["environment"].items()
                        if key != "processor"
                    }
                )
                for record in runs.values()
            }
        )
        == 1
    )


def test_bench_says_what_it_has_to():
    rows = read(ROOT / "results" / "speed" / "bench.json")
    assert (
        rows[0]["name"] == "published loop"
        and rows[0]["ratio_to_published"] == 1
        and len(rows) == 8
    )
    for row in rows:
        assert (
            abs(row["ratio_to_published"] * row["seconds_per_epoch"] - rows[0]["seconds_per_epoch"])
            < 1e-6
        )
    assert all(row["spread"] >= 0 for row in rows[:6]) and [row["epochs"] for row in rows[6:]] == [
        Recipe.original().epochs,
        Recipe.fast().epochs,
    ]


def test_every_lesson_that_the_tool_gives_is_recorded():
    rows = read(lessons.RECORDS)
    wanted = [
        (name, fold, pupil, epoch)
        for name, this in lessons.ROUNDS.items()
        for fold in this.folds
        for pupil in this.pupils
        for epoch in (5, 10, 15, 20)
    ]
    found = [
        (
            row["round"],
            row["fold"],
            lessons.Pupil(**{key: row[key] for key in vars(lessons.Pupil())}),
            row["epoch"],
        )
        for row in rows
    ]
    assert len(found) == len(wanted) == len(set(found)) and set(found) == set(wanted)
    for row in rows:
        this, hits = (
            lessons.ROUNDS[row["round"]],
            row["validation_accuracy"] / 100 * lessons.HOLDOUT,
        )
        assert (
            (row["teacher"], row["batch_size"]) == (this.teacher, this.batch_size)
            and abs(hits - round(hits)) < 1e-6
            and row["validation_loss"] > 0
        )


def test_a_lesson_is_the_loss_of_the_package():
    torch.manual_seed(0)
    model, x, labels, wanted = (
        MNISTModel(dropout=0),
        torch.randn(16, 1, 28, 28),
        torch.arange(16) % 10,
        torch.randn(16, 10).log_softmax(1),
    )
    loss = lessons.Lesson(model, lessons.Pupil())(x, labels, wanted)
    with autocast("cpu", "bfloat16"):
        scores = Objective(model, "bfloat16").model(x).float()
    assert torch.allclose(loss, distillation_loss(scores, wanted, labels), rtol=1e-4)
    right = lessons.corrected(wanted, labels)
    assert (right.argmax(1) == labels).all() and torch.equal(
        right.sort(1).values, wanted.sort(1).values
    )


@pytest.mark.parametrize("name", RECIPES)
def test_recorded_recipe_is_todays(name):
    runs = [read(path) for path in RUNS if read(path)["recipe_name"] == name]
    assert len(runs) >= 3
    for record in runs:
        assert recipe_of(record) == Recipe.named(name)


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.stem)
def test_shipped_run_is_the_median_of_the_recorded(shipped):
    def kind(run):
        return (
            recipe_of(run),
            run["holdout"],
            run["test_accuracy"] is None,
            run["environment"]["compile"],
        )

    record = read(shipped)
    runs = sorted(
        (run for run in map(read, RESULTS) if kind(run) == kind(record)),
        key=lambda run: (merit(run), run["seed"]),
    )
    assert record == runs[(len(runs) - 1) // 2]


def test_what_ships():
    assert {path.stem for path in SHIPPED} == {*RECIPES, "held_out"}
    held_out = read(WEIGHTS / "held_out.json")
    assert (
        recipe_of(held_out) == Recipe.best()
        and held_out["holdout"] == 5_000
        and held_out["fold"] == 0
    )


@pytest.mark.parametrize(
    "shipped", [path for path in SHIPPED if read(path)["test_errors"]], ids=lambda path: path.stem
)
def test_shipped_weights_give_the_recorded_result(shipped, mnist_dir):
    record, test = read(shipped), load_splits("mnist", mnist_dir).test
    scores = log_probabilities(load_pretrained(shipped.stem), test.images)
    answers = scores.argmax(dim=1)
    wrong = {(int(i), int(answers[i])) for i in np.flatnonzero(answers != test.labels)}
    recorded = {(error["index"], error["answer"]) for error in record["test_errors"]}
    assert (
        abs(len(wrong) - len(recorded)) <= 1 and len(wrong ^ recorded) <= 2
    )  # one digit on the edge, on another processor
    assert (
        abs(torch.nn.functional.nll_loss(scores, test.labels).item() - record["test_loss"]) < 1e-4
    )


def test_the_held_out_network_gives_the_recorded_result(mnist_dir):
    last = read(WEIGHTS / "held_out.json")["history"][-1]
    loss, accuracy = evaluate(load_pretrained("held_out"), load_splits("mnist", mnist_dir).valid)
    assert (
        abs(accuracy - last["validation_accuracy"]) < 0.03
        and abs(loss - last["validation_loss"]) < 1e-4
    )


def test_the_records_of_the_stress_run_are_whole():
    found = {path.stem: read(path) for path in sorted((ROOT / "results" / "stress").glob("*.json"))}
    assert all(found["kills"][recipe]["kills"] >= 30 for recipe in ("original", "best"))
    assert len(found["stops"]) == 2 * len(RECIPES) and all(
        row["the_same_weights"] for row in found["stops"].values()
    )
    for reader in ("weights", "checkpoint", "record", "picture", "idx"):
        damaged, harmful = found["damaged_files"][reader], found["harmful_files"][reader]
        assert (
            damaged["n"] >= 10_000
            and max(damaged["slowest"], harmful["slowest"]) < 5
            and harmful["megabytes_at_most"] - harmful["megabytes_before"] < 1_000
        )
    assert len(found["downloads"]) >= 8 and all(
        "by hand: " in said for said in found["downloads"].values()
    )
    assert [row["python"].rsplit(".", 1)[0] for row in found["versions"]] == [
        "3.11",
        "3.12",
        "3.13",
    ] and not any(row["status"] for row in found["versions"])

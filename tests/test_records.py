"""Every record in results/, and those of the weights in the package, is complete and consistent.

Each test is one rule. It collects all faults and names them.
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from statistics import quantiles

import pytest
import torch.nn.functional as F

import s6erav3
from s6erav3.ablations import get_recipes
from s6erav3.bench import LOOPS, paired_ratio
from s6erav3.data.mnist import load_splits
from s6erav3.inference import evaluate, predict_log_proba
from s6erav3.models.weights import load_pretrained
from s6erav3.training.recipe import RECIPES, Recipe
from s6erav3.training.record import (
    Environment,
    EpochRow,
    RunRecord,
    RunSpec,
    code_revision,
    read_record,
    read_study,
)
from s6erav3.training.train import run_recipe

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"
WEIGHTS = Path(s6erav3.__file__).parent / "weights"  # of the installed package
sys.path.insert(0, str(ROOT / "tools"))
from ship import kind, median_run  # noqa: E402

STUDIES = (
    "ablation",
    "frontier",
    "search",
    "compiled",
    "pilot",
    "held_out",
    "candidates/best",
    "candidates/thousand-stages",
    "candidates/thousand",
    "candidates/thousand-pilot",
    "candidates/three-thousand-stages",
    "candidates/three-thousand",
    "candidates/fast",
    "candidates/weighted-stages",
    "candidates/weighted",
    "candidates/weighted-epochs",
    "candidates/less-augmentation",
)
OPTIONAL = {"fold", "teacher", "classes", "revision", "images"}  # not in older ones, nor of MNIST
FIELDS = RunRecord.__annotations__.keys() - OPTIONAL
ROW = EpochRow.__annotations__.keys()
ENVIRONMENT = Environment.__annotations__.keys()


def listed(faults: list[str]) -> str:
    "Faults as the message of an assertion, one a line."
    return "\n".join(["", *faults])


def run_name(record: dict) -> str:
    "Recipe and seed."
    return f"{record['recipe_name']}-seed{record['seed']}"


def read(path: Path):
    "A JSON file."
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def final_runs() -> dict[str, dict]:
    "The records of the runs that used the test set, by place."
    paths = sorted(RESULTS.glob("*-seed*.json"))
    return {f"results/{path.name}": read_record(path) for path in paths}


@cache
def earlier_runs() -> dict[str, dict]:
    "The records of the runs by which version 0.1 tested its recipes, by place."
    paths = sorted((RESULTS / "version_0_1").glob("*.json"))
    return {f"results/version_0_1/{path.name}": read_record(path) for path in paths}


@cache
def study_runs() -> dict[str, dict]:
    "The records of the studies, by place."
    found = {}
    for study in STUDIES:
        for record in read_study(RESULTS / f"{study}.jsonl"):
            found[f"results/{study}.jsonl: {run_name(record)}"] = record
    return found


@cache
def shipped() -> dict[str, dict]:
    "The records of the weights in the package, by the name of the weights."
    return {path.stem: read_record(path) for path in sorted(WEIGHTS.glob("*.json"))}


def all_records() -> dict[str, dict]:
    "Every record, by place."
    in_package = {f"s6erav3/weights/{name}.json": record for name, record in shipped().items()}
    path = RESULTS / "default_run/fast-seed0.json"  # quoted in the README
    by_default = {f"results/default_run/{path.name}": read_record(path)}
    return {**final_runs(), **earlier_runs(), **study_runs(), **in_package, **by_default}


def faults_of(rule: Callable[[dict], Iterator[str]]) -> list[str]:
    "What a rule finds in all records."
    return [
        f"{place}: {fault}" for place, record in all_records().items() for fault in rule(record)
    ]


def test_records_have_all_fields():
    def missing(record):
        yield from FIELDS - record.keys()
        yield from ENVIRONMENT - record["environment"].keys()

    faults = faults_of(missing)
    assert not faults, f"these are missing: {listed(faults)}"


def test_records_hold_a_recipe_that_can_be_read():
    def wrong(record):
        recipe = Recipe.from_record(record)
        if recipe.name != record["recipe_name"]:
            yield f"the recipe is {recipe.name}, the name of the record {record['recipe_name']}"
        if recipe.epochs != record["epochs"]:
            yield f"{recipe.epochs} epochs in the recipe, {record['epochs']} in the record"

    faults = faults_of(wrong)
    assert not faults, listed(faults)


DAMAGE = [  # keys that lead to a value, another value, the message
    (("seed",), "7", "Expected `int`, got `str` - at `$.seed`"),
    (("history",), [], "Expected `array` of length >= 1 - at `$.history`"),
    (("history", 0, "train_accuracy"), 101, "Expected `float` <= 100.0"),
    (("history", 0, "validation_loss"), "low", "Expected `float | null`, got `str`"),
    (("test_errors", 0, "answer"), -1, "Expected `int` >= 0 - at `$.test_errors[0].answer`"),
    (("environment", "threads"), None, "Expected `int`, got `null` - at `$.environment.threads`"),
]


@pytest.mark.parametrize("keys, value, fault", DAMAGE)
def test_a_value_of_another_type_is_named(keys, value, fault, tmp_path):
    record = read(RESULTS / "original-seed0.json")
    place = record
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError) as error:
        read_record(path)
    assert str(error.value).startswith(f"{path} is not a record: {fault}")


@pytest.mark.parametrize("key", sorted(FIELDS))
def test_a_missing_field_is_named(key, tmp_path):
    record = read(RESULTS / "original-seed0.json")
    del record[key]
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError, match=f"missing required field `{key}`"):
        read_record(path)


def test_a_record_is_read_as_it_was_written():
    for path in sorted(RESULTS.glob("*-seed*.json")):
        assert json.dumps(read_record(path)) == json.dumps(read(path)), path.name


def row_faults(row: dict, validated: bool) -> Iterator[str]:
    "What is wrong with one epoch of a history."
    if row.keys() != ROW:
        yield f"epoch {row['epoch']} has {', '.join(row)}"
    if not (0 <= row["train_accuracy"] <= 100 and row["train_loss"] > 0):
        yield f"epoch {row['epoch']} has an impossible training loss or accuracy"
    if (row["validation_accuracy"] is None) == validated:
        yield f"epoch {row['epoch']} does not fit the size of the validation set"


def test_histories_have_a_row_for_each_epoch():
    def wrong(record):
        epochs = [row["epoch"] for row in record["history"]]
        if epochs != list(range(1, record["epochs"] + 1)):
            yield f"the epochs are {epochs}"
        for row in record["history"]:
            yield from row_faults(row, validated=record["holdout"] > 0)

    faults = faults_of(wrong)
    assert not faults, listed(faults)


def test_runs_used_all_of_mnist():
    def wrong(record):
        n = record["train_size"] + record["holdout"]
        if record["dataset"] != "MNIST" or n != 60_000:
            yield f"{n} images of {record['dataset']}"

    faults = faults_of(wrong)
    assert not faults, listed(faults)


def test_only_final_runs_used_the_test_set():
    final = {**final_runs(), **earlier_runs()}
    faults = [place for place, record in final.items() if record["test_accuracy"] is None]
    assert not faults, f"these have no test accuracy: {listed(faults)}"
    blind = {**study_runs(), "weights held_out": shipped()["held_out"]}
    fields = ("test_accuracy", "test_loss", "test_errors")
    faults = [
        f"{place}: {field}"
        for place, record in blind.items()
        for field in fields
        if record[field] is not None
    ]
    assert not faults, f"these used the test set: {listed(faults)}"


def test_runs_have_the_teacher_that_their_recipe_asks_for():
    def wrong(record):
        teacher = record.get("teacher")
        width = Recipe.from_record(record).teacher_width
        if bool(teacher) != bool(width):
            yield f"teacher_width is {width}, the teacher {'there' if teacher else 'missing'}"

    faults = faults_of(wrong)
    assert not faults, listed(faults)


def test_a_run_takes_at_least_as_long_as_its_epochs():
    def wrong(record):
        teacher = record.get("teacher") or {"history": []}
        rows = record["history"] + teacher["history"]
        seconds = sum(row["seconds"] for row in rows)
        if seconds > record["seconds"]:
            yield f"epochs of {seconds:.2f} s in a run of {record['seconds']} s"

    faults = faults_of(wrong)
    assert not faults, listed(faults)


def is_count(accuracy: float, n: int) -> bool:
    "Whether an accuracy in per cent is that of a whole number of `n` images."
    correct = accuracy / 100 * n
    return abs(correct - round(correct)) < 1e-6


def test_validation_accuracies_are_counts():
    def wrong(record):
        for row in record["history"] if record["holdout"] else []:
            if not is_count(row["validation_accuracy"], record["holdout"]):
                yield f"{row['validation_accuracy']} % of {record['holdout']} images"

    faults = faults_of(wrong)
    assert not faults, listed(faults)


def test_test_accuracies_agree_with_the_misclassified_images():
    def wrong(record):
        errors = record["test_errors"]
        if errors is None:
            return
        indices = [error["index"] for error in errors]
        if round(100 * record["test_accuracy"]) != 10_000 - len(errors):
            yield f"{len(errors)} errors, and {record['test_accuracy']} %"
        if indices != sorted(set(indices)) or not 0 <= indices[0] <= indices[-1] < 10_000:
            yield "the indices of its errors are not increasing numbers from 0 to 9,999"
        if not {error["answer"] for error in errors} <= set(range(10)):
            yield "it predicts something that is not a digit"

    faults = faults_of(wrong)
    assert not faults, listed(faults)


def test_files_are_named_after_recipe_and_seed():
    faults = [
        place
        for place, record in final_runs().items()
        if place != f"results/{run_name(record)}.json"
    ]
    assert not faults, listed(faults)


def test_no_run_is_a_copy_of_another_seed():
    first = {}
    copies = []
    for place, record in all_records().items():
        losses = tuple(row["train_loss"] for row in record["history"])
        other = first.setdefault((record["recipe_name"], losses), record["seed"])
        if other != record["seed"]:
            copies.append(f"{place}: the losses of seed {other}")
    assert not copies, listed(copies)


def test_studies_say_their_command_and_their_number_of_runs():
    faults = []
    for study in STUDIES:
        first, *lines = (RESULTS / f"{study}.jsonl").read_text(encoding="utf-8").splitlines()
        head = json.loads(first)
        names = {run_name(json.loads(line)) for line in lines}
        if head.keys() != {"command", "runs"} or not head["command"].strip():
            faults.append(f"{study}: the first line is {first}")
        if not head["runs"] == len(lines) == len(names):
            faults.append(f"{study}: {len(lines)} records of {len(names)} runs, not {head['runs']}")
    assert not faults, listed(faults)


def test_compiled_and_eager_runs_differ_in_nothing_else():
    compiled = {record["seed"]: record for record in read_study(RESULTS / "compiled.jsonl")}
    runs = [record for record in final_runs().values() if record["recipe_name"] == "original"]
    eager = {record["seed"]: record for record in runs}
    assert compiled.keys() == eager.keys() and len(compiled) >= 5
    for seed, record in compiled.items():
        assert Recipe.from_record(record) == Recipe.from_record(eager[seed]), f"seed {seed}"
        assert record["train_size"] == eager[seed]["train_size"], f"seed {seed}"
        assert record["environment"]["compile"], f"seed {seed}"
        assert not eager[seed]["environment"]["compile"], f"seed {seed}"


@pytest.mark.parametrize("study", ["ablation", "frontier"])
def test_every_recipe_of_a_study_has_five_runs_with_a_validation_set_each(study):
    runs = {run_name(record): record for record in read_study(RESULTS / f"{study}.jsonl")}
    wanted = {
        f"{recipe.name}-seed{n}": (recipe, n) for recipe in get_recipes(study) for n in range(5)
    }
    assert runs.keys() == wanted.keys()
    faults = []
    for name, (recipe, seed) in wanted.items():
        if Recipe.from_record(runs[name]) != recipe:
            faults.append(f"{name}: another recipe")
        if (runs[name]["holdout"], runs[name]["fold"]) != (10_000, seed):
            faults.append(f"{name}: another validation set")
    assert not faults, listed(faults)


@pytest.mark.parametrize("study", ["ablation", "frontier"])
def test_the_runs_of_a_study_were_executed_alike(study):
    found = set()
    for record in read_study(RESULTS / f"{study}.jsonl"):
        environment = {**record["environment"], "processor": ""}
        found.add(json.dumps(environment))
    assert len(found) == 1, listed(sorted(found))


def test_distillation_has_every_fifth_epoch_of_each_student():
    first, *lines = (RESULTS / "distillation.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    head = json.loads(first)
    assert head.keys() == {"command", "rows"} and head["rows"] == len(rows)
    epochs: dict[str, list[int]] = {}
    faults = []
    for row in rows:
        accuracy = row.pop("validation_accuracy")
        loss = row.pop("validation_loss")
        epoch = row.pop("epoch")
        epochs.setdefault(json.dumps(row), []).append(epoch)
        if not is_count(accuracy, 20_000) or loss <= 0:
            faults.append(f"{row}, epoch {epoch}: {accuracy} %, loss {loss}")
    faults += [
        f"{student}: {found}" for student, found in epochs.items() if found != [5, 10, 15, 20]
    ]
    assert not faults, listed(faults)


def test_the_table_of_training_loops_is_consistent():
    measured = read(RESULTS / "speed" / "bench.json")
    rows = measured["rows"]
    assert measured["machine"].keys() == {"processor", "threads", "device", "torch"}
    assert [row["name"] for row in rows] == list(LOOPS)
    published = rows[0]
    assert published["name"] == "published loop" and published["ratio_to_published"] == 1
    for row in rows:
        paired = [row["ratio_to_published"], row["low"], row["high"]]
        assert paired == pytest.approx(paired_ratio(published["seconds"], row["seconds"])), row[
            "name"
        ]
        low, median, high = quantiles(row["seconds"], n=4, method="inclusive")
        assert abs(median - row["seconds_per_epoch"]) < 1e-6, row["name"]
        assert abs(high - low - row["spread"]) < 1e-6, row["name"]
        assert len(row["seconds"]) == measured["repeats"], row["name"]


def sweep_commands() -> dict[str, dict[str, str]]:
    "The options of the commands on the search page, by their recipe."
    page = read(ROOT / "nbs/advanced/search.ipynb")
    texts = ["".join(cell["source"]) for cell in page["cells"] if cell["cell_type"] == "markdown"]
    found = {}
    for line in "\n".join(texts).splitlines():
        if line.startswith("s6erav3 sweep"):
            words = shlex.split(line)[2:]
            options = dict(zip(words[::2], words[1::2], strict=True))
            found[options.pop("--recipe")] = options
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_the_command_of_each_recipe_makes_its_recorded_runs(name):
    runs = [record for record in final_runs().values() if record["recipe_name"] == name]
    seeds = sorted(record["seed"] for record in runs)
    assert seeds == list(range(seeds[0], seeds[-1] + 1))
    for record in runs:
        environment = record["environment"]
        assert sweep_commands()[name] == {
            "--seeds": f"{seeds[0]}-{seeds[-1]}",
            "--val-size": str(record["holdout"]),
            "--compile": "on" if environment["compile"] else "off",
            "--precision": environment["precision"],
            "--memory-format": environment["memory_format"],
        }


@pytest.mark.parametrize("name", RECIPES)
def test_recorded_recipes_are_those_of_the_package(name):
    runs = [record for record in final_runs().values() if record["recipe_name"] == name]
    assert len(runs) >= 3
    assert {Recipe.from_record(record) for record in runs} == {Recipe.named(name)}


def test_shipped_runs_are_the_median_of_the_recorded():
    recorded = {**final_runs(), **study_runs()}
    faults = []
    for name, record in shipped().items():
        runs = {place: run for place, run in recorded.items() if kind(run) == kind(record)}
        if not runs or record != runs[median_run(runs)]:
            faults.append(name)
    assert not faults, listed(faults)


def test_what_ships():
    assert shipped().keys() == {*RECIPES, "held_out"}
    record = shipped()["held_out"]
    assert Recipe.from_record(record) == Recipe.best()
    assert (record["holdout"], record["fold"]) == (5_000, 0)


def test_shipped_weights_give_the_recorded_result(mnist_dir):
    "But for one image near the decision boundary: another processor rounds otherwise."
    images, labels = load_splits("mnist", mnist_dir).test
    faults = []
    for name, record in shipped().items():
        if record["test_errors"] is None:
            continue
        log_proba = predict_log_proba(load_pretrained(name), images)
        predicted = log_proba.argmax(dim=1)
        wrong = (predicted != labels).nonzero().flatten().tolist()
        found = {(index, predicted[index].item()) for index in wrong}
        recorded = {(error["index"], error["answer"]) for error in record["test_errors"]}
        if abs(len(found) - len(recorded)) > 1 or len(found ^ recorded) > 2:
            faults.append(f"{name}: other errors: {sorted(found ^ recorded)}")
        if abs(F.nll_loss(log_proba, labels).item() - record["test_loss"]) >= 1e-4:
            faults.append(f"{name}: another loss")
    assert not faults, listed(faults)


def test_the_network_with_a_validation_set_gives_the_recorded_result(mnist_dir):
    last = shipped()["held_out"]["history"][-1]
    valid = load_splits("mnist", mnist_dir).valid
    loss, accuracy = evaluate(load_pretrained("held_out"), valid)
    assert abs(accuracy - last["validation_accuracy"]) < 0.03
    assert abs(loss - last["validation_loss"]) < 1e-4


@cache
def stress(topic: str):
    "A record of the stress run."
    return read(RESULTS / "stress" / f"{topic}.json")


def test_the_stress_run_stopped_runs_often_enough():
    for name in ("not compiled", "compiled"):
        found = stress("kills")[name]
        assert len(found["kills"]) >= 30, name
        assert found["identical_weights"], name
    cases = product((*RECIPES, "ablation-teacher"), ("not compiled", "compiled"))
    assert set(stress("stops")) == {", ".join(case) for case in cases}
    for name, row in stress("stops").items():
        assert row["the_same_weights"], name


@pytest.mark.parametrize("reader", ["weights", "checkpoint", "record", "picture", "idx"])
def test_the_stress_run_damaged_enough_files(reader):
    damaged = stress("damaged_files")[reader]
    harmful = stress("harmful_files")[reader]
    assert damaged["n"] >= 10_000
    assert max(damaged["slowest"], harmful["slowest"]) < 5
    assert harmful["megabytes_at_most"] - harmful["megabytes_before"] < 1_000


def test_the_stress_run_tried_mirrors_and_versions():
    assert len(stress("downloads")) >= 8
    for case, message in stress("downloads").items():
        assert "by hand: " in message, case
    versions = [row["python"].rsplit(".", 1)[0] for row in stress("versions")]
    assert versions == ["3.11", "3.12", "3.13"]
    assert not any(row["status"] for row in stress("versions"))


# The commit of the code


@pytest.fixture
def repository(tmp_path):
    "A repository with a package; the function runs Git in it."
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()

    def git(*words):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=0"]
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "-m", "Without the package")
    return package, git


def test_the_revision_is_that_of_the_package(repository):
    package, git = repository
    assert code_revision(package) is None
    git("add", "package")
    git("commit", "-m", "The package")
    git("tag", "a-tag")
    clean = code_revision(package)
    assert re.fullmatch("[0-9a-f]{7,}", clean)
    (package / "__init__.py").write_text("changed = True\n", encoding="utf-8")
    assert code_revision(package) == f"{clean}+"


def test_without_git_there_is_no_revision(tmp_path, monkeypatch):
    (tmp_path / "__init__.py").touch()
    assert code_revision(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_revision() is None


def test_a_run_records_its_revision(monkeypatch):
    monkeypatch.setattr("s6erav3.training.train.code_revision", lambda: "abc1234+")
    splits = load_splits("digits", train_size=64)
    _, record = run_recipe(RunSpec(Recipe("short", epochs=1), splits), test=False, verbose=False)
    assert record["revision"] == "abc1234+"

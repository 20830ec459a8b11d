"""Many runs with one call: resumed, damaged, failing, ended by a signal, on a cluster.

The tests marked `thorough` start processes and clusters; the others make their runs one by one in
this process.
"""

import json
import math
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from joblib.externals.loky import get_reusable_executor

from running import (
    PATIENCE,
    Interrupted,
    call,
    check_error,
    differing_tensors,
    interrupt_in,
    read_weights,
    start,
    wait_until,
)
from s6erav3.anatomy.table import layer_table
from s6erav3.data.mnist import Digits, load_splits
from s6erav3.experiments import (
    _set_aside_if_unusable,
    below,
    fold_table,
    make_specs,
    multiply_adds,
    read_records,
    results_table,
    summarize,
    sweep,
    undisturbed_minutes,
)
from s6erav3.files import exclusive_lock
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_weights
from s6erav3.training.checkpoint import read_checkpoint, write_checkpoint
from s6erav3.training.distillation import widened_model
from s6erav3.training.execution import EAGER
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import read_record
from s6erav3.training.train import run_recipe

QUICK = Recipe("quick", epochs=2, batch_size=64, schedule="one_cycle")
thorough = pytest.mark.thorough


@pytest.fixture(scope="module", autouse=True)
def one_core():
    "Runs in this process use one thread, however many cores there are."
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)
        yield


@pytest.fixture(scope="module")
def splits():
    return load_splits("digits", val_size=100, train_size=128)


@pytest.fixture(scope="module")
def specs(splits):
    "Two runs of one recipe."
    return make_specs([QUICK], [0, 1], splits)


@pytest.fixture(scope="module")
def made_once(specs, tmp_path_factory):
    "The folder of a finished sweep of `specs`, with the weights after each epoch."
    folder = tmp_path_factory.mktemp("sweep")
    assert sweep(specs, folder, jobs=1, save_epochs=True) == {}
    return folder


@pytest.fixture
def finished(made_once, tmp_path):
    "A copy of that folder, to be damaged."
    return shutil.copytree(made_once, tmp_path / "runs")


def times(folder: Path) -> dict[str, int]:
    "When the record of each run was written, in nanoseconds."
    records = folder.glob("*/record.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in records}


def test_a_sweep_in_this_process_leaves_its_threads(specs, made_once, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for valid in (specs[0].splits.valid, None):  # the second run fails
            splits = replace(specs[0].splits, valid=valid)
            spec = replace(specs[0], recipe=Recipe("short", epochs=1), splits=splits)
            faults = sweep([spec], tmp_path / str(valid is None), jobs=1)
            assert bool(faults) == (valid is None) and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=thorough)])
def test_a_sweep_leaves_the_processes_of_its_caller(jobs, splits, tmp_path):
    "The executor that joblib shares within a process goes on with the same worker."
    executor = get_reusable_executor(max_workers=1, timeout=600)  # seconds when idle
    worker = executor.submit(os.getpid).result()
    specs = make_specs([QUICK.replace(epochs=1)], range(jobs), splits)
    assert sweep(specs, tmp_path, jobs=jobs) == {}
    assert executor.submit(os.getpid).result() == worker
    executor.shutdown()


# Started again


def test_a_finished_sweep_has_nothing_to_do(specs, finished):
    before = times(finished)
    assert sweep(specs, finished, jobs=1) == {}
    assert times(finished) == before, "a finished run was made again"


def test_only_missing_and_damaged_runs_are_made(splits, finished, capsys):
    before = times(finished)
    (finished / "quick-seed1" / "record.json").write_text('{"seed": 1', encoding="utf-8")
    assert sweep(make_specs([QUICK], [0, 1, 2], splits), finished, jobs=1) == {}
    after = times(finished)
    assert sorted(after) == ["quick-seed0", "quick-seed1", "quick-seed2"]
    assert after["quick-seed0"] == before["quick-seed0"], "a finished run was made again"
    corrupt = (finished / "quick-seed1" / "record.json.corrupt").read_text(encoding="utf-8")
    assert corrupt == '{"seed": 1', f"the damaged record was not kept: {corrupt}"
    lines = [line for line in capsys.readouterr().out.splitlines() if "corrupt" in line]
    assert len(lines) == 1 and "quick-seed1" in lines[0], f"it is not said once: {lines}"


@pytest.mark.parametrize("content", [b"[]", b'{"seed": 0}', b"\x00\xff"])
def test_a_file_that_is_not_a_record_is_set_aside(specs, finished, content):
    folder = finished / "quick-seed0"
    (folder / "record.json").write_bytes(content)
    assert sweep(specs, finished, jobs=1) == {}
    assert read_record(folder / "record.json")["recipe_name"] == "quick"
    assert (folder / "record.json.corrupt").read_bytes() == content


@pytest.mark.parametrize("changes", [{"fold": 1, "val_size": 100}, {"val_size": 90}])
def test_runs_of_other_images_are_refused(changes, made_once):
    others = load_splits("digits", train_size=128, **changes)
    with pytest.raises(ValueError, match="is of another run"):
        sweep(make_specs([QUICK], [0], others), made_once, jobs=1)


def test_the_record_of_another_recipe_is_refused_with_all_that_differs(splits, made_once):
    other = QUICK.replace(epochs=3, learning_rate=0.3)
    with pytest.raises(ValueError) as error:
        sweep(make_specs([other], [0], splits), made_once, jobs=1)
    with pytest.raises(ValueError, match="is of another run"):
        read_records(made_once, make_specs([other], [0], splits))
    path = made_once / "quick-seed0" / "record.json"
    differences = "epochs is 2 there and 3 here, learning_rate is 0.1 there and 0.3 here"
    assert str(error.value) == f"{path} is of another run: {differences}; use another folder"


def test_each_record_is_read_once(specs, made_once, monkeypatch):
    paths = []

    def read(path):
        paths.append(path)
        return read_record(path)

    for module in ("experiments", "training.record"):
        monkeypatch.setattr(f"s6erav3.{module}.read_record", read)
    assert sweep(specs, made_once, jobs=1) == {}
    assert paths == [made_once / spec.name / "record.json" for spec in specs]


def test_each_seed_may_have_its_own_validation_set(tmp_path):
    def splits_of(seed):
        return load_splits("digits", val_size=100, train_size=128, fold=seed)

    specs = make_specs([QUICK.replace(epochs=1)], [0, 1], splits_of)
    assert sweep(specs, tmp_path, jobs=1) == {}
    folds = [read_record(tmp_path / f"quick-seed{i}" / "record.json")["fold"] for i in (0, 1)]
    assert folds == [0, 1]


def test_an_unfinished_run_is_resumed(specs, made_once, tmp_path):
    "The time of the first epoch, which is not measured again, shows that it is not trained again."
    spec = replace(specs[0], execution=EAGER)
    path = tmp_path / spec.name / "checkpoint.safetensors"
    path.parent.mkdir()
    torch.set_num_threads(1)  # as many as the sweep uses
    with pytest.raises(Interrupted):
        options = {"checkpoint": path, "on_epoch_end": interrupt_in(2)}
        run_recipe(spec, test=True, verbose=False, **options)
    state = read_checkpoint(path, {})
    state["student"]["history"][0]["seconds"] = 1234.5
    write_checkpoint(state, path)
    assert sweep([spec], tmp_path, jobs=1) == {}
    history = read_record(path.with_name("record.json"))["history"]
    assert history[0]["seconds"] == 1234.5, "the first epoch was trained again"
    different = differing_tensors(read_weights(made_once / spec.name), read_weights(path.parent))
    assert not different, f"these weights differ after resuming: {different}"
    assert not path.exists(), "the checkpoint of a finished run remains"


def test_a_checkpoint_of_a_worker_is_resumed_with_the_same_threads(specs, tmp_path, capsys):
    "Also where this process has more threads than the worker had."
    checkpoint = tmp_path / specs[0].name / "checkpoint.safetensors"
    checkpoint.parent.mkdir()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with pytest.raises(Interrupted):
            options = {"checkpoint": checkpoint, "on_epoch_end": interrupt_in(2)}
            run_recipe(replace(specs[0], execution=EAGER), verbose=False, **options)
        torch.set_num_threads(2)
        assert sweep([replace(specs[0], execution=EAGER)], tmp_path, jobs=1) == {}
    finally:
        torch.set_num_threads(before)
    assert "set aside" not in capsys.readouterr().out


def test_a_run_that_another_process_makes_is_left_alone(specs, tmp_path):
    folder = tmp_path / specs[0].name
    folder.mkdir()
    with exclusive_lock(folder):
        faults = sweep(specs, tmp_path, jobs=1)
    assert list(faults) == [specs[0].name] and "another run is writing" in faults[specs[0].name]
    assert list(times(tmp_path)) == [specs[1].name]


# What a run leaves


def test_an_unusable_checkpoint_is_set_aside(specs, made_once, tmp_path, capsys):
    "Damaged, or of another run: the run starts again, and one line names the file."
    damaged, other = (tmp_path / spec.name / "checkpoint.safetensors" for spec in specs)
    for path in (damaged, other):
        path.parent.mkdir()
    damaged.write_bytes(b"not a checkpoint")
    write_checkpoint({"run": {"seed": 7}, "seconds": 0.0}, other)
    assert sweep(specs, tmp_path, jobs=1) == {}
    printed = capsys.readouterr().out
    assert printed.count("set aside as checkpoint.safetensors.unusable") == 2, printed
    assert "--resume" not in printed  # which the command `sweep` does not have
    assert damaged.with_name("checkpoint.safetensors.unusable").read_bytes() == b"not a checkpoint"
    for spec in specs:
        first, second = (read_weights(folder / spec.name) for folder in (made_once, tmp_path))
        assert not differing_tensors(first, second), spec.name


def test_a_checkpoint_of_an_earlier_version_is_set_aside(specs, tmp_path, capsys):
    earlier = tmp_path / "checkpoint.pth"
    earlier.write_bytes(b"PK")
    _set_aside_if_unusable(earlier.with_suffix(".safetensors"), specs[0])
    assert "set aside as checkpoint.pth.unusable" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["checkpoint.pth.unusable"]


def test_each_run_leaves_its_weights(finished):
    for seed in (0, 1):
        load_weights(MNISTModel(), finished / f"quick-seed{seed}" / "mnist_model.pth")


def test_the_weights_after_each_epoch_are_kept_on_request(finished):
    weights = read_weights(finished / "quick-seed0")
    epochs = torch.load(finished / "quick-seed0" / "epochs.pth", weights_only=True)
    assert len(epochs) == QUICK.epochs, f"weights of {len(epochs)} epochs"
    in_half = {name: t.to(epochs[-1][name].dtype) for name, t in weights.items()}
    different = differing_tensors(in_half, epochs[-1])
    assert not different, f"the last ones differ from the weights of the run in {different}"
    assert not torch.equal(epochs[0]["fc.weight"], epochs[1]["fc.weight"]), "they never change"


def test_keeping_them_changes_nothing(specs, finished, tmp_path):
    plain = tmp_path / "plain"
    assert sweep(specs[:1], plain, jobs=1) == {}
    weights = read_weights(finished / "quick-seed0")
    different = differing_tensors(weights, read_weights(plain / "quick-seed0"))
    assert not different, f"these weights differ: {different}"
    assert not (plain / "quick-seed0" / "epochs.pth").exists(), "kept without a request"


# Failing


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=thorough)])
def test_a_failing_run_does_not_stop_the_others(jobs, splits, tmp_path):
    needs_validation = QUICK.replace(name="plateau", schedule="plateau")
    recipes = [needs_validation, QUICK]
    specs = make_specs(recipes, [0], replace(splits, valid=None))
    faults = sweep(specs, tmp_path, jobs=jobs)
    assert list(faults) == ["plateau-seed0"], f"these fail: {faults}"
    assert "needs a validation set" in faults["plateau-seed0"], faults
    assert list(times(tmp_path)) == ["quick-seed0"]


@pytest.mark.parametrize("has_validation", [True, False])
def test_a_run_whose_last_step_breaks_the_weights_is_a_fault(has_validation, splits, tmp_path):
    broken = Recipe("broken", epochs=1, batch_size=128, schedule="one_cycle", muon_lr=1e25)
    data = splits if has_validation else replace(splits, valid=None)
    faults = sweep(make_specs([broken, QUICK], [0], data), tmp_path, jobs=1)
    assert list(faults) == ["broken-seed0"] and "no finite number" in faults["broken-seed0"]
    assert list(times(tmp_path)) == ["quick-seed0"]


def test_runs_of_images_with_other_labels_are_refused(specs, finished):
    "Also where name and numbers of images are the same."
    own = specs[0].splits
    train = Digits(own.train.images, 9 - own.train.labels)
    other = replace(specs[0], splits=replace(own, train=train))
    with pytest.raises(ValueError, match="is of another run: images is '[0-9a-f]{16}' there"):
        sweep([other], finished, jobs=1)
    assert sweep(specs, finished, jobs=1) == {}


def processes_of(session: int) -> list[int]:
    "The processes of a session, from /proc."
    names = [name for name in os.listdir("/proc") if name.isdigit()]
    return [int(name) for name in names if session_of(name) == session]


def session_of(name: str) -> int:
    try:
        fields = Path("/proc", name, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has ended meanwhile
    return int(fields[3]) if fields[0] != "Z" else 0


@pytest.fixture
def long_sweep(tmp_path):
    "A sweep with two workers that would take hours, once its workers are at work."
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system has no /proc")
    args = ("--recipe", "original", "--seeds", "0-3", "--jobs", 2, "--epochs", 100_000)
    small = ["--dataset", "digits", "--train-size", 128, "--compile", "off"]
    process = start("sweep", *small, *args, "--output-dir", tmp_path, start_new_session=True)
    try:
        wait_until(lambda: len(busy_workers(process.pid)) >= 2, "two workers train")
        yield process
    finally:
        for pid in processes_of(process.pid):
            os.kill(pid, signal.SIGKILL)


def busy_workers(session: int) -> list[int]:
    "The workers that have used more processor time than their start takes."
    found = []
    for pid in processes_of(session):
        try:
            fields = (
                Path("/proc", str(pid), "stat")
                .read_text(encoding="utf-8")
                .rpartition(")")[2]
                .split()
            )
        except (FileNotFoundError, ProcessLookupError):
            continue
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        if pid != session and seconds > 8:
            found.append(pid)
    return found


@thorough
def test_a_sweep_that_is_terminated_ends_its_workers(long_sweep, tmp_path):
    long_sweep.terminate()
    _, error = long_sweep.communicate(timeout=PATIENCE)
    assert long_sweep.returncode == 128 + signal.SIGTERM, f"status {long_sweep.returncode}"
    assert error == "Interrupted.\n", f"it says {error!r}"
    wait_until(lambda: not processes_of(long_sweep.pid), "all workers have ended")
    check_unfinished(tmp_path)


def check_unfinished(folder: Path):
    "Runs that were ended have left their checkpoints, and nothing that a finished run leaves."
    names = {path.name for path in folder.glob("*/[!.]*")}  # a write may have been cut off, too
    assert names == {"checkpoint.safetensors"}, f"unfinished runs have left {sorted(names)}"


@thorough
def test_a_sweep_whose_worker_is_killed_ends(long_sweep, tmp_path):
    os.kill(busy_workers(long_sweep.pid)[0], signal.SIGKILL)
    _, error = long_sweep.communicate(timeout=PATIENCE)
    assert long_sweep.returncode == 1, f"status {long_sweep.returncode}"
    check_error(error, "worker")
    wait_until(lambda: not processes_of(long_sweep.pid), "all workers have ended")
    check_unfinished(tmp_path)


# A cluster


@thorough
def test_a_cluster_makes_the_same_runs(specs, finished, tmp_path, recwarn):
    "Dask would warn of each call that holds the images itself."
    distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")
    dask = pytest.importorskip("dask")
    there = tmp_path / "there"
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    few_bytes = {"distributed.admin.large-graph-warning-threshold": "50kB"}
    with dask.config.set(few_bytes), distributed.LocalCluster(**options) as cluster:
        assert sweep(specs, there, dask_address=cluster.scheduler_address) == {}
    graphs = [str(warning.message) for warning in recwarn if "graph" in str(warning.message)]
    assert not graphs, graphs[0]
    for spec in specs:
        own = read_record(finished / spec.name / "record.json")["history"][0]["train_loss"]
        other = read_record(there / spec.name / "record.json")["history"][0]["train_loss"]
        assert other == pytest.approx(own, rel=1e-4), f"{spec.name} has another loss"


def test_a_cluster_needs_dask(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    args = ("--output-dir", tmp_path, "--dask-address", "tcp://127.0.0.1:9")
    status, _, error = call(capsys, "sweep", *COMMAND, *args)
    assert status == 1, f"exit status {status}"
    check_error(error, "s6erav3[cluster]")


@thorough
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x"])
def test_a_cluster_that_does_not_answer_is_named(address, tmp_path, capsys):
    pytest.importorskip("distributed", reason="needs the extra `cluster`")
    args = ("--output-dir", tmp_path, "--dask-address", address)
    status, _, error = call(capsys, "sweep", *COMMAND, *args)
    assert status == 1, f"exit status {status}"
    check_error(error, f"no Dask scheduler answers at {address}")


# The command

COMMAND = ("--dataset", "digits", "--train-size", 128, "--epochs", 1, "--jobs", 1)


def test_the_command_makes_runs_without_a_test(tmp_path, capsys):
    args = ("--recipe", "original", "--output-dir", tmp_path, "--seeds", "0,2-3")
    status, printed, error = call(capsys, "sweep", *COMMAND, *args, "--no-test")
    assert status == 0, error
    assert sorted(times(tmp_path)) == ["original-seed0", "original-seed2", "original-seed3"]
    assert "original" in printed.splitlines()[-1], f"no table: {printed}"
    record = json.loads((tmp_path / "original-seed0" / "record.json").read_text(encoding="utf-8"))
    assert record["test_errors"] is None, "the test set was used"
    status, _, error = call(capsys, "sweep", *COMMAND, *args)
    assert status == 1, f"exit status {status}"
    check_error(error, "without a test")


def test_the_command_gives_each_seed_a_fold(tmp_path, capsys):
    args = ("--recipe", "fast", "--output-dir", tmp_path, "--no-test")
    folds = ("--val-size", 250, "--fold-per-seed", "--seeds")
    status, _, error = call(capsys, "sweep", *COMMAND, *args, *folds, "0-1")
    assert status == 0, error
    records = [read_record(tmp_path / f"fast-seed{seed}" / "record.json") for seed in (0, 1)]
    assert [record["fold"] for record in records] == [0, 1]
    status, _, error = call(capsys, "sweep", *COMMAND, *args, *folds, "99")
    assert status == 1, f"exit status {status}"
    check_error(error, "there is no fold 99")


@pytest.mark.parametrize(
    "args, message",
    [
        (["--seeds", "3-1"], "--seeds"),
        (["--seeds", ""], "--seeds"),
        (["--seeds", "a"], "--seeds"),
        (["--recipe", "secret"], "there is no recipe 'secret'"),
        (["--jobs", "0"], "--jobs"),
        (["--recipe", "original", "--val-size", "0"], "needs a validation set"),
    ],
)
def test_a_wrong_call_is_refused_in_one_line(args, message, tmp_path, capsys):
    status, _, error = call(capsys, "sweep", *COMMAND, "--output-dir", tmp_path, *args)
    assert status == 2, f"exit status {status}"
    check_error(error, message)
    assert not os.listdir(tmp_path), f"it wrote {os.listdir(tmp_path)}"


def test_the_cost_of_a_run_includes_its_teacher():
    recipe = Recipe("published", epochs=1)
    alone = multiply_adds(recipe)
    macs = layer_table(recipe.build()).macs.sum()
    assert alone == 3 * macs
    assert multiply_adds(recipe.replace(epochs=7)) == 7 * alone
    macs_of_teacher = layer_table(widened_model(2)).macs.sum()
    taught = multiply_adds(recipe.replace(epochs=7, teacher_width=2))
    assert taught == 7 * alone + (7 + 3 * 3) * macs_of_teacher


def test_recipes_with_fewer_folds_are_compared_on_those_that_all_have():
    accuracies = {"a": [99.0, 98.0, 97.0], "b": [98.0, 99.5]}
    records = [
        {
            "recipe_name": name,
            "fold": fold,
            "history": [{"validation_accuracy": accuracy, "seconds": 60.0 - 6 * fold}],
        }
        for name, own in accuracies.items()
        for fold, accuracy in enumerate(own)
    ]
    assert fold_table(records)["all folds"].isna().all()
    table = fold_table(records, n_folds=3)
    minutes = table["estimated minutes"].to_dict()
    assert minutes == {"a": 0.9, "b": 0.9}  # of the common folds
    assert table["folds"].to_dict() == {"a": 3, "b": 2}
    assert table["common folds"].to_dict() == {"a": 98.5, "b": 98.75}
    assert table.loc["a", "all folds"] == 98.0 and pd.isna(table.loc["b", "all folds"])


@pytest.mark.parametrize("n", [0, 2])
def test_a_table_of_folds_needs_one_run_of_each_recipe_and_fold(n):
    record = {"recipe_name": "a", "fold": 1, "history": [{"validation_accuracy": 99.0}]}
    with pytest.raises(ValueError, match="at least one record, and one of each recipe and fold"):
        fold_table([record] * n)


def test_recipes_are_compared_fold_by_fold():
    accuracy = pd.DataFrame({"a": [99.5, 99.3, 99.4], "b": [99.4, 99.1, math.nan]}).T
    table = below(accuracy, "a").round(9)
    assert table.loc["a"].tolist() == [0, 0]
    assert table.loc["b"].tolist() == [0.15, 0.05]  # of 0.1 and 0.2


def test_a_table_of_results_is_of_tested_runs_of_one_recipe_each():
    runs = [
        {
            "recipe_name": "a",
            "recipe": Recipe("a", epochs=epochs).to_record(),
            "test_accuracy": tested,
            "parameters": 1,
            "seconds": 60,
            "seed": seed,
            "history": [{"validation_accuracy": None}],
        }
        for seed, (epochs, tested) in enumerate([(4, 99.0), (4, 99.2), (100, 99.4), (4, None)])
    ]
    assert results_table(runs[:2], []).loc["a", "mean"] == 99.1
    with pytest.raises(ValueError, match="the runs called a are of 2 recipes"):
        results_table(runs[:3], [])
    with pytest.raises(ValueError, match="a run of a was not tested"):
        results_table(runs[:2] + runs[3:], [])
    assert summarize(runs[:2]).loc["a", "runs"] == 2
    for table in (summarize, lambda records: results_table(records, [])):
        with pytest.raises(ValueError, match="two records of the run of a with seed 1"):
            table(runs[:2] + runs[1:2])


def test_the_epochs_that_were_disturbed_do_not_count():
    quick = [{"seconds": 6.0}] * 10
    disturbed = quick[:5] + [{"seconds": 600.0}] * 5
    assert undisturbed_minutes({"history": disturbed}) == 1.0
    teacher = {"history": [{"seconds": 30.0}] * 4}
    assert undisturbed_minutes({"history": quick, "teacher": teacher}) == 3.0

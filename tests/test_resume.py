"""A run that was interrupted, in whatever way, resumes and ends with the same weights.

The tests marked `thorough` kill processes, compile networks and train on odd machines.
"""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch

from running import (
    KILLED,
    PATIENCE,
    SMALL,
    Interrupted,
    call,
    check_error,
    differing_tensors,
    interrupt_in,
    read_weights,
    run,
    start,
    wait_for_line,
)
from s6erav3.ablations import get_recipes
from s6erav3.data.augment import normalize, to_float
from s6erav3.data.mnist import load_splits
from s6erav3.files import exclusive_lock
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import save_weights
from s6erav3.training import checkpoint
from s6erav3.training.checkpoint import TrainerState, read_checkpoint, write_checkpoint
from s6erav3.training.execution import EAGER, ExecutionConfig
from s6erav3.training.loop import make_optimizer, make_scheduler
from s6erav3.training.recipe import RECIPES, Recipe
from s6erav3.training.record import RunSpec, write_record
from s6erav3.training.train import RUN_FILES, run_recipe, train_into
from s6erav3.training.trainer import fit

QUIET = {"test": False, "verbose": False}
thorough = pytest.mark.thorough


@pytest.fixture(scope="module")
def splits():
    return load_splits("digits", train_size=256)


# Interrupted in this process


WITH_TEACHER = "ablation-teacher"
QUICK_CASES = [("original", "off"), (WITH_TEACHER, "off")]
ALL_CASES = product((*RECIPES, WITH_TEACHER), ("off", "on"))
OTHER_CASES = [case for case in ALL_CASES if case not in QUICK_CASES]


@pytest.mark.parametrize(
    "name, compile",
    [*QUICK_CASES, *(pytest.param(*case, marks=thorough) for case in OTHER_CASES)],
)
def test_every_recipe_resumes_bit_for_bit(name, compile, splits, tmp_path, keep):
    [named] = get_recipes(name)
    recipe = named.replace(epochs=4, no_aug_epochs=min(1, named.no_aug_epochs))
    spec = RunSpec(recipe, splits, seed=3, execution=replace(EAGER, compile=compile))
    uninterrupted, record = run_recipe(spec, **QUIET)
    options = {**QUIET, "checkpoint": tmp_path / "checkpoint.safetensors", "resume": True}
    for epoch in (2, 4):
        with pytest.raises(Interrupted):
            run_recipe(spec, **options, on_epoch_end=interrupt_in(epoch))
    resumed, resumed_record = run_recipe(spec, **options)
    different = differing_tensors(uninterrupted.state_dict(), resumed.state_dict())
    assert not different, f"these weights differ after resuming: {different}"
    assert without_seconds(record["history"]) == without_seconds(resumed_record["history"])
    compiled = "compiled" if compile == "on" else "not compiled"
    found = {"stopped_after_epochs": [1, 3], "the_same_weights": True}
    keep("stops", f"{name}, {compiled}", found)


def without_seconds(history: list[dict]) -> list[dict]:
    return [{**row, "seconds": None} for row in history]


def test_ctrl_c_keeps_the_checkpoint(capsys, monkeypatch, tmp_path):
    written = []

    def write_and_press_ctrl_c(state, path):
        written.append(write_checkpoint(state, path))
        if len(written) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(checkpoint, "write_checkpoint", write_and_press_ctrl_c)
    args = ("--recipe", "original", "--epochs", 5, "--output-dir", tmp_path)
    status, _, error = call(capsys, "train", *SMALL, *args)
    check_interrupted(status, error, tmp_path, signal.SIGINT)
    history = read_checkpoint(tmp_path / "checkpoint.safetensors", {})["student"]["history"]
    assert len(history) == 2, f"the checkpoint holds {len(history)} epochs, not the 2 finished ones"


def check_interrupted(status: int, error: str, folder: Path, signal_number: int):
    "A run that was interrupted by a signal says how to resume, and leaves its checkpoint."
    assert status == 128 + signal_number, f"exit status {status}; {error}"
    assert error.count("\n") == 1, f"not one line: {error!r}"
    assert "--resume" in error, f"no word of --resume in {error!r}"
    assert os.listdir(folder) == ["checkpoint.safetensors"], f"it leaves {os.listdir(folder)}"


# What a checkpoint is refused for


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    "A run that was interrupted in its second epoch, and its checkpoint."
    spec = RunSpec(Recipe.fast().replace(epochs=2), load_splits("digits", train_size=128))
    path = tmp_path_factory.mktemp("interrupted") / "checkpoint.safetensors"
    with pytest.raises(Interrupted):
        run_recipe(spec, **QUIET, checkpoint=path, on_epoch_end=interrupt_in(2))
    return spec, path


@pytest.mark.parametrize(
    "field, changes",
    [
        ("learning_rate", {"learning_rate": 0.01}),
        ("name", {"name": "mine"}),
        ("channels", {"channels": (4, 6, 4, 6, 8, 10)}),
    ],
)
def test_the_checkpoint_of_another_recipe_is_refused(field, changes, interrupted):
    spec, path = interrupted
    other = replace(spec, recipe=spec.recipe.replace(**changes))
    with pytest.raises(ValueError, match=f"another run: {field} is"):
        run_recipe(other, **QUIET, checkpoint=path, resume=True)


@pytest.mark.parametrize(
    "field, changes",
    [("seed", {"seed": 1}), ("compile", {"execution": ExecutionConfig("on")})],
)
def test_the_checkpoint_of_another_run_is_refused(field, changes, interrupted):
    spec, path = interrupted
    with pytest.raises(ValueError, match=f"another run: {field} is"):
        run_recipe(replace(spec, **changes), **QUIET, checkpoint=path, resume=True)


def test_the_checkpoint_of_a_run_on_other_images_is_refused(interrupted):
    spec, path = interrupted
    other = replace(spec, splits=load_splits("digits", train_size=100))
    with pytest.raises(ValueError, match="another run: train_size is"):
        run_recipe(other, **QUIET, checkpoint=path, resume=True)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04" + bytes(100)])
def test_damaged_checkpoints_are_refused(content, tmp_path):
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="not a checkpoint that is safe to open") as caught:
        read_checkpoint(file, {})
    assert "\n" not in str(caught.value), f"more than one line: {caught.value}"


def test_the_checkpoint_of_an_earlier_version_is_refused(interrupted, tmp_path):
    spec, _ = interrupted
    torch.save({"layout": torch.zeros(3)}, tmp_path / "checkpoint.pth")
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(ValueError, match="checkpoint.pth is .* of an earlier version") as caught:
        run_recipe(spec, **QUIET, checkpoint=path, resume=True)
    assert "\n" not in str(caught.value), f"more than one line: {caught.value}"
    (tmp_path / "checkpoint.pth").rename(path)
    with pytest.raises(ValueError, match="has the format of an earlier version"):
        run_recipe(spec, **QUIET, checkpoint=path, resume=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    "The folder of a finished run of one epoch."
    spec = RunSpec(Recipe.fast().replace(epochs=1), load_splits("digits", train_size=128))
    folder = tmp_path_factory.mktemp("finished")
    train_into(folder, spec)
    return folder


def test_a_run_that_replaces_an_unfinished_one_says_so(interrupted, tmp_path, capsys):
    spec, path = interrupted
    shutil.copy(path, tmp_path)
    train_into(tmp_path, replace(spec, recipe=spec.recipe.replace(epochs=1)))
    assert f"{tmp_path} has an unfinished run, which this one replaces" in capsys.readouterr().out


FINISHED = ("train", "--dataset", "digits", "--train-size", 128, "--recipe", "fast", "--resume")


def test_a_finished_run_is_not_made_again(capsys, finished):
    before = (finished / "mnist_model.pth").stat().st_mtime_ns
    status, printed, error = call(capsys, *FINISHED, "--epochs", 1, "--output-dir", finished)
    assert status == 0, error
    assert "is finished" in printed, f"it does not say so: {printed}"
    assert (finished / "mnist_model.pth").stat().st_mtime_ns == before, "the weights were written"


@pytest.mark.parametrize(
    "field, args",
    [
        ("epochs", ["--epochs", 2]),
        ("seed", ["--epochs", 1, "--seed", 5]),
        ("holdout", ["--epochs", 1, "--val-size", 100]),
    ],
)
def test_the_folder_of_another_finished_run_is_refused(field, args, capsys, finished):
    status, _, error = call(capsys, *FINISHED, *args, "--output-dir", finished)
    assert status == 1, f"exit status {status}"
    check_error(error, f"another run: {field} is")


# What must not change the weights, and what must stop a run


@pytest.mark.parametrize("average", [{"ema_decay": 0.9}, {"average_epochs": 1}])
def test_measuring_changes_nothing(splits, average):
    "With or without validation, printed lines, checkpoints and analysis: the same weights."
    recipe = Recipe.fast().replace(epochs=2, dropout=0.05, **average)

    def train(valid=None, **options):
        torch.manual_seed(1)
        model = MNISTModel(dropout=0.05)
        options = {"verbose": False, "execution": EAGER, **options}
        fit(model, recipe, splits.train, valid, seed=1, **options)
        return model.state_dict()

    def analyse(epoch, model):
        with torch.random.fork_rng():
            look_at(model, splits.test.images[0])

    plain = train()
    for options in (
        {"valid": splits.valid},
        {"verbose": True},
        {"checkpoint": list},
        {"on_epoch_end": analyse},
    ):
        different = differing_tensors(plain, train(**options))
        assert not different, f"{list(options)} changes {different}"
    drawn = train(on_epoch_end=lambda epoch, model: torch.rand(3))
    assert differing_tensors(plain, drawn), "drawing from the shared random numbers has no effect"


def test_equal_average_of_the_final_epochs(splits):
    """The rate stays constant, the weights are the mean over the steps, and the statistics of
    BatchNorm are those of the training images."""
    size = len(splits.train.labels)  # one step per epoch
    recipe = Recipe.fast().replace(epochs=4, average_epochs=3, no_aug_epochs=0, batch_size=size)
    torch.manual_seed(0)
    model = MNISTModel(dropout=0.0)
    after_steps = []

    def keep(epoch, network):
        after_steps.append(model.fc.weight.detach().clone())

    options = {"verbose": False, "execution": EAGER, "on_epoch_end": keep}
    history = fit(model, recipe, splits.train, **options)
    rates = [row["learning_rate"] for row in history]
    assert rates[0] != rates[1] == rates[2] == rates[3]
    torch.testing.assert_close(model.fc.weight, sum(after_steps[1:]) / 3)
    with torch.no_grad():
        maps = model.conv1[:2](normalize(to_float(splits.train.images)))
    torch.testing.assert_close(model.conv1[2].running_mean, maps.mean((0, 2, 3)))


def look_at(model, image):
    "Analyse a network during its training, and draw random numbers."
    from s6erav3.anatomy.table import layer_table
    from s6erav3.evaluation.attribution import saliency_map

    layer_table(model)
    saliency_map(model, image)
    torch.rand(3)


def test_a_loss_that_is_not_a_number_stops_the_run(splits):
    recipe = Recipe.original().replace(epochs=3, learning_rate=1e25)
    model = MNISTModel()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    where = r"epoch 1, batch \d+ of 2, learning rate 1e\+25; .* after epoch 0"
    with pytest.raises(FloatingPointError, match=where):
        fit(model, recipe, splits.train, splits.valid, verbose=False)
    different = differing_tensors(before, model.state_dict())
    assert not different, f"these weights are not those from before the epoch: {different}"


def test_no_checkpoint_is_written_after_a_loss_that_is_not_a_number(splits):
    recipe = Recipe.original().replace(epochs=3, rotation=0.0, learning_rate=1e25)
    train, valid = splits.train, splits.valid
    states = []
    with pytest.raises(FloatingPointError, match="epoch 1"):
        fit(MNISTModel(), recipe, train, valid, verbose=False, checkpoint=states.append)
    assert not states, "the state of a run with a NaN was kept"


def test_the_command_names_a_loss_that_is_not_a_number(capsys, monkeypatch, tmp_path):
    diverging = Recipe.original().replace(name="fast", learning_rate=1e25)
    monkeypatch.setattr(Recipe, "fast", classmethod(lambda cls: diverging))
    args = ("--recipe", "fast", "--epochs", 2, "--output-dir", tmp_path)
    status, _, error = call(capsys, "train", *SMALL, *args)
    assert status == 1, f"exit status {status}"
    check_error(error, "no longer a number")


# Files that cannot be written

WRITERS = {
    "checkpoint": lambda path: write_checkpoint({"a": torch.zeros(10_000)}, path),
    "record": lambda path: write_record({"a": "x" * 40_000}, path),
    "weights": lambda path: save_weights(MNISTModel(), path),
}


@pytest.fixture
def files_of_5_kb():
    "No file can become larger than 5,000 bytes."
    resource = pytest.importorskip("resource", reason="this system has no limit on file sizes")
    size_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, size_limit[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, size_limit)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_cannot_be_written_leaves_the_old_one(kind, files_of_5_kb, tmp_path):
    file = tmp_path / "file"
    file.write_text("old", encoding="utf-8")
    with pytest.raises(OSError, match="cannot write"):
        WRITERS[kind](file)
    assert file.read_text(encoding="utf-8") == "old", "the old file was overwritten"
    assert os.listdir(tmp_path) == ["file"], f"there remains {os.listdir(tmp_path)}"


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_files_are_larger_than_the_limit(kind, tmp_path):
    WRITERS[kind](tmp_path / "file")
    assert (tmp_path / "file").stat().st_size > 5_000, "the test above would test nothing"


@thorough
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a small tmpfs")
def test_a_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        (disk / "mnist_model.pth").write_text("old", encoding="utf-8")
        (disk / "filler").write_bytes(bytes(150_000))
        done = run("train", *SMALL, "--recipe", "fast", "--epochs", 1, "--output-dir", disk)
        assert done.returncode == 1, f"exit status {done.returncode}; {done.stderr}"
        check_error(done.stderr, "space")
        names = sorted(os.listdir(disk))
        assert names == ["filler", "mnist_model.pth"], f"there remains {names}"
        assert (disk / "mnist_model.pth").read_text(encoding="utf-8") == "old", (
            "the old weights are gone"
        )
    finally:
        subprocess.run(["umount", disk], check=True)


# One writer in a folder


def test_a_second_run_into_the_same_folder_is_refused(capsys, tmp_path):
    with exclusive_lock(tmp_path):
        args = ("--recipe", "original", "--epochs", 1, "--output-dir", tmp_path)
        status, _, error = call(capsys, "train", *SMALL, *args)
    assert status == 1, f"exit status {status}"
    check_error(error, "another run is writing into")
    assert not os.listdir(tmp_path), f"it wrote {os.listdir(tmp_path)}"


@thorough
def test_the_lock_of_a_killed_run_is_free(tmp_path):
    args = ("train", *SMALL, "--recipe", "original", "--output-dir", tmp_path)
    first = start(*args, "--epochs", 500)
    wait_for_line(first, "Epoch")
    second = run(*args, "--epochs", 1)
    assert second.returncode == 1, f"exit status {second.returncode}"
    check_error(second.stderr, "another run is writing into")
    first.kill()
    first.communicate(timeout=PATIENCE)
    third = run(*args, "--epochs", 1)
    assert third.returncode == 0, third.stderr


# Killed processes

KILLED_IN_A_WRITE = """
import os, sys
from s6erav3.__main__ import main

calls = 0
real_fsync = os.fsync


def fsync(descriptor):
    global calls
    calls += 1
    if calls == int(sys.argv[1]):
        os.kill(os.getpid(), 9)
    real_fsync(descriptor)


os.fsync = fsync
sys.exit(main(sys.argv[2:]))
"""


def kill_in_a_write(moment: int, *args) -> subprocess.CompletedProcess:
    """Run the command, and kill it when it syncs a file (odd moments) or a folder (even ones).

    A file is synced before it gets its name, and its folder after that."""
    code = [sys.executable, "-c", KILLED_IN_A_WRITE, str(moment)]
    return subprocess.run([*code, *map(str, args)], capture_output=True, timeout=PATIENCE)


@pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folders")
@pytest.mark.parametrize(
    "moments, epochs", [([3], 4), pytest.param(range(1, 12), 30, marks=thorough)]
)
def test_a_run_killed_inside_a_write_resumes(moments, epochs, capsys, tmp_path):
    """Each run resumes from what the killed one before it has left; the last is killed at the end.

    test_kills.py has the kills at random moments."""
    uninterrupted = tmp_path / "uninterrupted"
    folder = tmp_path / "run"
    args = ("train", *SMALL, "--recipe", "original", "--epochs", epochs)
    assert call(capsys, *args, "--output-dir", uninterrupted)[0] == 0
    for moment in moments:
        done = kill_in_a_write(moment, *args, "--output-dir", folder, "--resume")
        assert done.returncode == KILLED, f"moment {moment} never came; {done.stderr}"
        half_written = list(folder.glob(".*.part*"))
        assert bool(half_written) == bool(moment % 2), f"moment {moment} leaves {half_written}"
    status, _, error = call(capsys, *args, "--output-dir", folder, "--resume")
    assert status == 0, error
    check_same_run(uninterrupted, folder)


def check_same_run(uninterrupted: Path, resumed: Path):
    "Both folders hold the same weights, and nothing but the files of a finished run."
    different = differing_tensors(read_weights(uninterrupted), read_weights(resumed))
    assert not different, f"these weights differ after resuming: {different}"
    names = sorted(os.listdir(resumed))
    assert names == sorted(RUN_FILES), f"the finished run leaves {names}"


@thorough
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no signals to other processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_ends_by_a_signal(number, tmp_path):
    args = ("--recipe", "original", "--epochs", 500, "--output-dir", tmp_path)
    process = start("train", *SMALL, *args, preexec_fn=allow_ctrl_c)
    wait_for_line(process, "Epoch [2/")
    process.send_signal(number)
    _, error = process.communicate(timeout=PATIENCE)
    check_interrupted(process.returncode, error, tmp_path, number)


def allow_ctrl_c():
    "A process started in the background may have been told to ignore SIGINT."
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Odd machines


ODD_MACHINES = {
    "no home": {"HOME": None},
    "a home that cannot be written to": {"HOME": str(Path(os.devnull, "home"))},
    "another language": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "plain ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "no compiler": {"PATH": "/nonexistent", "CXX": None},
}


@thorough
@pytest.mark.parametrize("name", ODD_MACHINES)
def test_odd_machines_train(name, tmp_path):
    changed = {**os.environ, **ODD_MACHINES[name]}
    environment = {key: value for key, value in changed.items() if value is not None}
    compile = "on" if name == "no compiler" else "off"
    args = ("--compile", compile, "--recipe", "fast", "--epochs", 1, "--output-dir", tmp_path)
    done = run("train", *SMALL, *args, env=environment, encoding="utf-8", errors="replace")
    assert done.returncode == 0, f"{name}: {done.stderr[-2_000:]}"
    assert "Traceback" not in done.stderr, f"{name}: {done.stderr[-2_000:]}"
    names = sorted(os.listdir(tmp_path))
    assert names == sorted(RUN_FILES), f"{name}: the run leaves {names}"


@thorough
@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system cannot give a process one core"
)
def test_one_core_trains(tmp_path):
    def use_one_core():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    args = ("--recipe", "fast", "--epochs", 1, "--output-dir", tmp_path)
    done = run("train", *SMALL, *args, preexec_fn=use_one_core)
    assert done.returncode == 0, done.stderr


def test_tensors_of_another_type_are_refused():
    "PyTorch would convert complex numbers, and warn of it once per process."
    model = MNISTModel()
    optimizer = make_optimizer(model, Recipe.fast())
    scheduler = make_scheduler(optimizer, Recipe.fast(), 10)
    state = TrainerState(model, optimizer, scheduler, torch.Generator())
    saved = state.state_dict()
    name = "conv1.2.num_batches_tracked"
    saved["model"] = {**saved["model"], name: torch.tensor(1j, dtype=torch.complex64)}
    with pytest.raises(ValueError, match="damaged or belongs to another run"):
        state.load_state_dict(saved)

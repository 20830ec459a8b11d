"""A run that was stopped, in whatever way, goes on and ends with the weights of one that never was.

S6ERAV3_KILLS says how many runs are killed (3 if it is not set); with it set, compiled runs are tried too.
"""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from s6erav3.cli import main
from s6erav3.data import load_splits
from s6erav3.models.model import MNISTModel
from s6erav3.training.checkpoint import read_checkpoint, write_checkpoint
from s6erav3.training.compute import PLAIN, Compute
from s6erav3.training.train import RECIPES, Recipe, fit, run_recipe

KILLS = int(os.environ.get("S6ERAV3_KILLS", 0))
STEM = [
    sys.executable,
    "-m",
    "s6erav3",
    "train",
    "--dataset",
    "digits",
    "--limit",
    "512",
    "--threads",
    "1",
    "--compile",
    "off",
]
PUBLISHED = ("mnist_model.pth", "record.json", "curves.png")


class PowerCut(Exception):
    pass


def cut_in(epoch_to_stop):
    "An `after_epoch` that fails."

    def stop(epoch, model):
        if epoch == epoch_to_stop:
            raise PowerCut

    return stop


def weights(path) -> dict:
    return torch.load(path, weights_only=True)


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "compile",
    [
        "off",
        pytest.param(
            "on",
            marks=pytest.mark.skipif(not KILLS, reason="compiled runs are part of `make stress`"),
        ),
    ],
)
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_goes_on_bit_for_bit(name, compile, tmp_path, keep):
    splits = load_splits("digits", limit=256)
    recipe = replace(
        Recipe.named(name), epochs=4, plain_epochs=min(1, Recipe.named(name).plain_epochs)
    )
    options = {"test": False, "verbose": False, "compute": replace(PLAIN, compile=compile)}
    whole, record = run_recipe(recipe, splits, 3, **options)
    file = tmp_path / "checkpoint.pth"
    for stop in (2, 4):
        with pytest.raises(PowerCut):
            run_recipe(
                recipe, splits, 3, **options, checkpoint=file, resume=True, after_epoch=cut_in(stop)
            )
    model, resumed = run_recipe(recipe, splits, 3, **options, checkpoint=file, resume=True)
    assert same(whole.state_dict(), model.state_dict())
    for a, b in zip(record["history"], resumed["history"]):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}
    keep(
        "stops",
        f"{name}, {'compiled' if compile == 'on' else 'not compiled'}",
        {"stopped_after_epochs": [1, 3], "the_same_weights": True},
    )


@pytest.mark.parametrize(
    "recipe",
    [
        "original",
        pytest.param(
            "best",
            marks=pytest.mark.skipif(not KILLS, reason="more kills are part of `make stress`"),
        ),
    ],
)
def test_killed_runs_go_on(recipe, tmp_path, keep):
    "SIGKILL at random moments of real runs, imports and writes included; then one is let go on to the end."
    chance, left, inside = random.Random(0), max(KILLS, 3), 0
    command = [*STEM, "--recipe", recipe, "--epochs", "6"]
    subprocess.run([*command, "--out", tmp_path / "whole"], check=True, capture_output=True)
    for run in range(-(-left // 5)):
        out = tmp_path / f"run{run}"
        for _ in range(min(5, left - 5 * run)):
            process = subprocess.Popen(
                [*command, "--out", out, "--resume"], stdout=subprocess.PIPE, text=True
            )
            process.stdout.readline()
            time.sleep(chance.uniform(0, 1.5))
            process.kill()
            process.communicate()
            inside += any(out.glob(".*.part*"))
            for name in PUBLISHED:
                assert (
                    not (out / name).exists()
                    or (out / name).stat().st_size
                    > 0.8 * (tmp_path / "whole" / name).stat().st_size
                )
        subprocess.run([*command, "--out", out, "--resume"], check=True, capture_output=True)
        assert same(
            weights(tmp_path / "whole" / "mnist_model.pth"), weights(out / "mnist_model.pth")
        )
        assert sorted(path.name for path in out.iterdir()) == sorted(PUBLISHED)
    keep(
        "kills",
        recipe,
        {"kills": left, "inside_a_write": inside, "finished_with_the_same_weights": -(-left // 5)},
    )


KILLED_IN_A_WRITE = """
import os, signal, sys
from s6erav3.cli import main
calls, real = 0, os.fsync
def fsync(descriptor):
    global calls
    calls += 1
    if calls == int(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)
    real(descriptor)
os.fsync = fsync
sys.exit(main(sys.argv[2:]))
"""


def test_killed_inside_writes(tmp_path, keep):
    "SIGKILL just before a new file is synced and named, or just after; each run goes on from what the one before has left."
    command, out, moments = (
        [*STEM[3:], "--recipe", "original", "--epochs", "30" if KILLS else "6"],
        tmp_path / "run",
        range(1, 12 if KILLS else 4),
    )
    assert main([*command, "--out", str(tmp_path / "whole")]) == 0
    for moment in moments:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                KILLED_IN_A_WRITE,
                str(moment),
                *command,
                "--out",
                out,
                "--resume",
            ],
            capture_output=True,
        )
        assert done.returncode == -signal.SIGKILL and any(out.glob(".*.part*")) == moment % 2, (
            done.stderr
        )
    assert main([*command, "--out", str(out), "--resume"]) == 0
    assert same(
        weights(tmp_path / "whole" / "mnist_model.pth"), weights(out / "mnist_model.pth")
    ) and sorted(os.listdir(out)) == sorted(PUBLISHED)
    keep(
        "kills",
        "original, inside writes",
        {"kills": len(moments), "finished_with_the_same_weights": 1},
    )


def test_several_processes_do_not_go_on(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    status, _, error = call(capsys, "--epochs", 1, "--out", tmp_path, "--resume")
    assert status == 2 and "one process only" in error


def test_ctrl_c_keeps_the_checkpoint(tmp_path):
    process = subprocess.Popen(
        [*STEM, "--recipe", "original", "--epochs", "500", "--out", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not process.stdout.readline().startswith("Epoch [2/"):
        pass
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130 and "--resume" in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pth"]
    assert len(read_checkpoint(tmp_path / "checkpoint.pth", {})["pupil"]["history"]) >= 1


def call(capsys, *args):
    capsys.readouterr()
    status = main(
        [
            str(arg)
            for arg in ("train", "--dataset", "digits", "--limit", 128, "--recipe", "fast", *args)
        ]
    )
    return status, *capsys.readouterr()


def test_what_a_finished_run_and_another_run_are_told(capsys, tmp_path):
    assert call(capsys, "--epochs", 1, "--out", tmp_path, "--resume")[0] == 0
    before = (tmp_path / "mnist_model.pth").read_bytes()
    status, out, _ = call(capsys, "--epochs", 1, "--out", tmp_path, "--resume")
    assert (
        status == 0
        and "is finished" in out
        and (tmp_path / "mnist_model.pth").read_bytes() == before
    )
    for field, args in (
        ("epochs", ["--epochs", 2]),
        ("seed", ["--epochs", 1, "--seed", 5]),
        ("holdout", ["--epochs", 1, "--holdout", 100]),
    ):
        status, _, error = call(capsys, *args, "--out", tmp_path, "--resume")
        assert status == 1 and f"another run: {field} is" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "field, changes",
    [
        ("learning_rate", {"learning_rate": 0.01}),
        ("name", {"name": "mine"}),
        ("channels", {"channels": (4, 6, 4, 6, 8, 10)}),
    ],
)
def test_another_recipe_is_refused_by_field(field, changes, tmp_path):
    splits, recipe, file = (
        load_splits("digits", limit=128),
        replace(Recipe.fast(), epochs=2),
        tmp_path / "checkpoint.pth",
    )
    with pytest.raises(PowerCut):
        run_recipe(recipe, splits, verbose=False, checkpoint=file, after_epoch=cut_in(2))
    with pytest.raises(ValueError, match=f"another run: {field} is"):
        run_recipe(replace(recipe, **changes), splits, verbose=False, checkpoint=file, resume=True)
    with pytest.raises(ValueError, match="another run: compile is"):
        run_recipe(
            recipe, splits, verbose=False, checkpoint=file, resume=True, compute=Compute("on")
        )
    with pytest.raises(ValueError, match="another run: train_size is"):
        run_recipe(
            recipe, load_splits("digits", limit=100), verbose=False, checkpoint=file, resume=True
        )


def test_two_runs_into_one_folder(tmp_path):
    first = subprocess.Popen(
        [*STEM, "--recipe", "original", "--epochs", "500", "--out", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
    )
    while not first.stdout.readline().startswith("Epoch"):
        pass
    second = subprocess.run(
        [*STEM, "--recipe", "original", "--epochs", "1", "--out", tmp_path],
        capture_output=True,
        text=True,
    )
    assert (
        second.returncode == 1
        and "another run is writing" in second.stderr
        and second.stderr.count("\n") == 1
    )
    first.kill()
    first.wait()
    assert (
        subprocess.run(
            [*STEM, "--recipe", "original", "--epochs", "1", "--out", tmp_path], capture_output=True
        ).returncode
        == 0
    )  # the lock died with its owner


def test_measuring_changes_nothing(tmp_path):
    "Held-out digits watched or not, lines printed or not, the network looked at or not, states kept or not: the same weights."
    splits, recipe = (
        load_splits("digits", limit=256),
        replace(Recipe.fast(), epochs=2, dropout=0.05, ema=0.9),
    )

    def train(valid=None, **options):
        torch.manual_seed(1)
        model = MNISTModel(dropout=0.05)
        fit(
            model,
            recipe,
            splits.train,
            valid,
            seed=1,
            **{"verbose": False, "compute": PLAIN, **options},
        )
        return model.state_dict()

    def look(epoch, model):
        from s6erav3.evaluation.evidence import gradient_map
        from s6erav3.evaluation.interpret import feature_maps, plot_filters, plot_maps
        from s6erav3.models.anatomy import layer_table

        layer_table(model)
        plot_filters(model)
        plot_maps(feature_maps(model, splits.test.images[0]))
        gradient_map(model, splits.test.images[0])
        torch.rand(3)

    plain = train()
    states = []
    for options in ({"valid": splits.valid}, {"verbose": True}, {"checkpoint": states.append}):
        assert same(plain, train(**options)), options
    assert not same(
        plain, train(after_epoch=lambda epoch, model: torch.rand(3))
    )  # chance is shared, so whoever draws from it does disturb

    def look_without_drawing(epoch, model):
        with torch.random.fork_rng():
            look(epoch, model)

    assert same(plain, train(after_epoch=look_without_drawing))


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    splits, wild = (
        load_splits("digits", limit=512),
        replace(Recipe.original(), epochs=3, learning_rate=1e25),
    )
    model = MNISTModel()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    with pytest.raises(
        FloatingPointError, match=r"epoch 1, batch \d+ of 4, learning rate 1e\+25; .* after epoch 0"
    ):
        fit(model, wild, splits.train, splits.valid, verbose=False)
    assert same(before, model.state_dict())
    spoilt = splits.train.images.float() / 255
    spoilt[300] = float("nan")
    kept = []
    with pytest.raises(FloatingPointError, match="epoch 1"):
        fit(
            MNISTModel(),
            replace(wild, learning_rate=0.1, rotation=0.0),
            (spoilt, splits.train.labels),
            splits.valid,
            verbose=False,
            checkpoint=kept.append,
        )
    assert not kept


def test_the_command_says_so_in_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(
        Recipe,
        "fast",
        classmethod(lambda cls: replace(cls.original(), name="fast", learning_rate=1e25)),
    )
    status, _, error = call(capsys, "--epochs", 2, "--out", tmp_path)
    assert status == 1 and "no longer a number" in error and error.count("\n") == 1


@pytest.mark.parametrize("write", ["checkpoint", "record", "weights"])
def test_a_file_size_limit_leaves_the_old_file(write, tmp_path):
    from s6erav3.models.model import save_weights
    from s6erav3.training.train import write_record

    file, kept = tmp_path / "file", resource.getrlimit(resource.RLIMIT_FSIZE)
    calls = {
        "checkpoint": lambda: write_checkpoint({"a": torch.zeros(10_000)}, file),
        "record": lambda: write_record({"a": "x" * 40_000}, file),
        "weights": lambda: save_weights(MNISTModel(), file),
    }
    file.write_text("old")
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, kept[1]))
    try:
        with pytest.raises((OSError, RuntimeError)):
            calls[write]()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, was)
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["file"]
    calls[write]()
    assert file.stat().st_size > 5_000


def test_a_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True
    ).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        (disk / "mnist_model.pth").write_text("old")
        (disk / "filler").write_bytes(bytes(150_000))
        done = subprocess.run(
            [*STEM, "--recipe", "fast", "--epochs", "1", "--out", disk],
            capture_output=True,
            text=True,
        )
        assert (
            done.returncode == 1
            and done.stderr.startswith("Error: ")
            and done.stderr.count("\n") == 1
            and "space" in done.stderr
        ), done.stderr
        assert (
            sorted(os.listdir(disk)) == ["filler", "mnist_model.pth"]
            and (disk / "mnist_model.pth").read_text() == "old"
        )
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(
    "name, changes",
    [
        ("no home", {"HOME": None}),
        ("a home that cannot be written to", {"HOME": "/proc"}),
        ("another language", {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}),
        ("plain ASCII", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("no compiler", {"PATH": "/nonexistent", "CXX": None}),
    ],
)
def test_odd_machines_train(name, changes, tmp_path):
    environment = {
        key: value for key, value in {**os.environ, **changes}.items() if value is not None
    }
    command = STEM[:-1] + ["on" if name == "no compiler" or KILLS else "off"]
    done = subprocess.run(
        [*command, "--recipe", "fast", "--epochs", "1", "--out", tmp_path / "run"],
        capture_output=True,
        text=True,
        env=environment,
        encoding="utf-8",
        errors="replace",
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-2000:]
    assert sorted(os.listdir(tmp_path / "run")) == sorted(PUBLISHED)


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system cannot give a process one core"
)
def test_one_core_trains(tmp_path):
    done = subprocess.run(
        [*STEM, "--recipe", "fast", "--epochs", "1", "--out", tmp_path],
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04" + bytes(100)])
def test_damaged_checkpoints_are_refused(content, tmp_path):
    file = tmp_path / "checkpoint.pth"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="not a checkpoint that is safe to open") as caught:
        read_checkpoint(file, {})
    assert "\n" not in str(caught.value)

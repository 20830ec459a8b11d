"""A training run whose process is killed resumes, and ends with the weights of an unbroken run.

Each kill falls after the first checkpoint, within an epoch or within the write of a checkpoint. It
ends a process; what this process has written stays in the memory of the operating system. So
nothing here says what a failure of the power would do.
"""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dying import WHERE
from running import (
    KILLED,
    PATIENCE,
    differing_tensors,
    kill,
    read_weights,
    run,
    start,
    wait_for_line,
    wait_until,
)
from s6erav3.training.checkpoint import read_checkpoint
from s6erav3.training.record import read_record
from s6erav3.training.train import CHECKPOINT_FILE, RUN_FILES

thorough = pytest.mark.thorough
DYING = str(Path(__file__).with_name("dying.py"))


class KilledRun:
    "A run in a folder, resumed and killed again and again."

    def __init__(self, args: tuple, folder: Path):
        self.args = ("train", *args, "--output-dir", folder, "--resume")
        self.folder = folder
        self.chance = random.Random(0)
        self.kills: list[dict] = []

    def history(self) -> list[dict]:
        "The finished epochs, from the checkpoint, which has to be complete."
        state = read_checkpoint(self.folder / CHECKPOINT_FILE, {})
        return state["student"]["history"]

    def kill_in_an_epoch(self):
        "Let one more epoch end, and kill the process at a random moment of the next."
        process = start(*self.args)
        wait_for_line(process, "Epoch [")
        wait_until((self.folder / CHECKPOINT_FILE).exists, "the first checkpoint is written")
        time.sleep(self.chance.uniform(0, self.history()[-1]["seconds"]))
        kill(process.pid)
        process.communicate(timeout=PATIENCE)
        in_a_write = any(self.folder.glob(".*.part*"))
        self.note("partly written" if in_a_write else "epoch", process.returncode)

    def kill_in_a_write(self):
        "Let the process kill itself while it writes its next checkpoint."
        where = self.chance.choice(WHERE)
        code = [sys.executable, DYING, where, str(self.chance.random()), *map(str, self.args)]
        done = subprocess.run(code, capture_output=True, timeout=6 * PATIENCE)
        is_there = any(self.folder.glob(".*.part*"))
        assert is_there == (where != "renamed"), f"{where}: {done.stderr[-2_000:]}"
        self.note(where, done.returncode)

    def note(self, within: str, status: int):
        "Remember a kill: where it fell, in which epoch, and how the process ended."
        assert status == KILLED, f"exit status {status} at kill {len(self.kills) + 1}"
        epoch = len(self.history()) + (within != "renamed")
        self.kills.append({"epoch": epoch, "within": within, "exit_status": status})


@pytest.mark.parametrize(
    "kills, images, compile",
    [
        (3, 2_000, "off"),
        pytest.param(30, 4_000, "off", marks=thorough),
        pytest.param(30, 4_000, "on", marks=thorough),
    ],
)
def test_a_killed_run_ends_with_the_same_weights(
    kills, images, compile, mnist_dir, tmp_path, monkeypatch, keep
):
    "Two kills of three fall within an epoch, the third within a write."
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    epochs = kills + max(3, kills // 3)  # a run of which some is left after the last kill
    args = ("--dataset", "mnist", "--data-dir", mnist_dir, "--train-size", images)
    args += ("--val-size", 500, "--recipe", "fast", "--epochs", epochs, "--threads", 1)
    args += ("--compile", compile, "--precision", "float32", "--memory-format", "contiguous")
    unbroken = make_run(args, tmp_path / "unbroken")
    killed = KilledRun(args, tmp_path / "killed")
    for number in range(kills):
        if number % 3 < 2:
            killed.kill_in_an_epoch()
        else:
            killed.kill_in_a_write()
    resumed = make_run(args, killed.folder)
    check_same_run(unbroken, resumed)
    if kills == 30:
        what = {"recipe": "fast", "training_images": images, "epochs": epochs}
        found = {**what, "kills": killed.kills, "identical_weights": True}
        keep("kills", "compiled" if compile == "on" else "not compiled", found)


def make_run(args: tuple, folder: Path) -> dict:
    "Train to the end; the folder, its weights, and its history without seconds."
    run("train", *args, "--output-dir", folder, "--resume", check=True, timeout=6 * PATIENCE)
    history = read_record(folder / "record.json")["history"]
    history = [{**row, "seconds": None} for row in history]
    return {"folder": folder, "weights": read_weights(folder), "history": history}


def check_same_run(unbroken: dict, resumed: dict):
    "The same weights, bit for bit, the same history, and no other files than those of a run."
    different = differing_tensors(unbroken["weights"], resumed["weights"])
    assert not different, f"these weights differ after resuming: {different}"
    assert resumed["history"] == unbroken["history"], "the histories differ"
    names = sorted(path.name for path in resumed["folder"].iterdir())
    assert names == sorted(RUN_FILES), f"the finished run leaves {names}"

"Checkpoints: a file of tensors, one of which holds JSON that says how they are nested."

import functools
import tempfile
from pathlib import Path

import torch
from torch import nn

from fuzzing.weights import (
    damaged_weights,
    hostile_weights,
    large_hostile_weights,
    saved,
    unzipped,
)
from s6erav3.training.checkpoint import RunCheckpoint, TrainerState, write_checkpoint
from s6erav3.training.trainer import _average_weights

RUN = {
    "recipe": {"name": "best", "learning_rate": 0.1, "channels": [8, 12]},
    "seed": 0,
    "threads": 1,
}


def initial_state() -> TrainerState:
    "The state of a trainer of a small network, before the first epoch."
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 10)
    average = _average_weights(model, 0.9)
    return TrainerState(model, optimizer, scheduler, torch.Generator(), average)


def resume_from(path):
    "Resume the run from a checkpoint."
    options = RunCheckpoint(path, True, RUN).options("student")
    initial_state().load_state_dict(options["resume"])


# Good and damaged files


@functools.cache
def good_states() -> list[dict]:
    "What `RunCheckpoint` writes, after no epoch and after one."
    torch.manual_seed(0)
    before = initial_state()
    after = initial_state()
    after.model(torch.randn(2, 1, 5, 5)).sum().backward()
    after.optimizer.step()
    after.scheduler.step()
    after.average.update_parameters(after.model)
    after.history.append({"epoch": 1, "train_loss": 0.5, "validation_accuracy": None})
    return [_run_state(state.state_dict()) for state in (before, after)]


def _run_state(student) -> dict:
    return {"run": RUN, "seconds": 1.5, "student": student, "teacher": None}


def checkpoint_file(state: dict) -> bytes:
    "The bytes of the file that holds `state`."
    with tempfile.TemporaryDirectory() as folder:
        return write_checkpoint(state, Path(folder, "file")).read_bytes()


@functools.cache
def good_checkpoints() -> list[dict[str, bytes]]:
    "The records of good files, by name."
    return [unzipped(checkpoint_file(state)) for state in good_states()]


def damaged_checkpoints():
    return damaged_weights(good_checkpoints)


# Hostile files


def hostile_checkpoints() -> dict[str, bytes]:
    "Hostile files of weights, and checkpoints in which one part is not what it should be."
    return {**hostile_weights(), **_wrong_students(), **_wrong_layouts(), **_wrong_runs()}


def large_hostile_checkpoints() -> dict[str, bytes]:
    many_lists = b'{"list": [' + b"[]," * 3_300_000 + b"0]}"
    return {
        **large_hostile_weights(),
        "layout_of_many_lists": _with_layout(many_lists),
        "layout_of_10_mb": _with_layout(bytes(10_000_001)),
    }


def _wrong_students() -> dict[str, bytes]:
    student = good_states()[1]["student"]
    momentum = {**student["optimizer"], "state": {0: {"momentum_buffer": "much"}}}
    wrong = {
        "momentum": {**student, "optimizer": momentum},
        "no_optimizer": {**student, "optimizer": {}},
        "nothing": None,
        "text": "a\nb",
        "random": {**student, "random": torch.full((5056,), 255, dtype=torch.uint8)},
        "short_generator": {**student, "generator": torch.zeros(3, dtype=torch.uint8)},
        "history": {**student, "history": [7]},
        "average": {**student, "average": {"n_averaged": "\x1b[31m"}},
        "schedule": {**student, "scheduler": {"last_epoch": "x" * 10**6}},
    }
    files = {}
    for name, value in wrong.items():
        files[f"student_{name}"] = checkpoint_file(_run_state(value))
    return files


def _wrong_layouts() -> dict[str, bytes]:
    layouts = {
        "empty": b"{}",
        "deep": b"[" * 10**5,
        "deep_dicts": b'{"list": [' * 10**5,
        "long": b"0" * 10**6,
        "lacking": b'{"tensor": 7}',
        "unknown": b'{"set": []}',
        "two": b'{"list": [], "dict": []}',
        "odd_key": b'{"dict": [[[], 1]]}',
        "pairs": b'{"dict": [1, 2]}',
        "text": b"\xff",
    }
    files = {f"layout_{name}": _with_layout(layout) for name, layout in layouts.items()}
    files["wide_tensor"] = _with_layout(b"{}", torch.zeros(1).expand(10**12))
    return files


def _with_layout(layout: bytes, tensor=None) -> bytes:
    "A checkpoint with this layout."
    layout_tensor = torch.frombuffer(bytearray(layout), dtype=torch.uint8)
    tensor = torch.zeros(1) if tensor is None else tensor
    return saved({"tensor0": tensor, "layout": layout_tensor})


def _wrong_runs() -> dict[str, bytes]:
    good = good_states()[1]
    runs = {
        "run_nothing": None,
        "run_long": {**RUN, "seed": "\n" * 10**5},
        "run_odd": {**RUN, "seed": {"a\nb": good["student"]}},
    }
    return {name: checkpoint_file({**good, "run": run}) for name, run in runs.items()}

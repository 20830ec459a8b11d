"Checkpoints: safetensors files whose metadata hold JSON, which says how the tensors are nested."

import functools
import json
import tempfile
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from fuzzing.tensors import damaged_tensors, hostile_tensors, large_hostile_tensors, packed
from fuzzing.weights import hostile_pths
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
    average = _average_weights(model, lambda n: 0.1)
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
def good_checkpoints() -> list[bytes]:
    return [checkpoint_file(state) for state in good_states()]


def damaged_checkpoints():
    return damaged_tensors(good_checkpoints)


# Hostile files


def hostile_checkpoints() -> dict[str, bytes]:
    "Hostile files of tensors, and checkpoints in which one part is not what it should be."
    return {
        **hostile_pths(),
        **hostile_tensors(good_checkpoints()[1]),
        **_wrong_students(),
        **_wrong_layouts(),
        **_wrong_runs(),
    }


def large_hostile_checkpoints() -> dict[str, bytes]:
    many_lists = "[" + "[]," * 3_200_000 + "0]"
    return {
        **large_hostile_tensors(),
        "layout_of_many_lists": _with_layout(many_lists),
        "large_file": packed({}, bytes(100_000_001)),
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
        "empty": "",
        "no_json": "a\nb\x1b[31m",
        "null": "null",
        "deep": "[" * 10**5,
        "deep_dicts": '{"a": ' * 10**5,
        "many_digits": "9" * 10**6,
        "lacking": '{"$tensor": "tensor7"}',
        "tensor_named_by_a_list": '{"$tensor": []}',
        "tensor_named_by_a_tensor": '{"$tensor": {"$tensor": "tensor0"}}',
        "run_is_a_tensor": '{"run": {"$tensor": "tensor0"}}',
        "no_run": '{"seconds": 1}',
    }
    files = {f"layout_{name}": _with_layout(layout) for name, layout in layouts.items()}
    tensors = {"tensor0": torch.zeros(1)}
    files["no_layout"] = safetensors.torch.save(tensors)
    files["layout_elsewhere"] = safetensors.torch.save(tensors, {"layout": "{}"})
    good = json.dumps(good_states()[1], default=lambda tensor: {"$tensor": "tensor0"})
    files["one_tensor_for_all"] = _with_layout(good)
    return files


def _with_layout(layout: str) -> bytes:
    "A checkpoint of one tensor with this text as its state."
    return safetensors.torch.save({"tensor0": torch.zeros(1)}, {"state": layout})


def _wrong_runs() -> dict[str, bytes]:
    good = good_states()[1]
    runs = {
        "run_nothing": None,
        "run_long": {**RUN, "seed": "\n" * 10**5},
        "run_odd": {**RUN, "seed": {"a\nb": good["student"]}},
    }
    return {name: checkpoint_file({**good, "run": run}) for name, run in runs.items()}

"The training loops that are compared, and how they are timed."

import logging

import numpy as np
import pytest
import torch

from s6erav3 import bench
from s6erav3.data.mnist import load_splits
from s6erav3.inference import evaluate
from s6erav3.models.model import MNISTModel
from s6erav3.training import execution, layer_rewrites
from s6erav3.training.execution import EAGER
from s6erav3.training.recipe import Recipe


@pytest.fixture(scope="module")
def splits():
    return load_splits("digits")


def our_loop_eagerly(*args):
    return bench.our_loop(*args, execution=EAGER)


def published_loop_with_workers(*args):
    return bench.published_loop(*args, workers=2)


LOOPS = [
    bench.published_loop,
    published_loop_with_workers,
    bench.example_loop,
    our_loop_eagerly,
]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_every_loop_trains(loop, splits):
    torch.manual_seed(0)
    model = MNISTModel()
    before = evaluate(model, splits.valid)[0]
    train_batches = loop(model, splits.train, Recipe.original())
    for _ in range(4):
        train_batches(10)
    assert evaluate(model, splits.valid)[0] < before - 0.2


def test_bench_leaves_out_each_rewrite_in_turn():
    assert len(bench.LEFT_OUT) == 2
    network = MNISTModel()
    kinds = []
    for _, replacement in bench.LEFT_OUT.values():
        swapped = layer_rewrites.swap_layers(network, replacement)
        kinds.append({type(module).__name__ for module in swapped.modules()})
    ours = {"_BatchNorm", "_MaxPool"}
    assert [ours - found for found in kinds] == [{"_BatchNorm"}, {"_MaxPool"}]


def test_each_loop_is_timed_once_in_each_round():
    calls = []
    loops = {name: lambda n, name=name: calls.append((name, n)) for name in ("a", "b")}
    times = bench.interleaved_timing(loops, n=7, repeats=9, warm_up=2)
    rounds = [calls[start : start + 4] for start in range(0, len(calls), 4)]
    a_first = [("a", 2), ("a", 7), ("b", 2), ("b", 7)]
    b_first = a_first[2:] + a_first[:2]
    assert len(rounds) == 10 and all(one in (a_first, b_first) for one in rounds)
    assert a_first in rounds and b_first in rounds
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 9, "b": 9}


def test_bench_summarises_the_times(splits, monkeypatch):
    times = {"published loop": [4.0, 2.0, 3.0], "ours": [1.5, 1.0, 2.0]}
    asked = []

    def timing(loops, n, repeats):
        asked.append((n, repeats))
        return times

    monkeypatch.setattr(bench, "_build_loop", lambda *args: None)
    monkeypatch.setattr(bench, "interleaved_timing", timing)
    published, ours = bench.bench(splits, batches=1_000, repeats=3)
    n_batches = 11  # 1,297 images in batches of 128
    assert asked == [(n_batches, 3)]
    assert published["name"] == "published loop" and published["ratio_to_published"] == 1
    assert np.isclose(published["seconds_per_epoch"], 3 * n_batches)
    assert np.isclose(ours["seconds_per_epoch"], 1.5 * n_batches)
    assert np.allclose(ours["seconds"], n_batches * np.array(times["ours"]))
    assert np.isclose(ours["spread"], 0.5 * n_batches) and ours["ratio_to_published"] == 2


def test_our_loop_goes_on_where_it_stopped(splits, monkeypatch):
    labels = []

    def train_epoch(step, optimizer, batches):
        labels.extend(y for _, y in batches)

    monkeypatch.setattr(bench, "train_epoch", train_epoch)
    recipe = Recipe.original()
    train_batches = bench.our_loop(MNISTModel(), splits.train, recipe, execution=EAGER)
    for n in (4, 7):  # 11 batches are an epoch
        train_batches(n)
    assert torch.equal(torch.cat(labels).sort()[0], splits.train.labels.sort()[0])


def test_a_failed_compilation_leaves_the_log_level_of_pytorch(monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("no compiler")

    logger = logging.getLogger("torch.utils.cpp_extension")
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(execution, "_Compiled", lambda *_: fail)
    model = MNISTModel()
    compiled = execution.ExecutionConfig("on", "float32", "contiguous")
    x = torch.zeros(2, 1, 28, 28)
    assert execution.build_train_step(model, compiled, x, 100)[1].compile == "off"
    assert "no compiler" in capsys.readouterr().out and logger.level == logging.INFO

"""What holds on an NVIDIA GPU, where there is one.

Nothing waits for the GPU inside an epoch, and compiled training in bfloat16 learns too."""

import pytest
import torch
from torch import optim

from s6erav3.data.augment import normalize
from s6erav3.data.mnist import load_splits
from s6erav3.models.model import MNISTModel
from s6erav3.training.execution import (
    EAGER,
    MIN_SAMPLES_TO_COMPILE,
    ExecutionConfig,
    build_train_step,
)
from s6erav3.training.loop import make_batches, train_epoch
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import RunSpec
from s6erav3.training.train import run_recipe
from s6erav3.training.trainer import fit

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU here")

FAST = ExecutionConfig("on", "bfloat16", "channels_last")
RECIPE = Recipe(
    "test",
    epochs=3,
    batch_size=64,
    schedule="one_cycle",
    scale=0.1,
    elastic_std=0.5,
    ema_decay=0.9,
)


@pytest.fixture(scope="module")
def splits():
    return load_splits("digits")


@pytest.mark.parametrize("execution", [EAGER, FAST], ids=["eager", "compiled"])
def test_nothing_waits_inside_an_epoch(execution, splits):
    train = splits.train.images.cuda(), splits.train.labels.cuda()
    model = MNISTModel().cuda()
    x = normalize(train[0][: RECIPE.batch_size])
    train_step, _ = build_train_step(model, execution, x, MIN_SAMPLES_TO_COMPILE)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)
    generator = torch.Generator("cuda").manual_seed(0)
    train_epoch(train_step, optimizer, make_batches(train, RECIPE, generator))  # compiles
    steps = 0

    def forbid_waiting():
        nonlocal steps
        steps += 1
        torch.cuda.set_sync_debug_mode("error")

    batches = make_batches(train, RECIPE, generator)
    try:
        # the losses are read once, after the last step
        with pytest.raises(RuntimeError, match="synchronizing"):
            train_epoch(train_step, optimizer, batches, [forbid_waiting])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected = -(-len(train[1]) // RECIPE.batch_size)
    assert steps == expected, f"something waited after step {steps} of {expected}"


@pytest.mark.parametrize("execution", [EAGER, FAST], ids=["eager", "compiled"])
def test_training_learns(execution, splits):
    torch.manual_seed(0)
    options = {"device": "cuda", "verbose": False, "execution": execution}
    history = fit(MNISTModel(dropout=0), RECIPE, splits.train, splits.valid, **options)
    accuracy = history[-1]["validation_accuracy"]
    assert accuracy > 80, f"validation accuracy {accuracy:.2f} %"


def test_a_run_with_a_teacher_learns(splits):
    recipe = RECIPE.replace(teacher_width=2)
    spec = RunSpec(recipe, splits, device="cuda", execution=FAST)
    _, record = run_recipe(spec, verbose=False)
    for name, history in (
        ("teacher", record["teacher"]["history"]),
        ("student", record["history"]),
    ):
        accuracy = history[-1]["validation_accuracy"]
        assert accuracy > 60, f"validation accuracy of the {name}: {accuracy:.2f} %"

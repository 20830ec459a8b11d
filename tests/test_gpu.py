"What holds on an NVIDIA GPU, where there is one: nothing waits inside an epoch, and compiled training learns as plain training does."

from dataclasses import replace

import pytest
import torch
from torch import optim

from s6erav3.data import Digits, load_splits, normalize
from s6erav3.models.model import MNISTModel
from s6erav3.training.compute import SHORT, Compute, prepare
from s6erav3.training.train import Recipe, fit, run_recipe, train_epoch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU here")
RECIPE = Recipe(
    "test", epochs=3, batch_size=64, schedule="one_cycle", scale=0.1, elastic=0.5, ema=0.9
)


@pytest.mark.parametrize(
    "compute", [Compute("off", "float32", "contiguous"), Compute("on", "bfloat16", "channels_last")]
)
def test_nothing_waits_inside_an_epoch(compute):
    digits, model = Digits(*(t.cuda() for t in load_splits("digits").train)), MNISTModel().cuda()
    objective, _ = prepare(model, compute, normalize(digits.images[:64]), SHORT)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)
    generator = torch.Generator("cuda").manual_seed(0)
    train_epoch(objective, optimizer, digits, RECIPE, generator)
    steps = iter(range(10_000))

    def forbid_waiting():
        if next(steps) == 0:
            torch.cuda.set_sync_debug_mode("error")

    try:
        with pytest.raises(
            RuntimeError, match="synchronizing"
        ):  # reading the totals, after the last step
            train_epoch(objective, optimizer, digits, RECIPE, generator, [forbid_waiting])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert next(steps) == -(-len(digits.labels) // RECIPE.batch_size)


def test_a_teacher_is_asked_there_too():
    recipe = replace(RECIPE, teacher=2)
    model, record = run_recipe(
        recipe,
        load_splits("digits"),
        device="cuda",
        verbose=False,
        compute=Compute("on", "bfloat16", "channels_last"),
    )
    assert (
        record["teacher"]["history"][-1]["validation_accuracy"] > 60
        and record["history"][-1]["validation_accuracy"] > 60
    )


def test_compiled_training_learns_too():
    splits = load_splits("digits")
    for compute in (
        Compute("off", "float32", "contiguous"),
        Compute("on", "bfloat16", "channels_last"),
    ):
        torch.manual_seed(0)
        history = fit(
            MNISTModel(dropout=0),
            RECIPE,
            splits.train,
            splits.valid,
            device="cuda",
            verbose=False,
            compute=compute,
        )
        assert history[-1]["validation_accuracy"] > 80

"""Devices, and what holds on the GPU of a Mac: the results of the CPU, up to rounding.

Where there is no such GPU, only the choice of a device is tested."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from running import call, check_error
from s6erav3.cli import _choose_device
from s6erav3.data.augment import affine, elastic_displacement
from s6erav3.data.mnist import load_splits
from s6erav3.inference import predict_log_proba
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_pretrained
from s6erav3.training.execution import EAGER, ExecutionConfig, autotune, build_train_step
from s6erav3.training.loop import make_batches, make_optimizer, train_epoch
from s6erav3.training.recipe import Recipe
from s6erav3.training.trainer import fit

HAS_MPS = torch.backends.mps.is_available()
on_a_mac = pytest.mark.skipif(not HAS_MPS, reason="there is no GPU of a Mac here")
LONG = 10**9  # images of a run


@pytest.fixture(scope="module")
def splits():
    return load_splits("digits", train_size=512)


@pytest.mark.parametrize(
    "cuda, mps, chosen",
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_first_device_that_is_there(cuda, mps, chosen, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert _choose_device("auto") == chosen
    assert _choose_device("cpu") == "cpu"


@pytest.mark.skipif(HAS_MPS, reason="there is a GPU of a Mac here")
def test_a_device_that_is_not_there_is_a_wrong_call(capsys, tmp_path):
    args = ("--dataset", "digits", "--output-dir", tmp_path, "--device", "mps")
    status, _, error = call(capsys, "train", *args)
    assert status == 2, f"exit status {status}"
    check_error(error, "--device mps needs a Mac")


def test_long_runs_on_mps_are_eager_in_float32_unless_told_otherwise():
    batch = SimpleNamespace(device=torch.device("mps"))
    assert autotune(ExecutionConfig(), None, batch, LONG) == EAGER
    asked = ExecutionConfig("on", "bfloat16", "auto")
    assert autotune(asked, None, batch, LONG) == replace(asked, memory_format="contiguous")


@on_a_mac
def test_predictions_on_mps(splits):
    expected = predict_log_proba(load_pretrained(), splits.test.images)
    found = predict_log_proba(load_pretrained().to("mps"), splits.test.images)
    assert torch.allclose(found, expected, atol=1e-3)


@on_a_mac
def test_augmentation_on_mps():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 1, 28, 28, generator=generator)
    numbers = [torch.rand(4, generator=generator) for _ in range(2)]
    angle, shear = (10 * number for number in numbers)
    move = torch.rand(4, 2, generator=generator)
    expected = affine(images, angle, numbers[0] + 1, move, shear)
    on_mps = (t.to("mps") for t in (images, angle, numbers[0] + 1, move, shear))
    assert torch.allclose(affine(*on_mps).cpu(), expected, atol=1e-4)
    field = elastic_displacement(4, 28, 28, 1.0, torch.Generator("mps").manual_seed(0), "mps")
    assert field.shape == (4, 2, 28, 28) and field.isfinite().all()


@on_a_mac
@pytest.mark.parametrize("name", ["original", "fast"])
def test_an_epoch_on_mps(name, splits):
    recipe = Recipe.named(name).replace(dropout=0.0)
    batches = list(make_batches(splits.train, recipe, torch.Generator().manual_seed(0)))

    def train(device: str) -> tuple[float, float]:
        torch.manual_seed(0)
        model = MNISTModel(dropout=0.0).to(device)
        own = [(x.to(device), y.to(device)) for x, y in batches]
        step, execution = build_train_step(model, ExecutionConfig(), own[0][0], n_samples=1_000)
        assert execution == EAGER
        return train_epoch(step, make_optimizer(model, recipe), own)

    (loss, _), (expected, _) = train("mps"), train("cpu")
    assert loss == pytest.approx(expected, rel=1e-2)


@on_a_mac
def test_a_run_on_mps_resumes(splits):
    "With augmentation and dropout: the random numbers go on where they were."
    recipe = Recipe.fast().replace(epochs=3, dropout=0.05)
    states = []

    def train(**options) -> MNISTModel:
        torch.manual_seed(1)
        model = MNISTModel(dropout=0.05)
        options = {"device": "mps", "verbose": False, "execution": EAGER, **options}
        history = fit(model, recipe, splits.train, splits.valid, **options)
        assert history[-1]["validation_accuracy"] > 50
        return model.cpu()

    def keep(state):
        states.append(torch.utils._pytree.tree_map(copied, state))

    whole, resumed = train(checkpoint=keep), train(resume=states[0])
    for name, tensor in whole.state_dict().items():
        assert torch.allclose(tensor, resumed.state_dict()[name], atol=1e-4), name


def copied(value):
    "A copy on the CPU of a tensor, as a checkpoint holds it; anything else as it is."
    return value.detach().cpu().clone() if isinstance(value, torch.Tensor) else value

"A teacher teaches: its scores count more than the labels, and it stays as it was."

import copy
from dataclasses import replace

import pytest
import torch

from s6erav3.data import Digits, load_splits
from s6erav3.models.model import MNISTModel, count_parameters
from s6erav3.training.compute import PLAIN, Compute
from s6erav3.training.teacher import wider_network
from s6erav3.training.train import Recipe, evaluate, fit, recipe_of, run_recipe, train_teacher

RECIPE = Recipe("taught", epochs=6, batch_size=32, schedule="one_cycle", dropout=0.0, teacher=2)


@pytest.fixture(scope="module")
def splits():
    return load_splits("digits", limit=640)


@pytest.fixture(scope="module")
def teacher(splits):
    return train_teacher(replace(RECIPE, epochs=12), splits, verbose=False)[0]


def test_half_of_the_epochs_and_wider(splits):
    small = replace(splits, train=splits.train.take(slice(64)))
    for epochs, of_teacher in ((1, 1), (2, 1), (5, 2)):
        network, record = train_teacher(replace(RECIPE, epochs=epochs), small, verbose=False)
        assert (
            len(record["history"]) == of_teacher
            and record["parameters"]
            == count_parameters(network)
            == count_parameters(wider_network(2))
            > 6_926
        )
        assert record["compute"]["compile"] == "off"


def test_a_student_believes_its_teacher_more_than_the_labels(splits, teacher):
    "Nine of ten labels are wrong; a student without a teacher is lost with them, one with a teacher is not."
    wrong = Digits(
        splits.train.images,
        splits.train.labels[
            torch.randperm(len(splits.train.labels), generator=torch.Generator().manual_seed(0))
        ],
    )
    accuracies = []
    for recipe, taught_by in ((replace(RECIPE, teacher=0), None), (RECIPE, teacher)):
        torch.manual_seed(0)
        model = MNISTModel(dropout=0)
        fit(model, recipe, wrong, verbose=False, teacher=taught_by)
        accuracies.append(evaluate(model, splits.valid)[1])
    assert accuracies[0] < 50 and accuracies[1] > 85, accuracies


@pytest.mark.parametrize(
    "compute", [PLAIN, Compute("on", "float32", "channels_last")], ids=["plain", "compiled"]
)
def test_the_teacher_stays_as_it_is(splits, teacher, compute):
    teacher = copy.deepcopy(teacher).train()
    before = copy.deepcopy(teacher.state_dict())
    fit(
        MNISTModel(dropout=0),
        replace(RECIPE, epochs=1),
        splits.train.take(slice(256)),
        verbose=False,
        compute=compute,
        teacher=teacher,
    )
    assert teacher.training and all(
        p.requires_grad and p.is_contiguous() for p in teacher.parameters()
    )
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_a_run_with_a_teacher_is_reproducible_and_recorded(splits):
    few = replace(splits, train=splits.train.take(slice(256)))
    (first, record), (second, _) = (
        run_recipe(replace(RECIPE, epochs=2), few, seed=3, verbose=False) for _ in range(2)
    )
    for a, b in zip(first.state_dict().values(), second.state_dict().values()):
        assert torch.equal(a, b)
    assert recipe_of(record).teacher == 2 and record["teacher"].keys() == {
        "parameters",
        "history",
        "compute",
    }
    other, _ = run_recipe(replace(RECIPE, epochs=2), few, seed=4, verbose=False)
    assert not torch.equal(first.fc.weight, other.fc.weight)


def test_a_recipe_that_wants_a_teacher_needs_one(splits):
    with pytest.raises(ValueError, match="train_teacher"):
        fit(MNISTModel(), RECIPE, splits.train, verbose=False)
    for bad in (-1, 0.5, 100):
        with pytest.raises(ValueError, match="teacher"):
            replace(RECIPE, teacher=bad)

"Distillation: the loss, and a teacher that counts more than the labels and stays as it was."

import copy
from dataclasses import replace

import pytest
import torch

from s6erav3.data.mnist import Digits, load_splits
from s6erav3.inference import evaluate
from s6erav3.models.model import MNISTModel, count_parameters
from s6erav3.training.distillation import distillation_loss, widened_model
from s6erav3.training.execution import EAGER, ExecutionConfig
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import RunSpec
from s6erav3.training.train import run_recipe, train_teacher
from s6erav3.training.trainer import fit

RECIPE = Recipe(
    "taught", epochs=6, batch_size=32, schedule="one_cycle", dropout=0.0, teacher_width=2
)


def logits_and_labels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 12, 10, generator=generator)
    return logits[0], logits[1], torch.arange(12) % 10


def test_alpha_weighs_teacher_against_labels():
    logits, teacher_logits, labels = logits_and_labels()
    by_labels = distillation_loss(logits, teacher_logits, labels, alpha=0)
    by_teacher = distillation_loss(logits, teacher_logits, labels, alpha=1)
    assert torch.isclose(by_labels, torch.nn.functional.cross_entropy(logits, labels))
    assert not torch.isclose(by_labels, by_teacher)
    for alpha in (0.25, 0.9):
        both = distillation_loss(logits, teacher_logits, labels, alpha=alpha)
        assert torch.isclose(both, alpha * by_teacher + (1 - alpha) * by_labels)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 8.0])
def test_a_student_that_agrees_has_only_the_loss_of_the_labels(temperature):
    logits, _, labels = logits_and_labels()
    shifted = logits + 3  # logits are defined up to a constant
    loss = distillation_loss(logits, shifted, labels, alpha=1, temperature=temperature)
    assert loss.abs() < 1e-5


def test_one_factor_of_one_is_the_published_network():
    widths = {times: count_parameters(widened_model(times)) for times in (1, 3)}
    assert widths == {1: 6_926, 3: 59_350}


@pytest.fixture(scope="module")
def splits():
    return load_splits("digits", train_size=640)


@pytest.fixture(scope="module")
def teacher(splits):
    return train_teacher(RunSpec(RECIPE.replace(epochs=12), splits), verbose=False)[0]


def test_half_of_the_epochs_and_wider(splits):
    small = replace(splits, train=splits.train.subset(slice(64)))
    for epochs, of_teacher in ((1, 1), (2, 1), (5, 2)):
        spec = RunSpec(RECIPE.replace(epochs=epochs), small)
        network, record = train_teacher(spec, verbose=False)
        assert len(record["history"]) == of_teacher
        assert record["parameters"] == count_parameters(network) > 6_926
        assert record["parameters"] == count_parameters(widened_model(2))
        assert record["compute"]["compile"] == "off"


def test_a_network_with_weighted_pooling_has_a_published_one_as_teacher(splits):
    few = replace(splits, train=splits.train.subset(slice(64)))
    recipe = RECIPE.replace(epochs=1, stages=((4,), (6,)), pool="weighted")
    network, record = run_recipe(RunSpec(recipe, few), verbose=False)
    assert network.pool == "weighted" and record["teacher"]["parameters"] > 6_926


def test_a_student_believes_its_teacher_more_than_the_labels(splits, teacher):
    "Nine of ten labels are wrong; a student fails without a teacher, and not with one."
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(splits.train.labels), generator=generator)
    wrong = Digits(splits.train.images, splits.train.labels[order])
    accuracies = []
    for recipe, taught_by in ((RECIPE.replace(teacher_width=0), None), (RECIPE, teacher)):
        torch.manual_seed(0)
        model = MNISTModel(dropout=0)
        fit(model, recipe, wrong, verbose=False, teacher=taught_by)
        accuracies.append(evaluate(model, splits.valid)[1])
    assert accuracies[0] < 50 and accuracies[1] > 85, accuracies


@pytest.mark.parametrize(
    "execution",
    [EAGER, ExecutionConfig("on", "float32", "channels_last")],
    ids=["plain", "compiled"],
)
def test_the_teacher_stays_as_it_is(splits, teacher, execution):
    teacher = copy.deepcopy(teacher).train()
    before = copy.deepcopy(teacher.state_dict())
    fit(
        MNISTModel(dropout=0),
        RECIPE.replace(epochs=1),
        splits.train.subset(slice(256)),
        verbose=False,
        execution=execution,
        teacher=teacher,
    )
    assert teacher.training and all(
        p.requires_grad and p.is_contiguous() for p in teacher.parameters()
    )
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_a_run_with_a_teacher_is_reproducible_and_recorded(splits):
    few = replace(splits, train=splits.train.subset(slice(256)))
    spec = RunSpec(RECIPE.replace(epochs=2), few, seed=3)
    first, record = run_recipe(spec, verbose=False)
    second, _ = run_recipe(spec, verbose=False)
    for a, b in zip(first.state_dict().values(), second.state_dict().values()):
        assert torch.equal(a, b)
    assert Recipe.from_record(record).teacher_width == 2
    assert record["teacher"].keys() == {"parameters", "history", "compute"}
    other, _ = run_recipe(replace(spec, seed=4), verbose=False)
    assert not torch.equal(first.fc.weight, other.fc.weight)


def test_a_recipe_that_wants_a_teacher_needs_one(splits):
    with pytest.raises(ValueError, match="train_teacher"):
        fit(MNISTModel(), RECIPE, splits.train, verbose=False)
    for bad in (-1, 0.5, 100):
        with pytest.raises(ValueError, match="teacher"):
            RECIPE.replace(teacher_width=bad)

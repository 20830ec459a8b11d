"What the pages on evaluation and interpretation do not try: odd inputs, and side effects."

import numpy as np
import pandas as pd
import pytest
import torch

from s6erav3.data.mnist import Digits, load_mnist
from s6erav3.evaluation.attribution import occlusion_map, penultimate_features, saliency_map
from s6erav3.evaluation.metrics import (
    accuracy_interval,
    apply_temperature,
    brier_score,
    expected_calibration_error,
    most_confused,
    per_class,
)
from s6erav3.evaluation.mistakes import (
    capture_activations,
    label_votes,
    misclassified,
    plot_mistakes,
)
from s6erav3.evaluation.robustness import CORRUPTIONS, accuracy_by_severity, corrupt
from s6erav3.inference import Predictions
from s6erav3.models.model import MNISTModel

DISPUTED = (
    [947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937]
    + [6651, 6783, 8527, 9679, 9729]  # fewer than three of five people chose the label
)


def certain(labels, predicted, n_classes=10):
    "Predictions with a confidence of 1."
    return Predictions(np.array(labels), np.eye(n_classes)[predicted])


@pytest.mark.parametrize("temperature", [0.5, 1, 4])
def test_temperature_where_a_probability_is_exactly_zero(temperature):
    sharp = Predictions(np.array([0, 1]), np.array([[1.0, 0.0, 0.0], [0.2, 0.8, 0.0]]))
    scaled = apply_temperature(sharp, temperature)
    assert np.isfinite(scaled.probabilities).all()
    assert np.allclose(scaled.probabilities.sum(axis=1), 1)
    assert np.array_equal(scaled.predicted, sharp.predicted)


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_a_temperature_must_be_above_zero(temperature):
    with pytest.raises(ValueError, match="temperature must be above 0"):
        apply_temperature(certain([0], [0]), temperature)


def test_temperature_changes_neither_order_nor_sum():
    rng = np.random.default_rng(0)
    before = Predictions(np.zeros(50, int), rng.dirichlet(np.ones(10), 50))
    after = apply_temperature(before, 1e6)
    assert np.array_equal(after.predicted, before.predicted)
    assert np.allclose(after.probabilities, 0.1, atol=1e-3)


def test_metrics_of_perfect_and_of_wrong_predictions():
    perfect = certain([0, 1, 2], [0, 1, 2], n_classes=3)
    wrong = certain([0, 1, 2], [1, 2, 0], n_classes=3)
    assert brier_score(perfect) == 0 and brier_score(wrong) == 2
    assert expected_calibration_error(perfect, n_bins=1) == 0
    assert np.isclose(expected_calibration_error(wrong, n_bins=1), 100)


@pytest.mark.parametrize("n_correct", [0, 7, 10])
def test_the_interval_contains_the_accuracy(n_correct):
    low, high = accuracy_interval(n_correct, 10)
    assert 0 <= low <= 10 * n_correct <= high <= 100 and high - low > 20


def test_a_class_that_is_never_predicted_has_no_precision():
    table = per_class(certain([0, 1], [0, 0], n_classes=2))
    assert np.isnan(table.loc[1, "precision"]) and table.loc[1, "recall"] == 0


def test_confusions_are_counted_most_frequent_first():
    table = most_confused(certain([1, 1, 2, 0], [2, 2, 0, 0], n_classes=3))
    assert table.columns.tolist() == ["true", "predicted", "count"]
    assert table.to_numpy().tolist() == [[1, 2, 2], [2, 0, 1]]


def test_no_confusion_without_mistakes():
    assert most_confused(certain([0, 1], [0, 1], n_classes=2)).empty


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_corrupting_leaves_the_images_alone(name, dtype):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (520, 1, 28, 28), generator=generator, dtype=torch.uint8)
    if dtype == torch.float32:
        images = images / 255
    before = images.clone()
    assert corrupt(images, name, 1).shape == images.shape
    assert torch.equal(images, before)


def test_noise_differs_from_image_to_image():
    noisy = corrupt(torch.full((1_000, 1, 28, 28), 0.5), "noise", 0.1)
    assert len(torch.unique(noisy.flatten(1), dim=0)) == 1_000


def test_noise_is_the_same_at_every_call():
    grey = torch.full((10, 1, 28, 28), 0.5)
    assert torch.equal(corrupt(grey, "noise", 0.1), corrupt(grey, "noise", 0.1))


def test_accuracy_by_severity_has_a_row_for_each_amount():
    digits = Digits(
        torch.zeros(20, 1, 28, 28, dtype=torch.uint8), torch.zeros(20, dtype=torch.long)
    )
    table = accuracy_by_severity(MNISTModel(), digits, "shift", [0, 1])
    assert table.columns.tolist() == ["amount", "accuracy", "low", "high"]
    assert table["amount"].tolist() == [0, 1]


@pytest.mark.parametrize("pool", ["avg3", "global"])
def test_attribution_leaves_the_network_alone(pool):
    torch.manual_seed(0)
    model = MNISTModel(channels=(4, 6, 4, 6, 8, 12), pool=pool).train()
    image = torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert saliency_map(model, image).shape == occlusion_map(model, image).shape == (28, 28)
    assert penultimate_features(model, image[None]).shape == (1, 12)
    assert model.training and all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_hooks_are_removed_when_the_block_fails():
    model = MNISTModel()
    with pytest.raises(ZeroDivisionError), capture_activations(model):
        raise ZeroDivisionError
    assert not any(stage._forward_hooks for stage in model.children())


def test_votes_are_on_mnist_test_images(mnist_dir):
    votes = label_votes()
    labels = load_mnist(mnist_dir, download=False)[1].labels
    assert votes["label"].tolist() == labels[votes.index.tolist()].tolist()


def test_disputed_labels():
    votes = label_votes()
    assert len(votes) == 100 and votes.index[votes["error"]].tolist() == DISPUTED


def test_votes_on_other_images_are_refused():
    predictions = Predictions(np.zeros(10_000, int), np.full((10_000, 10), 0.1))
    with pytest.raises(ValueError, match="other images"):
        misclassified(predictions, label_votes())


def test_votes_beyond_the_last_image_are_refused():
    votes = pd.DataFrame({"label": [0], "error": [True]}, index=[5])
    with pytest.raises(ValueError, match="other images"):
        misclassified(certain([0, 1], [1, 1]), votes)


@pytest.mark.parametrize("votes", [None, label_votes().iloc[:0]], ids=["none", "empty"])
def test_nobody_was_asked_without_votes(votes):
    predictions = Predictions(np.array([0, 1]), np.array([[0.4, 0.6], [0.3, 0.7]]))
    table = misclassified(predictions, votes)
    assert table["people"].tolist() == ["not asked"]
    assert table[["index", "label", "predicted"]].to_numpy().tolist() == [[0, 0, 1]]


def test_people_agree_or_disagree():
    votes = pd.DataFrame({"label": [0, 1], "error": [True, False]}, index=[0, 1])
    probabilities = np.array([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]])
    table = misclassified(Predictions(np.array([0, 1, 1]), probabilities), votes)
    people = table.set_index("index")["people"].to_dict()
    assert people == {0: "disagree", 1: "agree", 2: "not asked"}


def test_there_must_be_a_mistake_to_draw():
    with pytest.raises(ValueError, match="no misclassified image"):
        plot_mistakes(misclassified(certain([0], [0])), torch.zeros(1, 1, 28, 28))

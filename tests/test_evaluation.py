"What the pages on evaluation and interpretation do not try: odd inputs, and that looking changes nothing."

import numpy as np
import pytest
import torch

from s6erav3.data import load_mnist
from s6erav3.evaluation.evidence import features, gradient_map, occlusion_map
from s6erav3.evaluation.interpret import label_votes, misclassified
from s6erav3.evaluation.metrics import (
    Predictions,
    brier_score,
    expected_calibration_error,
    with_temperature,
)
from s6erav3.evaluation.robustness import DISTORTIONS, distort
from s6erav3.models.model import MNISTModel


@pytest.mark.parametrize("temperature", [0.5, 1, 4])
def test_temperature_where_a_probability_is_exactly_zero(temperature):
    sharp = Predictions(np.array([0, 1]), np.array([[1.0, 0.0, 0.0], [0.2, 0.8, 0.0]]))
    softer = with_temperature(sharp, temperature)
    assert (
        np.isfinite(softer.probabilities).all()
        and np.allclose(softer.probabilities.sum(axis=1), 1)
        and np.array_equal(softer.answers, sharp.answers)
    )


def test_scores_of_the_perfect_and_of_the_hopeless():
    labels = np.arange(3)
    assert (
        brier_score(Predictions(labels, np.eye(3))) == 0
        and brier_score(Predictions(labels, np.eye(3)[[1, 2, 0]])) == 2
    )
    assert expected_calibration_error(Predictions(labels, np.eye(3)), n_bins=1) == 0
    assert np.isclose(
        expected_calibration_error(Predictions(labels, np.eye(3)[[1, 2, 0]]), n_bins=1), 100
    )


@pytest.mark.parametrize("name", DISTORTIONS)
@pytest.mark.parametrize("bytes_", [True, False])
def test_distorting_leaves_the_images_alone(name, bytes_):
    images = torch.randint(
        0, 256, (520, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    if not bytes_:
        images = images / 255
    before = images.clone()
    assert distort(images, name, 1).shape == images.shape and torch.equal(images, before)


def test_noise_differs_from_digit_to_digit():
    noisy = distort(torch.full((1_000, 1, 28, 28), 0.5), "noise", 0.1)
    assert len(torch.unique(noisy.flatten(1), dim=0)) == 1_000


@pytest.mark.parametrize("pool", ["published", "global"])
def test_looking_leaves_the_network_alone(pool):
    torch.manual_seed(0)
    model = MNISTModel(channels=(4, 6, 4, 6, 8, 12), pool=pool).train()
    image = torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert gradient_map(model, image).shape == occlusion_map(model, image).shape == (28, 28)
    assert features(model, image[None]).shape == (1, 12)
    assert model.training and all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_votes_are_of_mnist_test_digits(mnist_dir):
    votes = label_votes()
    labels = load_mnist(mnist_dir, download=False)[1].labels
    assert (
        len(votes) == 100
        and votes["error"].sum() == 15
        and votes["label"].tolist() == labels[votes.index.tolist()].tolist()
    )


def test_votes_of_other_digits_are_refused():
    with pytest.raises(ValueError):
        misclassified(Predictions(np.zeros(10_000, int), np.full((10_000, 10), 0.1)), label_votes())

"""What the package computes itself in order to teach it, beside a library that computes it too.

Where the two are defined differently, the test turns one definition into the other.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import Occlusion, Saliency
from skimage.filters import threshold_otsu
from sklearn.metrics import brier_score_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from s6erav3.data.augment import normalize
from s6erav3.evaluation.attribution import occlusion_map, saliency_map
from s6erav3.evaluation.metrics import brier_score, expected_calibration_error
from s6erav3.evaluation.mistakes import capture_activations
from s6erav3.inference import Predictions
from s6erav3.models.weights import load_pretrained
from s6erav3.pictures.samples import draw_seven
from s6erav3.pictures.segment import otsu_threshold

SIZE = 5  # of the patch, in pixels


def with_confidences(confidences, n_classes, generator) -> Predictions:
    "Predictions of class 0 with these confidences, about three quarters of them correct."
    n = len(confidences)
    rest = (1 - confidences) / (n_classes - 1)
    probabilities = np.tile(rest[:, None], (1, n_classes))
    probabilities[:, 0] = confidences
    wrong = generator.integers(1, n_classes, n)
    labels = np.where(generator.random(n) < 0.75, 0, wrong)
    return Predictions(labels, probabilities)


@pytest.mark.parametrize("n_bins", [1, 5, 15])
def test_calibration_error_beside_torchmetrics(n_bins):
    """torchmetrics has bins of equal width, ours hold equally many images each.

    With as many confidences in each interval both are the same bins."""
    generator = np.random.default_rng(0)
    within = np.linspace(0.85, 0.95, 40)  # above 1 / 20, which is the least of 20 classes
    starts = np.arange(n_bins)[:, None]
    confidences = generator.permutation(((starts + within) / n_bins).ravel())
    predictions = with_confidences(confidences, 20, generator)
    theirs = multiclass_calibration_error(
        torch.tensor(predictions.probabilities),
        torch.tensor(predictions.labels),
        num_classes=20,
        n_bins=n_bins,
        norm="l1",
    )
    ours = expected_calibration_error(predictions, n_bins)
    assert ours > 1 and ours == pytest.approx(100 * theirs.item(), rel=1e-5)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_brier_score_beside_scikit_learn(n_classes):
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(n_classes), 200)
    predictions = Predictions(generator.integers(0, n_classes, 200), probabilities)
    theirs = brier_score_loss(
        predictions.labels, probabilities, labels=range(n_classes), scale_by_half=False
    )
    assert brier_score(predictions) == pytest.approx(theirs, rel=1e-12)


@pytest.fixture(scope="module")
def model():
    return load_pretrained()


@pytest.fixture(scope="module")
def image():
    "A seven, bytes `(1, 28, 28)`."
    return torch.tensor(255 - np.asarray(draw_seven(28)))[None]


@pytest.mark.parametrize("digit", [7, 1])
def test_saliency_beside_captum(digit, model, image):
    def logits(pixels):
        with capture_activations(model, detach=False) as outputs:
            model(normalize(pixels))
        return outputs["fc"]

    pixels = (image[None] / 255).requires_grad_()
    theirs = Saliency(logits).attribute(pixels, target=digit, abs=False)[0, 0]
    ours = saliency_map(model, image, digit)
    assert ours.abs().max() > 0.01 and torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("digit", [7, 1])
def test_occlusion_beside_captum(digit, model, image):
    """captum gives a pixel the mean over all patches that cover it, none of them over the border.

    Ours gives it the number of the patch around it."""

    def log_probabilities(pixels):
        return model(normalize(pixels / 255))

    with torch.no_grad():
        theirs = Occlusion(log_probabilities).attribute(
            image[None].float(), sliding_window_shapes=(1, SIZE, SIZE), target=digit
        )
    inner = slice(SIZE // 2, -(SIZE // 2))
    patches = occlusion_map(model, image, digit, SIZE)[inner, inner]
    kernel = torch.ones(1, 1, SIZE, SIZE)
    total = F.conv_transpose2d(patches[None, None], kernel)
    count = F.conv_transpose2d(torch.ones_like(patches)[None, None], kernel)
    ours = (total / count)[0, 0]
    assert ours.abs().max() > 0.1
    assert torch.allclose(ours, theirs[0, 0].float(), atol=1e-4)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
@pytest.mark.parametrize("std", [0.02, 0.15])
def test_otsu_beside_scikit_image(share, std):
    """scikit-image returns the middle of the last bin below the threshold, ours its upper edge.

    Where several bins between the classes are empty, ours is in the middle of them."""
    generator = np.random.default_rng(0)
    n_ink = int(2_000 * share)
    centres = np.repeat([0.2, 0.9], [2_000 - n_ink, n_ink])
    values = generator.normal(centres, std).clip(0, 1.19)
    counts, edges = np.histogram(values, 100, (0, 1.2))
    middles = (edges[1:] + edges[:-1]) / 2
    theirs = threshold_otsu(hist=(counts, middles)) + 0.006
    ours = otsu_threshold(values)
    assert np.array_equal(values > ours, values > theirs)
    assert ours >= theirs - 1e-9
    if std > 0.1:
        assert ours == pytest.approx(theirs)

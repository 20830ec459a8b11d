"Checks of exercises/attribution.ipynb."

import functools

import numpy as np
import torch

from checks import ARRAY, FUNCTION, NUMBER, VALUES, WHOLE, call, check, shape_text
from s6erav3 import MNISTModel, layer_table, load_pretrained
from s6erav3.data.augment import normalize, to_float
from s6erav3.data.mnist import load_splits
from s6erav3.evaluation.attribution import saliency_map
from s6erav3.evaluation.mistakes import capture_activations


def _without_effect(size):
    "For how many positions a patch of `size` covers no pixel with an effect."
    last = layer_table(MNISTModel()).span.iloc[-1][1]
    n_rows = 28 - (27 - last) + size // 2  # whose patch reaches a row with an effect
    return 28**2 - min(n_rows, 28) ** 2


@check(
    "A patch has no effect only where all of its pixels have none. "
    "Zeros in such a map need not be about the image.",
    WHOLE,
)
def check_blank(blank):
    "How many values of an occlusion map with patches of 3×3 are 0 for every image."
    right = _without_effect(3)
    if blank == right:
        return None
    if blank == _without_effect(1):
        return (
            f"{blank} pixels have no effect. But a patch of 3×3 reaches one pixel further: "
            "which of those patches cover no pixel with an effect?"
        )
    if blank in (right - 1, right + 1):
        return "Nearly: the corner belongs to the last row and the last column; count it once."
    if blank == (right + 1) // 2:
        return "That counts one edge. Rows and columns are alike here."
    if blank == 0:
        return "Some patches cover only pixels without effect: look at the last row."
    return (
        f"{blank} is not it. Mark the rows and columns without effect, then ask about the middle "
        "of a patch: may one of its three rows (or columns) have an effect?"
    )


class _Constant(torch.nn.Module):
    "Predicts `digit` for every image."

    def __init__(self, digit):
        super().__init__()
        self.logits = torch.nn.Parameter(10.0 * torch.eye(10)[digit])

    def forward(self, x):
        return torch.log_softmax(self.logits, 0).expand(len(x), 10)


@functools.cache
def _example():
    "A test image with much ink, and what the shipped network predicts for it."
    test = load_splits().test.subset(slice(20))
    with torch.inference_mode():
        predicted = load_pretrained()(normalize(test.images)).argmax(dim=1)
    index = int(test.images.sum(dim=(1, 2, 3), dtype=torch.int64).argmax())
    return test.images[index], int(predicted[index])


class _Recorder:
    "Maps that depend on the network, and a record of what each call was about."

    def __init__(self, trained):
        self.trained = trained
        self.networks = set()
        self.digits = set()

    def map(self, model, image):
        "The image with noise, of another seed for each of the two networks."
        seed = int(model is self.trained)
        noise = torch.rand(28, 28, generator=torch.Generator().manual_seed(seed))
        return to_float(image)[0] + noise

    def explain(self, model, image, digit=None):
        "The map, after taking down the network and the class."
        self.networks.add(model is self.trained)
        self.digits.add(digit if digit is None else int(digit))
        return self.map(model, image)


def _question_fault(recorder, predicted):
    "What is wrong with the networks and the classes that maps were asked for."
    if not recorder.networks:
        return "`explain` is never called: compute the maps of both networks with it."
    if recorder.networks != {True, False}:
        return "Both maps are of the same network. What does the other one say?"
    if recorder.digits == {None} or len(recorder.digits) > 1:
        return (
            "Each network is asked about its own prediction, so two things differ at once: the "
            "network and the class. Ask both about the class that the trained one predicts."
        )
    if recorder.digits != {predicted}:
        asked = min(recorder.digits)
        return f"Both are asked about {asked}; the trained network predicts {predicted} here."


def _outline(model, image, digit=None):
    "A map that does not depend on the network."
    return to_float(image)[0]


@check(
    "1 for a map that does not depend on the network at all: "
    "such a map explains nothing, however good it looks.",
    FUNCTION,
)
def check_map_correlation(map_correlation):
    "`map_correlation(explain, trained, untrained, image)`: of two maps of one image."
    image, predicted = _example()
    trained = load_pretrained()
    other = _Constant((predicted + 1) % 10)
    recorder = _Recorder(trained)
    got = call(map_correlation, recorder.explain, trained, other, image, kind=VALUES)
    if got.size != 1:
        return (
            f"It should return one number, not {got.size}. `np.corrcoef` gives all correlations "
            "of two maps, also of each with itself."
        )
    if fault := _question_fault(recorder, predicted):
        return fault
    got = NUMBER.of(got, "`map_correlation` should return")
    first = recorder.map(trained, image).flatten()
    second = recorder.map(other, image).flatten()
    right = float(np.corrcoef(first, second)[0, 1])
    if abs(got - (first - second).abs().mean()) < 1e-4:
        return (
            "That is the mean difference, which depends on the unit of the map. "
            "A correlation does not."
        )
    if abs(got - right) > 1e-4:
        return f"The correlation of these two maps, pixel by pixel, is {right:.3f}, not {got:.3f}."
    same = call(map_correlation, _outline, trained, other, image, kind=NUMBER)
    if abs(same - 1) > 1e-4:
        return "For a map that is the same for every network, the correlation should be 1."


def _random_points():
    "Points and labels that have nothing to do with each other."
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(400, 5, generator=generator)
    return points, torch.randint(0, 4, (400,), generator=generator)


def _random_fault(got, points, labels):
    "What is wrong with the accuracy on random points."
    distances = torch.cdist(points, points)
    if got > 1:
        return f"The accuracy is a fraction, from 0 to 1, not {got:g}."
    if got > 0.99:
        return (
            "Of points and labels drawn at random all are still correct. "
            "The nearest of all points to a point is that point itself."
        )
    farthest = (labels[distances.argmax(dim=1)] == labels).float().mean().item()
    if abs(got - farthest) < 1e-6:
        return "That is the label of the point *farthest* away."
    nearest = distances.fill_diagonal_(torch.inf).argmin(dim=1)
    right = (labels[nearest] == labels).float().mean().item()
    if abs(got - right) > 1e-6:
        return (
            f"Of points and labels drawn at random the nearest other point gives {right:.3f}, "
            f"not {got:.3f}."
        )


@check(
    "Random labels give random accuracy now. "
    "A test on the training data measures nothing but memory.",
    FUNCTION,
)
def check_leave_one_out(leave_one_out):
    "`leave_one_out(points, labels)`: the accuracy of the nearest *other* point."
    points, labels = _random_points()
    got = call(leave_one_out, points.clone(), labels.clone(), kind=NUMBER)
    if fault := _random_fault(got, points, labels):
        return fault
    corners = torch.cartesian_prod(*[torch.arange(2.0)] * 5).repeat(2, 1)
    got = call(leave_one_out, corners, torch.arange(32).repeat(2), kind=NUMBER)
    if got < 0.99:
        return (
            f"Where each point has a twin in the very same place, with the same label, it gives "
            f"{got:.2f}. Leave out the point itself, not all points at distance 0."
        )


def _logit_gain(model, ink, digit):
    "How much the logit of an image is above that of blank background."
    with torch.inference_mode(), capture_activations(model) as outputs:
        model(normalize(torch.stack([ink, 0 * ink])))
    return (outputs["fc"][0, digit] - outputs["fc"][1, digit]).item()


def _is_like(first, second):
    "Whether two maps are alike up to a factor."
    return float(np.corrcoef(first.numpy().ravel(), second.numpy().ravel())[0, 1]) > 0.95


def _map_fault(got, ink, gradients, gain):
    "What is wrong with a map of integrated gradients."
    case = (
        f"The map adds up to {got.sum():.2f}; "
        f"the logit of the image is {gain:.2f} above that of blank background."
    )
    last = gradients[-1]
    mean = gradients.mean(dim=0)
    if _is_like(got, last) or _is_like(got, ink[0] * last):
        return (
            f"{case} That is the gradient at the image itself. "
            "Average it over the whole way from blank background."
        )
    if _is_like(got, mean):
        return f"{case} The gradients are averaged, but not multiplied by the ink of each pixel."
    if abs(got.sum()) > 5 * abs(gain):
        return (
            f"{case} Is it the *mean* over the steps, not the sum, and ink from 0 to 1, not bytes?"
        )
    if not _is_like(got, ink[0] * mean):
        return f"{case} Go from blank background to the image in even steps: `ink * k / steps`."
    if abs(got.sum() - gain) > 0.05 * abs(gain) + 0.5:
        return (
            f"{case} The places are right, the size is not: "
            "more steps, or the mean over all of them."
        )


@check(
    "The map adds up to the difference between the image and blank background: "
    "no other map of the page does.",
    FUNCTION,
)
def check_integrated_gradients(integrated_gradients):
    "`integrated_gradients(model, image, digit)`: mean gradient on the way, times the ink."
    model = load_pretrained()
    image, predicted = _example()
    ink = to_float(image)
    found = call(integrated_gradients, model, image, predicted, kind=ARRAY)
    if found.shape != (28, 28):
        return f"The map has {shape_text(found.shape)}, not 28×28."
    if found.std() == 0:
        return "The map is the same everywhere; multiply the mean gradient by the ink."
    got = torch.as_tensor(found, dtype=torch.float32)
    steps = [saliency_map(model, ink * (k + 0.5) / 50, predicted) for k in range(50)]
    return _map_fault(got, ink, torch.stack(steps), _logit_gain(model, ink, predicted))

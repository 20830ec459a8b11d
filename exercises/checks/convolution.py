"The quiz of nbs/01_convolution.ipynb, and the checks of exercises/01_convolution.ipynb."

import functools

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from checks import ARRAY, FUNCTION, WHOLE, call, check, make_quiz, shape_text
from s6erav3.data.augment import to_float
from s6erav3.data.mnist import Digits, load_splits

quiz = make_quiz(
    (
        "b",
        {
            "a": "There are four times as many outputs, but all of them share the weights.",
            "b": "The filters have 8 · (3 · 3 + 1) = 80 parameters, however large the image is.",
            "c": "Neither the height nor the width of the image enters into the number of weights.",
        },
    ),
    (
        "a",
        {
            "a": "Each output is a copy of the middle pixel of its patch. Without padding the "
            "outermost pixels are never in the middle.",
            "b": "On equal pixels the output is the middle pixel itself, not 0.",
            "c": "An edge filter compares pixels: it has positive and negative weights.",
        },
    ),
    (
        "b",
        {
            "a": "That would be pooling alone; the filter first costs a row on each side.",
            "b": "The filter makes 14 − 2 = 12, and pooling halves it.",
            "c": "That is the map before pooling.",
        },
    ),
    (
        "c",
        {
            "a": "A layer with small filters that differ from position to position is local, and "
            "not equivariant.",
            "b": "ReLU acts on each number by itself. It keeps the property, and does not make it.",
            "c": "The same patch gives the same output wherever it is.",
        },
    ),
    (
        "a",
        {
            "a": "Convolutions in a row collapse into one with a larger filter.",
            "b": "Layers build on each other only with a nonlinearity in between.",
            "c": "An MLP has a nonlinearity, and this network has none.",
        },
    ),
)


@check("Each of the 12 filters has 5 · 5 weights for each of 8 channels, and one bias.", WHOLE)
def check_parameters(parameters):
    "Parameters of a convolution from 8 to 12 channels with 5×5 filters and biases."
    reasons = {
        25 * 8 * 12: "The biases are missing: one for each filter.",
        (25 + 1) * 12: "A filter has 5 · 5 weights for each input channel, not 5 · 5 in all.",
        (25 + 1) * 8 * 12: "A filter has a single bias, not one for each input channel.",
        (9 * 8 + 1) * 12: "That is the count for 3×3 filters; these have 5×5 weights.",
        (25 * 12 + 1) * 8: "Input and output are exchanged: 8 channels go in, 12 come out.",
    }
    if parameters != (25 * 8 + 1) * 12:
        return reasons.get(parameters, f"{parameters} is not it. Count the numbers of one filter.")


DIRECTIONS = {  # rows and columns that the image moves by
    (0, 0): "The image does not move: this is the weight of the pixel itself.",
    (0, -1): "The image moves to the left. A weight says where each new pixel is taken from.",
    (1, 0): "The image moves down: the first index of the weights is the row.",
    (-1, 0): "The image moves up: the first index of the weights is the row.",
}


@check("The weight stands to the left: each new pixel is a copy of its left neighbour.", ARRAY)
def check_shift(weights):
    "3×3 weights that move an image one pixel to the right."
    if weights.shape != (3, 3):
        return f"Give 3×3 weights; these are {shape_text(weights.shape)}."
    weights = torch.as_tensor(weights, dtype=torch.float32)
    image = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    moved = F.conv2d(image, weights[None, None], padding=1)[..., 2:-2, 2:-2]
    for by, reason in {(0, 1): None, **DIRECTIONS}.items():
        if torch.allclose(moved, image.roll(by, dims=(2, 3))[..., 2:-2, 2:-2]):
            return reason
    if (weights != 0).sum() > 1:
        return "Several weights are not zero, so pixels are mixed. Each new pixel is a copy of one."
    return "The image should look as before, neither brighter nor darker, one pixel to the right."


# An edge may pass between the first two rows or columns of a patch, or between the last two.
UPPER_EDGES = [np.outer(rows, [1.0, 1.0, 1.0]) for rows in ([0, 1, 1], [0, 0, 1])]
LEFT_EDGES = [edge.T for edge in UPPER_EDGES]
RIGHT_EDGES = [1 - edge for edge in LEFT_EDGES]


def _output(weights: np.ndarray, patch: np.ndarray) -> float:
    "The output of a filter for one patch."
    return float((weights * patch).sum())


@check(
    "Ink on the left and background on the right add up to a positive number, and only they.", ARRAY
)
def check_right_edge(weights):
    "3×3 weights: positive at a right edge, negative at a left one, 0 elsewhere."
    if weights.shape != (3, 3):
        return f"Give 3×3 weights; these are {shape_text(weights.shape)}."
    weights = weights / max(np.abs(weights).max(), 1e-12)
    right = [_output(weights, edge) for edge in RIGHT_EDGES]
    left = [_output(weights, edge) for edge in LEFT_EDGES]
    upper = [_output(weights, edge) for edge in UPPER_EDGES]
    if abs(_output(weights, np.ones((3, 3)))) > 1e-5:
        return "Where all nine pixels are equal its output is not 0: let the weights add up to 0."
    if max(right) < 0 < min(left):
        return "It responds to left edges. At a right edge the ink is on the left."
    if min(right) < 1e-5:
        return "At a right edge its output is not positive: there the ink is on the left."
    if max(map(abs, upper)) > 1e-5:
        return "It responds to upper edges as well: let the weights of each row add up to 0."
    if max(left) > -1e-5:
        return "At a left edge its output is not negative."


def _by_torch(image, weights, padding: int, stride: int) -> np.ndarray:
    "The map that PyTorch computes."
    x, w = (torch.as_tensor(array).double()[None, None] for array in (image, weights))
    return F.conv2d(x, w, padding=padding, stride=stride)[0, 0].numpy()


CONVOLUTIONS = (  # size of the filter, padding, stride
    (3, 0, 1),
    (3, 1, 1),
    (3, 0, 2),
    (3, 2, 1),
    (3, 1, 2),
    (3, 2, 3),
    (5, 2, 1),
    (2, 0, 2),
)


@check("It agrees with `F.conv2d` for every padding and stride that was tried.", FUNCTION)
def check_convolve(convolve):
    "`convolve(image, weights, padding, stride)` in NumPy."
    rng = np.random.default_rng(0)
    image = rng.random((9, 8))
    for size, padding, stride in CONVOLUTIONS:
        weights = rng.normal(size=(size, size))
        got = call(convolve, image.copy(), weights.copy(), padding, stride, kind=ARRAY)
        wanted = _by_torch(image, weights, padding, stride)
        given = f"a filter of {size}×{size}, padding {padding} and stride {stride}"
        if got.shape != wanted.shape:
            return (
                f"With {given} the map of a 9×8 image has {shape_text(got.shape)}; "
                f"it should have {shape_text(wanted.shape)}."
            )
        if np.allclose(got, wanted):
            continue
        if np.allclose(got, _by_torch(image, weights[::-1, ::-1], padding, stride)):
            return "The filter is turned upside down and back to front; deep learning leaves it."
        return f"With {given} the map has the right size and wrong numbers."


@functools.cache
def _trained() -> LogisticRegression:
    "The linear classifier of the exercise."
    train = load_splits("auto").train.subset(slice(2_000))
    rows = to_float(train.images).flatten(1).numpy()
    return LogisticRegression(max_iter=500).fit(rows, train.labels.numpy())


def _accuracy(digits: Digits, pixels: int) -> float:
    "The accuracy of the linear classifier on shifted images, in per cent."
    images = F.pad(digits.images, (pixels, -pixels, 0, 0))
    predicted = _trained().predict(to_float(images).flatten(1).numpy())
    return 100 * float(np.mean(predicted == digits.labels.numpy()))


@check(
    "One pixel costs little; from the second on, strokes leave the weights made for them.",
    ARRAY,
    WHOLE,
)
def check_shifts(accuracies, first_below_half):
    "Accuracy (%) for shifts of 0 to 5 pixels, and the first shift with less than 50 %."
    if accuracies.shape != (6,):
        return (
            f"Give six accuracies, for shifts of 0, 1, 2, 3, 4 and 5; "
            f"these are {shape_text(accuracies.shape)}."
        )
    got = accuracies.tolist()
    if max(got) <= 1:
        return "These look like fractions: give them in per cent."
    valid = load_splits("auto").valid.subset(slice(1_000))
    correct = [_accuracy(valid, pixels) for pixels in range(6)]
    if max(got) - min(got) < 1:
        return "The shift changes nothing: is it the shifted images that are classified?"
    off = [pixels for pixels in range(6) if abs(got[pixels] - correct[pixels]) > 1]
    if off:
        return f"For a shift of {off[0]} pixels {got[off[0]]:.1f} % is not what results."
    below = [pixels for pixels in range(6) if got[pixels] < 50]
    if first_below_half != below[0]:
        return f"The accuracies are right, but {first_below_half} is not the first below 50 %."

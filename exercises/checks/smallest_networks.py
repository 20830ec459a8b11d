"Checks of exercises/smallest_networks.ipynb."

import copy
import functools
import math
from numbers import Integral

import torch

from checks import (
    ANY_NUMBER,
    ARRAY,
    FUNCTION,
    LIST,
    TWO_TENSORS,
    WHOLE,
    call,
    check,
    shape_text,
)
from s6erav3 import layer_table, load_pretrained
from s6erav3.data.mnist import load_splits
from s6erav3.inference import predict_log_proba
from s6erav3.models.model import count_parameters
from s6erav3.models.separable import SeparableModel

IN, OUT, SIDE = 16, 24, 5  # channels and kernel of the first exercise
POSITIONS = SIDE**2


def _fault_of_full(full: int) -> str | None:
    "What is wrong with the number of weights of the ordinary convolution."
    correct = OUT * IN * POSITIONS
    wrong = {
        correct + OUT: "The biases are in it; the convolution of the exercise has none.",
        OUT * POSITIONS: f"Each filter has weights for each of the {IN} input channels.",
        IN * POSITIONS: f"That is one filter; there is one for each of the {OUT} output channels.",
        OUT * IN * 9: f"That is a kernel of 3×3; this one is {SIDE}×{SIDE}.",
        OUT * IN * SIDE: f"A kernel of {SIDE}×{SIDE} has {POSITIONS} weights, not {SIDE}.",
    }
    if full == correct:
        return None
    return wrong.get(full) or (
        f"`full` is not {full:,}: how many weights has one filter, and how many filters are there?"
    )


def _fault_of_separable(separable: int) -> str | None:
    "What is wrong with the number of weights in two steps."
    depthwise, pointwise = IN * POSITIONS, IN * OUT
    wrong = {
        depthwise: "That is the depthwise convolution alone; the pointwise one comes after it.",
        pointwise: "That is the pointwise convolution alone; the depthwise one comes before it.",
        depthwise * pointwise: "One step comes after the other: their weights add up.",
        OUT * POSITIONS + pointwise: (
            "The depthwise convolution comes first: it has a filter for each *input* channel."
        ),
        depthwise + pointwise + IN + OUT: "The biases are in it; these have none.",
        depthwise + pointwise + OUT: "The biases are in it; these have none.",
    }
    if separable == depthwise + pointwise:
        return None
    return wrong.get(separable) or (
        f"`separable` is not {separable:,}: count the filters of {SIDE}×{SIDE}, one for each "
        "input channel, and then the 1×1 convolution."
    )


def _fault_of_limit(at_most: float) -> str | None:
    "What is wrong with the limit of how many times fewer weights there are."
    here = OUT * POSITIONS / (POSITIONS + OUT)
    if math.isclose(at_most, here, rel_tol=0.01):
        return f"That is for {OUT} output channels. What do you get for 1,000, for a million?"
    if math.isclose(at_most, 1 / POSITIONS, rel_tol=0.01):
        return "That is the share that is left; how many times fewer is its inverse."
    if math.isinf(at_most):
        return (
            "Both numbers grow with the output channels, so their ratio has a limit. "
            "The pointwise convolution needs a weight for each pair of channels."
        )
    if not math.isclose(at_most, POSITIONS, rel_tol=0.005):
        return (
            f"{at_most:g} is not the limit. Divide one count by the other, with a letter for the "
            "output channels: the input channels cancel."
        )


@check(
    "With many output channels, nearly all weights are those of the pointwise convolution: "
    "one for each pair of channels, in place of 25.",
    WHOLE,
    WHOLE,
    ANY_NUMBER,
)
def check_count(full, separable, at_most):
    "Weights of a 5×5 convolution of 16 → 24 channels, at once and in two steps, and the limit."
    return _fault_of_full(full) or _fault_of_separable(separable) or _fault_of_limit(at_most)


PARAMETERS, COST = 700, 100_000  # fewer than these
NARROWEST, LAST = 6, 12  # channels, at least
IMAGE = 28  # rows, which the last maps must see


def _channels(group) -> list[int]:
    "The output channels of a group."
    channels = LIST.of(group, "Each group of `stages` should be")
    return [WHOLE.of(each, "Each number of channels should be") for each in channels]


def _fault_of_form(groups: list) -> str | None:
    "What is wrong with a layout before it is a network."
    if len(groups) != 3:
        return (
            f"Three groups are asked for, not {len(groups)}: "
            "one for each size of the maps, 28×28, 14×14 and 7×7."
        )
    for group in groups:
        if isinstance(group, Integral) and not isinstance(group, bool):
            return (
                "A group is a tuple of channels, not a number. A tuple of one element is written "
                "with a comma: `(12,)`, not `(12)`."
            )
    channels = [_channels(group) for group in groups]
    if not all(channels):
        return "One of the groups has no layer."
    every = sum(channels, [])
    if min(every) < NARROWEST:
        return f"A layer has {min(every)} output channels; at least {NARROWEST} are asked for."
    if channels[-1][-1] < LAST:
        return f"The last layer has {channels[-1][-1]} channels; at least {LAST} are asked for."
    if sum(every) >= PARAMETERS:  # a block has more than eight for each output channel
        return f"These are far more than {PARAMETERS} parameters."
    return None


@check(
    "Where the maps are small, a layer costs few multiply-adds and sees much of the image. "
    "How well your network classifies, only training can say.",
    LIST,
)
def check_layout(stages):
    "A layout with few parameters and multiply-adds whose last maps see the whole image."
    if fault := _fault_of_form(stages):
        return fault
    network = SeparableModel(tuple(tuple(_channels(group)) for group in stages))
    table = layer_table(network)
    parameters, cost = count_parameters(network), int(table.macs.sum())
    field = table[table.kind == "Conv2d"].receptive_field.iloc[-1]
    if field < IMAGE:
        return (
            f"The receptive field of the last convolution is {field:g}; it should be at least "
            f"{IMAGE}. A further 3×3 convolution adds 2 to it at 28×28, 4 at 14×14, and 8 at 7×7."
        )
    if parameters >= PARAMETERS:
        return (
            f"It has {parameters} parameters. From i channels to o a block has 9·i + i·o + 2·o: "
            "which of yours has most?"
        )
    if cost >= COST:
        return (
            f"It takes {cost:,} multiply-adds. The column `macs` says where: "
            "the same block costs four times as many on maps of twice the height and width."
        )


NAMES = ("conv2", "conv3", "conv4", "conv5")
SHAPES = ((7, 5), (20, 4), (3, 6))  # channels out and in


def _joined(depthwise: torch.Tensor, pointwise: torch.Tensor) -> torch.Tensor:
    "The weight `(out, in, 3, 3)` of both steps at once."
    return pointwise * depthwise.transpose(0, 1)


def _nearest(weight: torch.Tensor) -> torch.Tensor:
    "The nearest weight that two steps can have."
    matrices = weight.double().transpose(0, 1).flatten(2)  # (in, out, 9)
    u, s, v = torch.linalg.svd(matrices, full_matrices=False)
    nearest = s[:, :1, None] * u[:, :, :1] @ v[:, :1]
    return nearest.transpose(0, 1).reshape(weight.shape)


def _fault_of_shapes(depthwise, pointwise, n_out: int, n_in: int) -> str | None:
    "What is wrong with the shapes of both weights."
    wanted = {"depthwise": (n_in, 1, 3, 3), "pointwise": (n_out, n_in, 1, 1)}
    for (name, shape), got in zip(wanted.items(), (depthwise, pointwise)):
        if tuple(got.shape) != shape:
            return (
                f"For {n_in} channels to {n_out} the {name} weight should have "
                f"{shape_text(shape)}; yours has {shape_text(tuple(got.shape))}."
            )
    return None


def _error(found: torch.Tensor, weight: torch.Tensor) -> float:
    "The sum of squared differences."
    return ((found - weight) ** 2).sum().item()


def _fault_of_split(split, weight: torch.Tensor) -> str | None:
    "What is wrong with the two steps for a weight."
    n_out, n_in = weight.shape[:2]
    depthwise, pointwise = call(split, weight.clone(), kind=TWO_TENSORS)
    if fault := _fault_of_shapes(depthwise, pointwise, n_out, n_in):
        return fault
    found, nearest = _joined(depthwise, pointwise), _nearest(weight)
    error, smallest = _error(found, weight), _error(nearest, weight)
    whole = _error(torch.zeros_like(weight), weight)
    if error < smallest * 1.001 + 1e-6 * whole:
        return None
    filters = depthwise / depthwise.flatten(1).norm(dim=1)[:, None, None, None].clamp_min(1e-12)
    by_channel = (found * weight).sum(dim=(0, 2, 3)) / (found**2).sum(dim=(0, 2, 3))
    rescaled = by_channel.nan_to_num()[None, :, None, None] * found
    if n_in > 1 and torch.allclose(filters, filters[:1].expand_as(filters), atol=1e-6):
        return (
            "All your depthwise filters are the same. Each input channel can have one of its own: "
            "treat its 3×3 filters apart from those of the others."
        )
    if _error(rescaled, weight) < smallest * 1.001 + 1e-6 * whole:
        return (
            "Each input channel is right but for a factor. "
            "The singular value belongs into one of the two weights, once."
        )
    if smallest < 1e-6 * whole:
        return (
            "This weight is one that two steps can have, but not those of yours: "
            f"the sum of the squared differences is {error:.3g}, and 0 is possible."
        )
    return (
        f"From {n_in} channels to {n_out}, the sum of the squared differences between the weight "
        f"and yours is {error:.3g}; {smallest:.3g} is possible."
    )


def _accuracy(model, images, labels) -> float:
    "The accuracy of a network in per cent."
    predicted = predict_log_proba(model, images).argmax(dim=1)
    return 100 * (predicted == labels).double().mean().item()


@functools.cache
def _measured(one_by_one: bool = True) -> list[float]:
    "The accuracies with one layer split at a time, or with one more split each time."
    digits = load_splits("auto").valid.subset(slice(1_000))
    model = load_pretrained("held_out")
    changed, found = copy.deepcopy(model), []
    for name in NAMES:
        if one_by_one:
            changed = copy.deepcopy(model)
        weight = getattr(changed, name)[0].weight.data
        weight.copy_(_nearest(weight))
        found.append(_accuracy(changed, *digits))
    return found


def _fault_of_accuracies(accuracies) -> str | None:
    "What is wrong with the four measured accuracies."
    if accuracies.shape != (4,):
        return f"Four accuracies are asked for, not {shape_text(accuracies.shape)}."
    if accuracies.min() < 0 or accuracies.max() > 100:
        return "An accuracy lies between 0 and 100 per cent."
    correct = torch.tensor(_measured()).double()
    given = torch.from_numpy(accuracies.copy())

    def is_near(wanted: torch.Tensor) -> bool:
        return torch.allclose(given, wanted, rtol=0, atol=1.5)

    if is_near(correct):
        return None
    if torch.allclose(100 * given, correct, rtol=0, atol=1.5):
        return "Give the accuracies in per cent."
    if is_near(torch.tensor(_measured(one_by_one=False)).double()):
        return (
            "The layers were split one after another in the same network. "
            "Begin with an unchanged copy of it each time."
        )
    if is_near(correct.flip(0)):
        return "They are in the reverse order: conv2 comes first."
    for name, one, wanted in zip(NAMES, given.tolist(), correct.tolist()):
        if abs(one - wanted) > 1.5:
            return (
                f"With {name} alone split, the accuracy on these images is {wanted:.1f} %, "
                f"not {one:.1f} %."
            )


@check(
    "They are the nearest two steps, and yet the network loses accuracy: it has learned filters "
    "that differ between output channels. A separable network has to be trained as one.",
    FUNCTION,
    ARRAY,
)
def check_split(split, accuracies):
    "`split(weight)`: the nearest two steps; and accuracies with one layer of a network split."
    for n_out, n_in in SHAPES:
        generator = torch.Generator().manual_seed(n_out)
        depthwise = torch.randn(n_in, 1, 3, 3, generator=generator)
        pointwise = torch.randn(n_out, n_in, 1, 1, generator=generator)
        full = torch.randn(n_out, n_in, 3, 3, generator=generator)
        for weight in (_joined(depthwise, pointwise), full):
            if fault := _fault_of_split(split, weight):
                return fault
    return _fault_of_accuracies(accuracies)

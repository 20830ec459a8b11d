"Checks of exercises/small_devices.ipynb."

import functools
import math

import numpy as np
import torch
from torch import nn

from checks import (
    ARRAY,
    FUNCTION,
    NUMBER,
    TWO_TENSORS,
    WHOLE,
    call,
    check,
    instance_of,
    shape_text,
)
from s6erav3 import MNISTModel, load_pretrained
from s6erav3.data.mnist import load_splits
from s6erav3.models.model import eval_mode
from s6erav3.quantization import quantize_network, quantize_weights

WEIGHTS = (0.31, -0.70, 0.04, 0.26)
OUTLIER = (0.31, -7.0, 0.04, 0.26)
BITS = 4


def _quantized(weights: tuple[float, ...]) -> tuple[np.ndarray, float]:
    "The integers and the step of a channel, as the page computes them."
    integers, steps = quantize_weights(torch.tensor(weights)[None], BITS)
    return integers[0].astype(float), steps[0]


def _fault_of_step(step: float) -> str | None:
    "What is wrong with the step."
    correct = _quantized(WEIGHTS)[1]
    largest, span = max(map(abs, WEIGHTS)), max(WEIGHTS) - min(WEIGHTS)
    levels = 2 ** (BITS - 1)
    wrong = {
        largest / levels: f"With {BITS} bits the largest integer is {levels - 1}, not {levels}.",
        largest / 127: f"That is the step with 8 bits; here an integer has {BITS}.",
        largest / (2 * levels - 1): "An integer has a sign: half of the integers are negative.",
        span / (2 * levels - 1): (
            "The step is set by the largest absolute value alone; "
            "both signs have the same range, whether it is used or not."
        ),
        max(WEIGHTS) / (levels - 1): "The largest *absolute* value counts, and it is negative.",
        1 / correct: "That is the inverse: a weight is divided by the step.",
        -correct: "A step is positive.",
    }
    if math.isclose(step, correct, rel_tol=1e-3):
        return None
    for value, reason in wrong.items():
        if math.isclose(step, value, rel_tol=1e-3):
            return reason
    return f"{step:g} is not the step. The largest absolute value becomes {levels - 1}."


def _fault_of_integers(got, weights: tuple[float, ...], name: str) -> str | None:
    "What is wrong with the integers of a channel."
    correct, step = _quantized(weights)
    exact = np.array(weights) / step
    if got.shape != correct.shape:
        return f"`{name}` should be {len(weights)} integers, not {shape_text(got.shape)}."
    if np.array_equal(got, correct):
        return None
    if np.allclose(got, step * correct, atol=1e-6):
        return f"`{name}` has what the integers stand for; the integers themselves are asked for."
    if (got != np.round(got)).any():
        return f"`{name}` should be integers: round each weight divided by the step."
    if np.array_equal(got, -correct):
        return f"In `{name}` the signs are reversed; a step is positive."
    for cut in (np.trunc, np.floor, np.ceil):
        if np.array_equal(got, cut(exact.round(6))):
            return f"`{name}` is not rounded to the nearest integer, but always the same way."
    if np.array_equal(got, np.round(np.array(weights) / _quantized(WEIGHTS)[1])):
        return (
            f"`{name}` still has the old step, and -70 does not fit into {BITS} bits: "
            "the largest absolute value sets the step."
        )
    wrong = int(np.argmax(got != correct))
    return (
        f"In `{name}` the weight {weights[wrong]:g} should not become {got[wrong]:g}: "
        "divide it by the step, and round to the nearest integer."
    )


@check(
    "One large weight sets the step of its channel, and the small ones all become 0.",
    NUMBER,
    ARRAY,
    ARRAY,
)
def check_by_hand(step, integers, integers_with_outlier):
    "Step and integers of four weights with 4 bits, and the integers with an outlier."
    return (
        _fault_of_step(step)
        or _fault_of_integers(integers, WEIGHTS, "integers")
        or _fault_of_integers(integers_with_outlier, OUTLIER, "integers_with_outlier")
    )


def _layers(n_in: int, n_out: int, side: int) -> tuple[nn.BatchNorm2d, nn.Conv2d]:
    "A BatchNorm with small variances in evaluation mode, and a convolution after it."
    torch.manual_seed(10 * n_in + n_out)
    norm = nn.BatchNorm2d(n_in, eps=0.01)
    for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
        tensor.normal_()
    norm.running_var.uniform_(0.01, 0.2)
    return norm.eval(), nn.Conv2d(n_in, n_out, side)


def _folded(norm, convolution, power=0.5, with_eps=True) -> tuple[torch.Tensor, torch.Tensor]:
    "Weight and bias of a convolution with BatchNorm in it; or a typical mistake."
    numbers = {name: t.detach().double() for name, t in norm.state_dict().items()}
    variance = numbers["running_var"] + norm.eps * with_eps
    factor = numbers["weight"] / variance**power
    summand = numbers["bias"] - factor * numbers["running_mean"]
    weight = convolution.weight.detach().double()
    bias = convolution.bias.detach().double()
    bias = bias + torch.einsum("oihw,i->o", weight, summand)
    return weight * factor[:, None, None], bias


def _fault_of_weight(got, norm, convolution) -> str | None:
    "What is wrong with the weight that has BatchNorm in it."
    if got.shape != convolution.weight.shape:
        return (
            f"The weight should keep its shape, {shape_text(tuple(convolution.weight.shape))}; "
            f"yours has {shape_text(tuple(got.shape))}."
        )
    if _are_near(got, _folded(norm, convolution)[0]):
        return None
    if _are_near(got, convolution.weight.detach().double()):
        return "The weight is as it was. An input x of the convolution is now a·x + c."
    if _are_near(got, _folded(norm, convolution, with_eps=False)[0]):
        return "`norm.eps` is added to the variance before the root is taken."
    for with_eps in (True, False):
        if _are_near(got, _folded(norm, convolution, 1, with_eps)[0]):
            return "You divided by the variance; BatchNorm divides by its root."
    return (
        "The weight is wrong. What a weight is multiplied by is the a of its *input* channel: "
        "`norm.weight / (norm.running_var + norm.eps).sqrt()`."
    )


def _fault_of_bias(got, norm, convolution) -> str | None:
    "What is wrong with the bias, the weight being right."
    weight, bias = _folded(norm, convolution)
    before = convolution.bias.detach().double()
    if got.numel() != bias.numel():
        return (
            f"There are {bias.numel()} output channels, and as many biases; "
            f"yours has {shape_text(tuple(got.shape))}."
        )
    got = got.reshape(-1)
    if _are_near(got, bias):
        return None
    if _are_near(got, before):
        return (
            "The weight is right, and the bias is as it was. "
            "What becomes of the c that BatchNorm adds in each channel?"
        )
    if _are_near(got, bias - before):
        return "The weight is right; the bias that the convolution had is missing."
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    summand = (norm.bias - factor * norm.running_mean).detach().double()
    if _are_near(got, before + torch.einsum("oihw,i->o", weight, summand)):
        return (
            "The weight is right. For the bias, c is multiplied by the weights as they were: "
            "w·(a·x + c) is (w·a)·x + w·c."
        )
    return (
        "The weight is right, the bias is not. Set the input to 0: what does BatchNorm output in "
        "each channel, and what does the convolution make of that?"
    )


def _are_near(got: torch.Tensor, wanted: torch.Tensor) -> bool:
    "Whether tensors are equal but for rounding."
    return got.shape == wanted.shape and torch.allclose(got, wanted, rtol=1e-3, atol=1e-4)


@check(
    "Without padding the BatchNorm costs nothing. With padding, the zeros at the edge would have "
    "to become the number that BatchNorm turns into 0, another one in each channel.",
    FUNCTION,
    WHOLE,
)
def check_fold(fold, positions):
    "`fold(norm, convolution)`: weight and bias of both together; and what padding changes."
    for n_in, n_out, side in ((5, 7, 3), (6, 6, 3), (4, 3, 1)):
        norm, convolution = _layers(n_in, n_out, side)
        kept_norm, kept_convolution = _layers(n_in, n_out, side)
        weight, bias = call(fold, norm, convolution, kind=TWO_TENSORS)
        if fault := _fault_of_weight(weight, kept_norm, kept_convolution):
            return fault
        if fault := _fault_of_bias(bias, kept_norm, kept_convolution):
            return fault
    return _fault_of_positions(positions)


def _fault_of_positions(positions: int) -> str | None:
    "What is wrong with the number of positions that padding changes."
    side = 28
    correct = side**2 - (side - 2) ** 2
    wrong = {
        side**2: "In the middle nothing changes: there the kernel meets no zero of the padding.",
        (side - 2) ** 2: "That is where the output stays as it was.",
        0: "BatchNorm turns 0 into c. But the zeros of the padding come after BatchNorm.",
        4 * side: "The four corners are counted twice.",
        4 * (side + 1): "Those are the zeros; which positions of the output do they reach?",
        4: "At the corners, but not only there.",
    }
    if positions == correct:
        return None
    if positions % correct == 0 and positions > 0:
        return "Count the positions of one map, not those of all channels."
    return wrong.get(positions) or (
        f"{positions:,} is not the number: at which positions does a kernel of 3×3 meet a zero of "
        "the padding?"
    )


FACTOR = 1_000
NETWORK = instance_of("a network, an `MNISTModel`", MNISTModel)


def _example() -> MNISTModel:
    "A network with running averages as training leaves them, in evaluation mode."
    torch.manual_seed(3)
    model = MNISTModel()
    norm = model.conv4[2]
    norm.running_mean.uniform_(0.2, 0.6)
    norm.running_var.uniform_(0.3, 0.9)
    norm.weight.data.uniform_(0.5, 1.5)
    norm.bias.data.normal_()
    return model.eval()


def _fault_of_filter(got: MNISTModel, factor: float) -> str | None:
    "What is wrong with the weights of conv4."
    before, after = (model.conv4[0].weight.detach() for model in (_example(), got))
    if before.shape != after.shape:
        return "The weight of conv4 should keep its shape."
    ratio = after / before
    wanted = torch.ones_like(before)
    wanted[0] = factor
    if torch.allclose(ratio, wanted, rtol=1e-3):
        return None
    if torch.allclose(ratio, torch.ones_like(ratio), rtol=1e-3):
        return "The weights of conv4 are as they were; those of its first filter should be larger."
    if torch.allclose(ratio, torch.full_like(ratio, factor), rtol=1e-3):
        return "All filters of conv4 are multiplied; only the first one should be."
    across = torch.ones_like(before)
    across[:, 0] = factor
    if torch.allclose(ratio, across, rtol=1e-3):
        return (
            "The weights of the first *input* channel are multiplied: the first index of a weight "
            "is the output channel."
        )
    return (
        f"In conv4, the weights of the first filter should be {factor} times what they were, "
        "and all others as they were."
    )


def _fault_of_norm(got: MNISTModel, factor: float) -> str:
    "Why predictions are not as they were, where the weights of conv4 are right."
    old, new = _example().conv4, got.conv4
    if not torch.allclose(new[0].bias[0], factor * old[0].bias[0], rtol=1e-3):
        return (
            "The predictions change. The bias of the filter is part of its sum, "
            "and belongs to what is multiplied."
        )
    before, after = old[2], new[2]
    if not torch.allclose(after.running_mean[0], factor * before.running_mean[0], rtol=1e-3):
        return (
            f"The predictions change. What BatchNorm receives in this channel is {factor} times "
            "what it was; so is its mean, which is subtracted first."
        )
    same_weight = torch.allclose(after.weight[0], before.weight[0], rtol=1e-3)
    if same_weight and torch.allclose(after.running_var[0], factor * before.running_var[0]):
        return (
            "The predictions change. The variance of numbers that are multiplied by a factor "
            "grows with the square of the factor."
        )
    if same_weight:
        return (
            f"The predictions change. Its mean is subtracted, and what is left is {factor} times "
            "what it was. Which number of BatchNorm is it multiplied by?"
        )
    return (
        "The predictions change. BatchNorm computes "
        "weight · (x − mean) / √(variance + eps) + bias in each channel; "
        "only a factor of x is to be undone, in the first channel."
    )


def _are_equal(first: nn.Module, second: nn.Module) -> bool:
    "Whether two networks have the same parameters and running averages."
    pairs = zip(first.state_dict().values(), second.state_dict().values())
    return all(torch.equal(one, other) for one, other in pairs)


def _fault_of_outlier(function) -> str | None:
    "What is wrong with a network that should predict the same with a large filter."
    images = torch.randn(20, 1, 28, 28)
    with torch.no_grad():
        wanted = _example()(images)
    for factor in (8, 30):
        given = _example()
        got = call(function, given, factor, kind=NETWORK)
        if not _are_equal(given, _example()):
            return "The network that is handed in has changed; change a copy of it."
        if fault := _fault_of_filter(got, factor):
            return fault
        with eval_mode(got), torch.no_grad():
            found = got(images)
        if not torch.allclose(found, wanted, rtol=1e-3, atol=1e-3):
            return _fault_of_norm(got, factor)
    return None


@functools.cache
def _measured(factor: float = FACTOR) -> dict[str, float]:
    "The accuracies in integers, with one step for a layer and with one for each channel."
    splits = load_splits("auto")
    images, labels = splits.valid.subset(slice(500))
    model = load_pretrained("held_out")
    convolution, _, norm = model.conv4[:3]
    for tensor in (convolution.weight.data, convolution.bias.data, norm.running_mean):
        tensor[0] *= factor
    norm.weight.data[0] /= factor
    found = {}
    for name, per_channel in (("one_step", False), ("own_steps", True)):
        network = quantize_network(model, splits.train.images[:1000], per_channel=per_channel)
        correct = network.log_proba(images).argmax(dim=1) == labels
        found[name] = 100 * correct.double().mean().item()
    return found


@check(
    "In floating point the two networks are equal. In integers, one large filter makes the step of "
    "its layer so large that all other weights become 0, unless each channel has its own step.",
    FUNCTION,
    NUMBER,
    NUMBER,
)
def check_outlier(with_outlier, one_step, own_steps):
    "`with_outlier(model, factor)`, and accuracies in integers with both kinds of steps."
    if fault := _fault_of_outlier(with_outlier):
        return fault
    given = {"one_step": one_step, "own_steps": own_steps}
    if min(given.values()) < 0 or max(given.values()) > 100:
        return "The two accuracies are per cent, between 0 and 100."
    if one_step > own_steps:
        return "Are the two swapped? `one_step` is that with `per_channel=False`."
    measured = _measured()
    if all(math.isclose(100 * given[name], measured[name], abs_tol=1.5) for name in given):
        return "Give the accuracies in per cent."
    for name, value in given.items():
        if abs(value - measured[name]) <= 1.5:
            continue
        if abs(value - _measured(1)[name]) <= 1.5:
            return f"`{name}` is that of the network as it was, without the large filter."
        return (
            f"`{name}` is {value:.1f} %, and with a factor of {FACTOR:,} the accuracy on these "
            f"images is {measured[name]:.1f} %."
        )

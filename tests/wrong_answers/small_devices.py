"Wrong answers to exercises/small_devices.ipynb."

import copy

from checks.small_devices import _folded, _measured
from s6erav3 import MNISTModel


def fold(norm, convolution, scaled=False, without=False, kept=False):
    "Weight and bias, with mistakes in the bias."
    weight, bias = _folded(norm, convolution)
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    summand = norm.bias - factor * norm.running_mean
    used = convolution.weight * (factor[:, None, None] if scaled else 1)
    constant = (used * summand[:, None, None]).sum((1, 2, 3))
    if kept:
        constant = 0 * constant
    return weight, constant if without else convolution.bias + constant


def mean_is_not_scaled(norm, convolution):
    summand = norm.bias - norm.running_mean
    constant = (convolution.weight * summand[:, None, None]).sum((1, 2, 3))
    return fold(norm, convolution)[0], convolution.bias + constant


def over_the_outputs(norm, convolution):
    "Right for the layer before, where the output channels are those of BatchNorm."
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    repeated = factor.repeat(2)[: convolution.out_channels]
    return convolution.weight * repeated[:, None, None, None], fold(norm, convolution)[1]


def outlier(
    parts=("0.weight", "0.bias", "2.running_mean"), weight=-1, variance=0, index=0, in_place=False
):
    "A network with a large filter; some of what must change is left out."

    def of(model, factor):
        changed = model if in_place else copy.deepcopy(model)
        state = changed.conv4.state_dict()
        for name in parts:
            state[name][index] *= factor
        state["2.weight"][0] *= float(factor) ** weight
        state["2.running_var"][0] *= factor**variance
        return changed

    return of


def first_input(model, factor):
    changed = copy.deepcopy(model)
    changed.conv4[0].weight.data[:, 0] *= factor
    return changed


def with_bias_of_norm(model, factor):
    changed = outlier()(model, factor)
    changed.conv4[2].bias.data[0] /= factor
    return changed


WEIGHT = ("0.weight",)
ONE, OWN = _measured().values()
BEFORE, _ = _measured(1).values()

WRONG = {
    "check_by_hand": [
        (0.7 / 8, [3, -7, 0, 3], [0, -7, 0, 0]),
        (0.7 / 127, [3, -7, 0, 3], [0, -7, 0, 0]),
        (0.7 / 15, [3, -7, 0, 3], [0, -7, 0, 0]),
        (1.01 / 15, [3, -7, 0, 3], [0, -7, 0, 0]),
        (0.31 / 7, [3, -7, 0, 3], [0, -7, 0, 0]),
        (10, [3, -7, 0, 3], [0, -7, 0, 0]),
        (-0.1, [3, -7, 0, 3], [0, -7, 0, 0]),
        (0.2, [3, -7, 0, 3], [0, -7, 0, 0]),
        (0.1, [3, -7, 0], [0, -7, 0, 0]),
        (0.1, [0.3, -0.7, 0, 0.3], [0, -7, 0, 0]),
        (0.1, [3.1, -7, 0.4, 2.6], [0, -7, 0, 0]),
        (0.1, [3, -7, 0, 2], [0, -7, 0, 0]),
        (0.1, [-3, 7, 0, -3], [0, -7, 0, 0]),
        (0.1, [3, -7, 0, 3], [3, -70, 0, 3]),
        (0.1, [3, -7, 0, 3], [3, -8, 0, 3]),
        (0.1, [3, -7, 0, 3], [1, -7, 1, 1]),
    ],
    "check_fold": [
        (lambda n, c: (c.weight, c.bias), 108),
        (lambda n, c: c, 108),
        (lambda n, c: fold(n, c)[::-1], 108),
        (lambda n, c: (_folded(n, c, with_eps=False)[0], c.bias), 108),
        (lambda n, c: (_folded(n, c, power=1)[0], c.bias), 108),
        (lambda n, c: (_folded(n, c, power=1, with_eps=False)[0], c.bias), 108),
        (over_the_outputs, 108),
        (lambda n, c: (fold(n, c)[0], fold(n, c)[1][:2]), 108),
        (lambda n, c: fold(n, c, kept=True), 108),
        (lambda n, c: fold(n, c, without=True), 108),
        (lambda n, c: fold(n, c, scaled=True), 108),
        (mean_is_not_scaled, 108),
        (fold, 784),
        (fold, 676),
        (fold, 112),
        (fold, 116),
        (fold, 4),
        (fold, 0),
        (fold, 1_296),
        (fold, 100),
    ],
    "check_outlier": [
        (lambda model, factor: model, ONE, OWN),
        (lambda model, factor: MNISTModel(), ONE, OWN),
        (lambda model, factor: model.conv4, ONE, OWN),
        (outlier(in_place=True), ONE, OWN),
        (outlier(index=slice(None)), ONE, OWN),
        (first_input, ONE, OWN),
        (outlier(WEIGHT, weight=0), ONE, OWN),
        (outlier(WEIGHT), ONE, OWN),
        (outlier(("0.weight", "0.bias")), ONE, OWN),
        (outlier(weight=0), ONE, OWN),
        (outlier(weight=0, variance=1), ONE, OWN),
        (with_bias_of_norm, ONE, OWN),
        (outlier(), OWN, ONE),
        (outlier(), ONE / 100, OWN / 100),
        (outlier(), -ONE, OWN),
        (outlier(), BEFORE, OWN),
        (outlier(), ONE + 10, OWN),
    ],
}

"Wrong answers to exercises/smallest_networks.ipynb."

import math

import numpy as np
import torch

from checks.smallest_networks import _measured, _nearest

MEASURED = _measured()


def split(weight):
    n_out, n_in = weight.shape[:2]
    u, s, v = torch.linalg.svd(weight.transpose(0, 1).flatten(2), full_matrices=False)
    factors = (s[:, :1] * u[:, :, 0]).T
    return v[:, 0].reshape(n_in, 1, 3, 3), factors.reshape(n_out, n_in, 1, 1)


def without_singular_value(weight):
    depthwise, pointwise = split(weight)
    return depthwise, pointwise / pointwise.norm(dim=0)


def singular_value_twice(weight):
    depthwise, pointwise = split(weight)
    return depthwise * pointwise.norm(dim=0)[:, None], pointwise


def mean_filter(weight):
    depthwise = weight.mean(dim=0)[:, None]
    return depthwise, torch.ones(*weight.shape[:2], 1, 1)


def largest_filter(weight):
    "The filter of the output channel whose weights are largest, and no other."
    depthwise = weight[weight.abs().sum((1, 2, 3)).argmax()][:, None]
    pointwise = (weight * depthwise.transpose(0, 1)).sum((2, 3), keepdim=True)
    return depthwise, pointwise / depthwise.square().sum((1, 2, 3))[None, :, None, None]


def one_filter_for_all(weight):
    u, s, v = torch.linalg.svd(weight.flatten(0, 1).flatten(1), full_matrices=False)
    pointwise = (s[0] * u[:, 0]).reshape(*weight.shape[:2], 1, 1)
    return v[0].reshape(1, 1, 3, 3).repeat(weight.shape[1], 1, 1, 1), pointwise


def columns_of_v(weight):
    "The wrong dimension of the third result."
    u, s, v = torch.linalg.svd(weight.transpose(0, 1).flatten(2))
    return v[:, :, 0].reshape(-1, 1, 3, 3), (s[:, :1] * u[:, :, 0]).T[:, :, None, None]


def only_if_separable(weight):
    "Exact where two steps can be, and not the nearest elsewhere."
    depthwise = weight.sum(dim=0)[:, None]
    pointwise = (weight * depthwise.transpose(0, 1)).sum((2, 3), keepdim=True)
    return depthwise, pointwise / depthwise.square().sum((1, 2, 3))[None, :, None, None]


WRONG = {
    "check_count": [
        (9_624, 784, 25),
        (600, 784, 25),
        (400, 784, 25),
        (3_456, 784, 25),
        (1_920, 784, 25),
        (1, 784, 25),
        (9_600, 400, 25),
        (9_600, 384, 25),
        (9_600, 153_600, 25),
        (9_600, 984, 25),
        (9_600, 824, 25),
        (9_600, 808, 25),
        (9_600, 785, 25),
        (9_600, 784, 12.24),
        (9_600, 784, 0.04),
        (9_600, 784, math.inf),
        (9_600, 784, 9),
        (9_600, 784, math.nan),
    ],
    "check_layout": [
        [(8, 12), (12,), (12,)],
        [(6,), (6, 6)],
        [(6), (6, 6), (6, 12)],
        [(6,), (), (6, 12)],
        [(6,), (4, 6), (6, 12)],
        [(6,), (6, 6), (12, 6)],
        [(6,), (6, 6), (12, 12)],
        [(6, 6), (6,), (6, 12)],
        [(10**9,), (6,), (12,)],
        [[6], [6.5], [12]],
        "6_6-6_6-12",
    ],
    "check_split": [
        (_nearest, MEASURED),
        (lambda weight: split(weight)[::-1], MEASURED),
        (lambda weight: (*split(weight), 1), MEASURED),
        (lambda weight: (split(weight)[0], None), MEASURED),
        (lambda weight: (split(weight)[0] * 1j, split(weight)[1]), MEASURED),
        (without_singular_value, MEASURED),
        (singular_value_twice, MEASURED),
        (mean_filter, MEASURED),
        (largest_filter, MEASURED),
        (one_filter_for_all, MEASURED),
        (columns_of_v, MEASURED),
        (only_if_separable, MEASURED),
        (split, MEASURED[:3]),
        (split, [99, 99, 99, 101]),
        (split, np.array(MEASURED) / 100),
        (split, MEASURED[::-1]),
        (split, _measured(one_by_one=False)),
        (split, [*MEASURED[:3], MEASURED[3] - 5]),
    ],
}

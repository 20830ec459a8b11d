from copy import deepcopy

import torch
from scipy import signal

from s6erav3.data.augment import normalize


def by_scipy(first, second):
    return signal.convolve2d(first.numpy(), second.numpy()).tolist()


def of_a_copy(model, digits):
    "A tensor, measured by a copy of the network."
    copy = deepcopy(model).eval()
    return 100 * (copy(normalize(digits.images)).argmax(1) == digits.labels).float().mean()


RIGHT = {
    "check_count": [7_254.0, torch.tensor(7_254)],
    "check_merge": [by_scipy],
    "check_accuracy": [of_a_copy],
}

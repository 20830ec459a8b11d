from copy import deepcopy
from functools import reduce

import numpy as np
import torch

from s6erav3.data.augment import normalize
from s6erav3.inference import Predictions


def by_masks(judge, network):
    kept = judge.predicted == judge.labels
    return torch.tensor(100.0 * network.correct[kept].mean() - 100.0 * network.correct.mean())


def of_a_copy(model, images):
    "The first two modules of a copy."
    stage = deepcopy(model.conv1).eval()
    return (stage[1](stage[0](normalize(images))) <= 0).double().mean()


def weighted(parts):
    total = reduce(np.add, [part.probabilities for part in parts])
    return Predictions(parts[-1].labels, total / total.sum(axis=1, keepdims=True))


RIGHT = {
    "check_least_loss": [3.91, -np.log(0.02), 3.912],
    "check_gain": [by_masks],
    "check_share_of_zeros": [of_a_copy],
    "check_ensemble": [weighted],
}

import numpy as np
import torch
from scipy.stats import binomtest


def exact_threshold(valid, test, target):
    "Among the confidences themselves, as a list."
    order = np.argsort(-valid.confidence)
    shares = np.cumsum(valid.correct[order]) / np.arange(1, len(order) + 1)
    threshold = valid.confidence[order][np.flatnonzero(shares >= target).max()]
    return [threshold, torch.tensor(test.correct[test.confidence >= threshold].mean())]


def by_simulation_of_all(first, second):
    n_first, n_second = int((first > second).sum()), int((second > first).sum())
    return np.float32(binomtest(min(n_first, n_second), n_first + n_second, 0.5).pvalue)


RIGHT = {
    "check_always_eight": [(100.0, 10), (np.int64(100), torch.tensor(10.0))],
    "check_half_as_wide": [40_000.0, 39_800],
    "check_choose": [exact_threshold],
    "check_mcnemar": [by_simulation_of_all],
}

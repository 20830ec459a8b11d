from collections import defaultdict
from statistics import fmean

import numpy as np

from checks.search import expected_bias


def by_dictionary(records):
    runs = defaultdict(list)
    for record in records:
        runs[record["recipe_name"]].append(record["history"][-1]["validation_accuracy"])
    return np.str_(max(runs, key=lambda name: fmean(runs[name])))


RIGHT = {
    "check_resolution": [(2.5, 0.11), (np.float64(2.5), 0.1092)],
    "check_bias": [lambda n: np.float32(expected_bias(n))],
    "check_choose": [by_dictionary],
}

import numpy as np
from scipy import ndimage


def as_tuples(pieces, gap):
    "Tuples of lists."
    found, end = [], -np.inf
    for left, right in pieces:
        found += [[]] if left >= end + gap else []
        found[-1] = [*found[-1], [left, right]]
        end = max(end, right)
    return tuple(found)


def by_logarithms(grey):
    "As numbers 0 and 1: the difference of logarithms is a factor."
    light = np.log(np.maximum(grey, 1e-3))
    return (ndimage.maximum_filter(light, 35) - light > 0.45).astype(int)


RIGHT = {
    "check_size": [(20.0, 8), (np.int64(20), 8.0)],
    "check_groups": [as_tuples],
    "check_find": [by_logarithms],
}

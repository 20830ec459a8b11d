from fractions import Fraction

import numpy as np


def by_median_of_pairs(a, b, clock):
    a(), b()
    ratios = []
    for _ in range(15):
        marks = [clock()]
        for task in (a, b):
            task()
            marks.append(clock())
        ratios.append((marks[1] - marks[0]) / (marks[2] - marks[1]))
    return np.median(ratios)


def closed_form(channels_in, channels_out, side):
    return np.float32(18 * channels_in * channels_out / (4 * (channels_in + channels_out)))


RIGHT = {
    "check_faster_step": [(Fraction(10, 7), 2.5), (1.43, np.float32(2.5))],
    "check_intensity": [closed_form],
    "check_ratio": [by_median_of_pairs],
}

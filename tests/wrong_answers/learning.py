import math

import numpy as np


def naive(scores):
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def by_columns(scores):
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum(axis=0)


def over_all(scores):
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def without_exponential(scores):
    return scores / scores.sum(axis=1, keepdims=True)


def differences(f, w, h=1e-5):
    return np.array([f(w + h * row) - f(w - h * row) for row in np.eye(len(w))])


def in_place(f, w):
    derivatives = differences(f, w) / 2e-5
    w += 1e-5
    return derivatives


def one_sided(f, w, h=1e-3):
    return np.array([(f(w + h * row) - f(w)) / h for row in np.eye(len(w))])


def all_at_once(f, w, h=1e-5):
    return np.full(len(w), (f(w + h) - f(w - h)) / (2 * h))


def distance_with(derivative):
    def final_distance(rate):
        w = 1.0
        for _ in range(50):
            w -= rate * derivative * w
        return abs(w)

    return final_distance


def one_largest(scores):
    "One number is subtracted from all rows."
    powers = np.exp(scores - scores.max())
    return powers / powers.sum(axis=1, keepdims=True)


WRONG = {
    "check_loss": [math.log10(4), 2.0, -math.log(4), math.log(2), 0.25, 0.75, 1.0],
    "check_softmax": [
        one_largest,
        naive,
        by_columns,
        over_all,
        without_exponential,
        lambda scores: scores[0],
    ],
    "check_gradient": [
        lambda f, w: 3 * w**2,
        lambda f, w: differences(f, w) / 1e-5,
        in_place,
        one_sided,
        all_at_once,
        lambda f, w: f(w),
    ],
    "check_backward": [
        lambda d, hidden: 1 - hidden**2,
        lambda d, hidden: d * (hidden > 0),
        lambda d, hidden: d * (1 - np.tanh(hidden) ** 2),
        lambda d, hidden: d * hidden * (1 - hidden),
        lambda d, hidden: d,
        lambda d, hidden: d.sum(axis=0),
    ],
    "check_limit": [
        (lambda rate: abs(1 - 6 * rate) ** 50, 0.34),
        (distance_with(3), 0.66),
        (distance_with(6), 0.5),
        (distance_with(6), 0.2),
        (lambda rate: rate, 0.333),
    ],
}

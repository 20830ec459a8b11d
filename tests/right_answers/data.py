from fractions import Fraction

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier

from s6erav3.data.mnist import load_splits


def each_digit_by_itself(source, share):
    return (torch.rand(int(source.max()) + 1) < share)[source]


def always_the_same(source, share):
    rng = np.random.default_rng(0)
    numbers = np.unique(source)
    return np.isin(source, rng.choice(numbers, round(share * len(numbers)), replace=False))


def as_a_list(source, share):
    return each_digit_by_itself(source, share).tolist()


def accuracies():
    "By a library's nearest neighbours."
    splits = load_splits("auto")
    train, queries = splits.train.subset(slice(1_000)), splits.valid.subset(slice(250))
    rows = {step: train.images.roll(step, 3).flatten(1).numpy() / 255 for step in (0, 2, -2)}
    labels = train.labels.numpy()
    plain = KNeighborsClassifier(1).fit(rows[0], labels)
    more = KNeighborsClassifier(1).fit(np.concatenate([*rows.values()]), np.tile(labels, 3))
    given = queries.images.flatten(1).numpy() / 255
    moved = queries.images.roll(2, 3).flatten(1).numpy() / 255
    tried = ((plain, given), (plain, moved), (more, moved))
    return tuple(100 * model.score(images, queries.labels) for model, images in tried)


RIGHT = {
    "check_grey": [33, np.float32(33.3), torch.tensor([33.33]), Fraction(333, 10)],
    "check_split": [each_digit_by_itself, always_the_same, as_a_list],
    "check_moved": [accuracies()],
}

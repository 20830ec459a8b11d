"Wrong answers to exercises/robustness.ipynb."

from copy import deepcopy

import torch

from s6erav3 import MNISTModel, Recipe, fit
from s6erav3.data.augment import normalize
from s6erav3.data.mnist import Digits
from s6erav3.evaluation.robustness import corrupt


def seeded():
    return torch.Generator().manual_seed(0)


def replaced(images, random, share):
    return images.masked_fill(random < share / 2, 0).masked_fill(random > 1 - share / 2, 1)


def in_place(images, share):
    random = torch.rand(images.shape, generator=seeded())
    images[random < share / 2] = 0
    images[random > 1 - share / 2] = 1
    return images


def unseeded(images, share):
    return replaced(images, torch.rand(images.shape), share)


def same_places(images, share):
    return replaced(images, torch.rand(images.shape[1:], generator=seeded()), share)


def only_ink(images, share):
    return images.masked_fill(torch.rand(images.shape, generator=seeded()) < share, 1)


def only_half(images, share):
    return replaced(images, torch.rand(images.shape, generator=seeded()), share / 2)


def added(images, share):
    noise = torch.randn(images.shape, generator=seeded())
    return (images + share * noise).clamp(0, 1)


GENTLE = Recipe(
    "noisy",
    epochs=1,
    batch_size=50,
    learning_rate=0.1,
    schedule="constant",
    rotation=0,
    dropout=0.0,
)


def noisy(images):
    return corrupt(images, "noise", 0.2)


def trained(model, images, labels):
    fit(model, GENTLE, Digits(images, labels), verbose=False)
    return model


def given_network(model, digits):
    return trained(model, normalize(noisy(digits.images)), digits.labels)


def not_normalised(model, digits):
    return trained(deepcopy(model), noisy(digits.images), digits.labels)


def wrong_labels(model, digits):
    return trained(deepcopy(model), normalize(digits.images), digits.labels.roll(1))


def history(model, digits):
    return fit(deepcopy(model), GENTLE, digits, verbose=False)


def untrained_network(model, digits):
    images = normalize(noisy(digits.images[:200]))
    return trained(MNISTModel(), images, digits.labels[:200])


def always_a_fifth(images, share):
    random = torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    share = 0.2 if share else 0
    return images.masked_fill(random < share / 2, 0).masked_fill(random > 1 - share / 2, 1)


WRONG = {
    "check_room": [(4, 4), (2, 2), (3, 4), (4, 2), (0, 4)],
    "check_salt": [always_a_fifth, in_place, unseeded, same_places, only_ink, only_half, added],
    "check_finetune": [
        lambda model, digits: model,
        given_network,
        not_normalised,
        wrong_labels,
        history,
        untrained_network,
    ],
}

from copy import deepcopy

import torch

from s6erav3 import MNISTModel, Recipe, fit
from s6erav3.data import Digits, normalize
from s6erav3.evaluation.robustness import distort


def in_place(images, share):
    chance = torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    images[chance < share / 2], images[chance > 1 - share / 2] = 0, 1
    return images


def unseeded(images, share):
    chance = torch.rand(images.shape)
    return images.masked_fill(chance < share / 2, 0).masked_fill(chance > 1 - share / 2, 1)


def same_places(images, share):
    chance = torch.rand(images.shape[1:], generator=torch.Generator().manual_seed(0))
    return torch.where(chance < share / 2, 0, torch.where(chance > 1 - share / 2, 1, images))


def only_ink(images, share):
    chance = torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    return images.masked_fill(chance < share, 1)


def only_half(images, share):
    chance = torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    return images.masked_fill(chance < share / 4, 0).masked_fill(chance > 1 - share / 4, 1)


def added(images, share):
    return (
        images + share * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    ).clamp(0, 1)


GENTLE = Recipe(
    "noisy",
    epochs=1,
    batch_size=50,
    learning_rate=0.05,
    schedule="constant",
    rotation=0,
    dropout=0.0,
)


def trained(model, images, labels):
    fit(model, GENTLE, Digits(images, labels), verbose=False)
    return model


WRONG = {
    "check_room": [(4, 4), (2, 2), (3, 4), (4, 2), (0, 4)],
    "check_salt": [in_place, unseeded, same_places, only_ink, only_half, added],
    "check_taught": [
        lambda model, digits: model,
        lambda model, digits: trained(
            model, normalize(distort(digits.images, "noise", 0.2)), digits.labels
        ),
        lambda model, digits: trained(
            deepcopy(model), distort(digits.images, "noise", 0.2), digits.labels
        ),
        lambda model, digits: trained(
            deepcopy(model), normalize(digits.images), digits.labels.roll(1)
        ),
        lambda model, digits: fit(deepcopy(model), GENTLE, digits, verbose=False),
        lambda model, digits: trained(
            MNISTModel(), normalize(distort(digits.images[:200], "noise", 0.2)), digits.labels[:200]
        ),
    ],
}

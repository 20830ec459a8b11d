from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F
from torch import optim

from s6erav3.data.augment import normalize
from s6erav3.evaluation.robustness import corrupt


def by_numpy(images, share):
    "As an array, of exactly the share of the pixels."
    rng = np.random.default_rng(7)
    found = images.numpy().copy().reshape(-1)
    chosen = rng.permutation(found.size)[: round(share * found.size)]
    found[chosen] = rng.permutation(np.arange(len(chosen)) % 2)
    return found.reshape(images.shape)


def by_hand(model, digits):
    "A loop of its own, on noisy and clean images."
    copy = deepcopy(model).train()
    noisy = corrupt(digits.images, "noise", 0.2)
    images = torch.cat([normalize(noisy), normalize(digits.images)])
    labels = digits.labels.repeat(2)
    optimizer = optim.SGD(copy.parameters(), lr=0.02, momentum=0.9)
    for indices in torch.randperm(len(labels)).split(50):
        optimizer.zero_grad()
        F.nll_loss(copy(images[indices]), labels[indices]).backward()
        optimizer.step()
    return copy


RIGHT = {
    "check_room": [(2.0, np.int64(4))],
    "check_salt": [by_numpy],
    "check_finetune": [by_hand],
}

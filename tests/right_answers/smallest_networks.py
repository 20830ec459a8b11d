import numpy as np
import torch

from checks.smallest_networks import _measured


def by_alternating(weight):
    "Filters and factors in turn, each the best for the other."
    filters = torch.randn(weight.shape[1], 9, dtype=torch.float64)
    for _ in range(3_000):
        matrices = weight.double().flatten(2)
        factors = torch.einsum("oik,ik->oi", matrices, filters) / filters.square().sum(1)
        filters = torch.einsum("oik,oi->ik", matrices, factors)
        filters = filters / factors.square().sum(0)[:, None]
    return [filters.reshape(-1, 1, 3, 3).numpy(), factors[:, :, None, None].numpy()]


def roots_in_both(weight):
    pairs = []
    for i in range(weight.shape[1]):
        u, s, v = torch.linalg.svd(weight[:, i].flatten(1))
        root = s[0].sqrt()
        pairs.append((root * v[:1].reshape(1, 3, 3), -root * u[:, 0]))
    depthwise, factors = zip(*pairs)
    return -torch.stack(depthwise), torch.stack(factors, 1)[:, :, None, None].requires_grad_()


RIGHT = {
    "check_count": [(9_600, 784, 25), (9600.0, torch.tensor(784), np.float32(25))],
    "check_layout": [
        (((6,), (6, 6), (6, 12)),),
        [[6], [6, 6], np.array([6, 12])],
        [(6,), (6,), (6, 6, 12)],
        [(6.0,), torch.tensor([7, 6]), range(6, 13, 6)],
    ],
    "check_split": [
        (roots_in_both, _measured()),
        (by_alternating, np.array(_measured()).round(1)),
    ],
}

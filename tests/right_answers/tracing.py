import numpy as np
import torch


def as_lists(positions):
    return [[int(position) // 2] for position in positions]


def by_many_gradients(operation, n):
    "As numbers 0 and 1, in NumPy."
    found = 0
    for seed in range(200):
        x = torch.randn(n, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        rows = [torch.autograd.grad(y, x, retain_graph=True)[0] for y in operation(x)]
        found = found + torch.stack(rows).abs()
    return (np.asarray(found) > 0).astype(int)


RIGHT = {
    "check_branches": [11.0],
    "check_taps": [as_lists, lambda positions: (positions / 2).astype(int).reshape(-1, 1)],
    "check_dependencies": [by_many_gradients],
}

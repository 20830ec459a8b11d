import numpy as np
import torch


def by_one_gradient(operation, n):
    x = torch.randn(n, generator=torch.Generator().manual_seed(0))
    return torch.autograd.functional.jacobian(operation, x) != 0


def of_the_sum(operation, n):
    x = torch.randn(n, generator=torch.Generator().manual_seed(0), requires_grad=True)
    operation(x).sum().backward()
    return x.grad != 0


def turned(operation, n):
    return torch.stack(
        [operation(torch.where(torch.arange(n) == j, torch.nan, 0.0)).isnan() for j in range(n)]
    )


def by_adding_one(operation, n):
    return torch.stack(
        [operation(torch.eye(n)[j]) != operation(torch.zeros(n)) for j in range(n)], dim=1
    )


WRONG = {
    "check_branches": [7, 15, 12, 16, 9, 121, 13],
    "check_taps": [
        lambda cells: cells // 2,
        lambda cells: 2 * cells[:, None],
        lambda cells: cells[:, None] / 2,
        lambda cells: (cells[:, None] + 1) // 2,
        lambda cells: cells[:, None] // 2 + np.arange(2),
    ],
    "check_sees": [by_one_gradient, of_the_sum, turned, by_adding_one],
}

import numpy as np
import torch


def random_numbers(n):
    return torch.randn(n, generator=torch.Generator().manual_seed(0))


def by_one_gradient(operation, n):
    return torch.autograd.functional.jacobian(operation, random_numbers(n)) != 0


def of_the_sum(operation, n):
    x = random_numbers(n).requires_grad_()
    operation(x).sum().backward()
    return x.grad != 0


def exchanged(operation, n):
    inputs = [torch.where(torch.arange(n) == i, torch.nan, 0.0) for i in range(n)]
    return torch.stack([operation(x).isnan() for x in inputs])


def by_adding_one(operation, n):
    at_zero = operation(torch.zeros(n))
    return torch.stack([operation(x) != at_zero for x in torch.eye(n)], dim=1)


WRONG = {
    "check_branches": [7, 15, 12, 16, 9, 121, 13],
    "check_taps": [
        lambda positions: np.arange(len(positions))[:, None] // 2,
        lambda positions: positions // 2,
        lambda positions: 2 * positions[:, None],
        lambda positions: positions[:, None] / 2,
        lambda positions: (positions[:, None] + 1) // 2,
        lambda positions: positions[:, None] // 2 + np.arange(2),
    ],
    "check_dependencies": [by_one_gradient, of_the_sum, exchanged, by_adding_one],
}

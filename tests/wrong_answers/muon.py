"Wrong answers to exercises/muon.ipynb."

import math

import torch
import torch.nn.functional as F


def of_weights(layer):
    return F.cosine_similarity(layer.weight.flatten(), layer.weight.grad.flatten(), dim=0).item()


def product(layer):
    return sum((p * p.grad).sum().item() for p in layer.parameters())


def norm_of_all(tensors):
    return math.hypot(*(tensor.norm().item() for tensor in tensors))


def of_both(layer):
    gradients = [p.grad for p in layer.parameters()]
    return product(layer) / (norm_of_all(layer.parameters()) * norm_of_all(gradients))


def degrees(layer):
    return math.degrees(math.acos(of_both(layer)))


def transposed_again(matrix):
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    return u @ v.T


ALL = {"conv1", "conv2", "conv3", "conv4", "conv5"}
WRONG = {
    "check_step_norm": [0.02, 0.32, 0.02 * 108**0.5, 0.02 * (16 * 108) ** 0.5, 4, 1.0],
    "check_nearest_orthogonal": [
        lambda m: m / m.norm(),
        lambda m: m / torch.linalg.matrix_norm(m, 2),
        lambda m: m / m.norm(dim=1, keepdim=True),
        lambda m: m.sign(),
        transposed_again,
        lambda m: torch.linalg.svdvals(m),
        lambda m: torch.eye(*m.shape),
    ],
    "check_cosine": [
        (lambda layer: 0.0, {"conv1"}),
        (lambda layer: torch.tensor([1.0, 2.0]), {"conv1"}),
        (of_weights, ALL),
        (product, ALL),
        (lambda layer: 90.0, ALL),
        (degrees, ALL),
        (of_both, ALL | {"fc"}),
        (of_both, {"conv1"}),
        (of_both, "conv1"),
    ],
}

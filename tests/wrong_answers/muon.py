import torch
import torch.nn.functional as F


def of_both(layer):
    numbers, gradients = (
        torch.cat([p.flatten() for p in both])
        for both in ((layer.weight, layer.bias), (layer.weight.grad, layer.bias.grad))
    )
    return F.cosine_similarity(numbers, gradients, dim=0).item()


def product(layer):
    return sum((p * p.grad).sum().item() for p in layer.parameters())


def transposed_again(matrix):
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    return u @ v.T


ALL = {"conv1", "conv2", "conv3", "conv4", "conv5"}
WRONG = {
    "check_length": [0.02, 0.32, 0.02 * 108**0.5, 0.02 * (16 * 108) ** 0.5, 4, 1.0],
    "check_nearest": [
        lambda m: m / m.norm(),
        lambda m: m / torch.linalg.matrix_norm(m, 2),
        lambda m: m / m.norm(dim=1, keepdim=True),
        lambda m: m.sign(),
        transposed_again,
        lambda m: torch.linalg.svdvals(m),
        lambda m: torch.eye(*m.shape),
    ],
    "check_cosine": [
        (
            lambda layer: F.cosine_similarity(
                layer.weight.flatten(), layer.weight.grad.flatten(), dim=0
            ).item(),
            ALL,
        ),
        (product, ALL),
        (lambda layer: 90.0, ALL),
        (lambda layer: torch.rad2deg(torch.arccos(torch.tensor(of_both(layer)))).item(), ALL),
        (of_both, ALL | {"fc"}),
        (of_both, {"conv1"}),
        (of_both, "conv1"),
    ],
}

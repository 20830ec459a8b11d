import numpy as np
import torch
from scipy import linalg


def by_polar_decomposition(matrix):
    "As an array."
    return linalg.polar(matrix.numpy())[0]


def by_dot_product(layer):
    w = torch.cat([p.detach().ravel() for p in layer.parameters()])
    g = torch.cat([p.grad.ravel() for p in layer.parameters()])
    return torch.dot(w, g) / (w.norm() * g.norm())


RIGHT = {
    "check_step_norm": [0.08, np.float32(0.08), torch.tensor([0.08])],
    "check_nearest_orthogonal": [by_polar_decomposition],
    "check_cosine": [(by_dot_product, ["conv5", "conv4", "conv3", "conv2", "conv1", "conv1"])],
}

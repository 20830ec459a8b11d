import numpy as np
import torch
from scipy import special


def by_torch(scores):
    return torch.tensor(scores).log_softmax(dim=1).exp()


def along_axes(f, w):
    steps = 1e-5 * np.eye(len(w))
    return [(f(w + step) - f(w - step)) / 2e-5 for step in steps]


RIGHT = {
    "check_loss": [1.39, np.log(4), torch.tensor(1.3863)],
    "check_softmax": [lambda scores: special.softmax(scores, axis=1), by_torch],
    "check_gradient": [along_axes],
    "check_backward": [lambda d_hidden, hidden: (d_hidden - d_hidden * hidden**2).tolist()],
    "check_limit": [(lambda rate: torch.tensor((1 - 6 * rate) ** 50), np.float32(0.3333))],
}

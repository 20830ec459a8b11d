import copy

import numpy as np
import torch
import torch.nn.functional as F

from checks.small_devices import _measured


def by_impulses(norm, convolution):
    "What the layers do with zeros is the bias; what a 1 adds, the weight."
    channels, (side, _) = convolution.in_channels, convolution.kernel_size
    ones = torch.eye(channels * side * side).reshape(-1, channels, side, side)
    with torch.no_grad():
        bias = convolution(norm(torch.zeros(1, channels, side, side)))
        weight = (convolution(norm(ones)) - bias)[:, :, 0, 0].T
    return [weight.reshape(-1, channels, side, side).numpy(), bias]


def by_conv2d(norm, convolution):
    a = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    c = (norm.bias - norm.running_mean * a)[None, :, None, None]
    constant = F.conv2d(c.expand(-1, -1, *convolution.kernel_size), convolution.weight)
    weight = convolution.weight.permute(0, 2, 3, 1) * a
    return weight.permute(0, 3, 1, 2), constant.flatten() + convolution.bias


def by_variance(model, factor):
    "The variance grows in place of a smaller weight."
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name in ("0.weight", "0.bias", "2.running_mean"):
        state[f"conv4.{name}"][0] *= factor
    eps = model.conv4[2].eps
    state["conv4.2.running_var"][0] = factor**2 * (state["conv4.2.running_var"][0] + eps) - eps
    changed = copy.deepcopy(model).train()
    changed.load_state_dict(state)
    return changed


RIGHT = {
    "check_by_hand": [
        (0.1, [3, -7, 0, 3], (0, -7, 0, 0)),
        (torch.tensor(0.1), np.array([3, -7, 0, 3], np.int8), torch.tensor([0, -7.0, 0, 0])),
    ],
    "check_fold": [(by_conv2d, 108), (by_impulses, 108.0)],
    "check_outlier": [(by_variance, *_measured().values())],
}

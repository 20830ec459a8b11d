import numpy as np
import torch


def backwards(layers):
    "From the last layer to the first, as a number of NumPy."
    field = 1
    for kernel, stride in reversed(layers):
        field = (field - 1) * stride + kernel
    return np.int64(field)


def by_nan(model):
    "Which rows make the position nan, and no gradient."
    found = 0
    for row in range(28):
        image = torch.zeros(1, 1, 28, 28)
        image[0, 0, row] = torch.nan
        output = model(image)[0, 0]
        found += output[len(output) // 2, len(output) // 2].isnan()
    return found


RIGHT = {
    "check_pixels": [10.0],
    "check_macs": [np.int64(14 * 14 * 9 * 8 * 12)],
    "check_recurrence": [backwards],
    "check_gradient": [by_nan],
}

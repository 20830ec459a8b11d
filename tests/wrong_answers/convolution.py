import numpy as np
import torch
import torch.nn.functional as F


def one_at(row, column):
    return np.eye(9)[3 * row + column].reshape(3, 3)


def by_torch(image, weights, padding, stride):
    x, w = (torch.tensor(np.ascontiguousarray(array))[None, None] for array in (image, weights))
    return F.conv2d(x, w, padding=padding, stride=stride)[0, 0].numpy()


def of_three_rows(image, weights, padding, stride):
    "Right for a filter of 3×3 only."
    padded = np.pad(image, padding)
    rows, columns = (size - 2 for size in padded.shape)
    found = np.zeros((rows, columns))
    for i in range(3):
        for j in range(3):
            found += weights[i, j] * padded[i : i + rows, j : j + columns]
    return found[::stride, ::stride]


WRONG = {
    "check_parameters": [2400, 312, 2496, 876, 2408, 201],
    "check_shift": [
        one_at(1, 2),
        one_at(0, 1),
        one_at(2, 1),
        one_at(1, 1),
        [[0, 0, 0], [-1, 0, 1], [0, 0, 0]],
        np.ones((1, 3)),
    ],
    "check_right_edge": [
        [[0, 0, 0], [2, 0, -1], [0, 0, -1]],
        [[-1, 0, 1]] * 3,
        [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
        [[1, 1, -1]] * 3,
        [[1, 0, 0], [0, 0, 0], [0, 0, -1]],
        [[0, 0, 0]] * 3,
        [1, 0, -1],
    ],
    "check_convolve": [
        of_three_rows,
        lambda image, weights, padding, stride: by_torch(image, weights, 0, stride),
        lambda image, weights, padding, stride: by_torch(image, weights, padding, 1),
        lambda image, weights, padding, stride: by_torch(
            image, weights[::-1, ::-1], padding, stride
        ),
        lambda image, weights, padding, stride: by_torch(image, weights.T, padding, stride),
    ],
    "check_shifts": [
        ([0.9, 0.8, 0.6, 0.4, 0.3, 0.2], 3),
        ([87.0] * 6, 1),
        ([90.0, 80.0, 60.0], 3),
        ([50.0, 40.0, 30.0, 20.0, 10.0, 5.0], 1),
    ],
}

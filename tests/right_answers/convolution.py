import numpy as np
import torch
from scipy import signal
from sklearn.linear_model import LogisticRegression

from s6erav3.data.mnist import load_splits


def by_scipy(image, weights, padding, stride):
    "As nested lists."
    padded = np.pad(image, padding)
    return signal.correlate2d(padded, weights, mode="valid")[::stride, ::stride].tolist()


def accuracies():
    "Accuracies for shifts of 0 to 5 pixels, and the first shift below one half."
    splits = load_splits("auto")
    train, valid = splits.train.subset(slice(2_000)), splits.valid.subset(slice(1_000))
    rows = train.images.flatten(1).numpy() / 255
    linear = LogisticRegression(max_iter=500).fit(rows, train.labels.numpy())
    found = []
    for pixels in range(6):
        moved = np.pad(valid.images.numpy(), ((0, 0), (0, 0), (0, 0), (pixels, 0)))[..., :28]
        found.append(100 * linear.score(moved.reshape(-1, 784) / 255, valid.labels.numpy()))
    return np.array(found), next(n for n in range(6) if found[n] < 50)


LEFT = [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
SOBEL = [[1, 0, -1], [2, 0, -2], [1, 0, -1]]
RIGHT = {
    "check_parameters": [2412.0, np.int64(2412), torch.tensor(2412)],
    "check_shift": [
        np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0]]),
        (((0, 0, 0), (1, 0, 0), (0, 0, 0)),),
    ],
    "check_right_edge": [SOBEL, torch.tensor(SOBEL) / 1_000, [[2, -1, -1], [0, 0, 0], [0, 0, 0]]],
    "check_convolve": [by_scipy],
    "check_shifts": [accuracies()],
}

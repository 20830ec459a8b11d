"Checks of exercises/tracing.ipynb."

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from checks import FUNCTION, VALUES, WHOLE, call, check, shape_text
from s6erav3.anatomy.table import layer_table


class _Branches(nn.Module):
    "Two branches that are added, and a convolution of the sum."

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1))
        self.right = nn.Conv2d(1, 1, 3, padding=3, dilation=3)
        self.last = nn.Conv2d(1, 1, 5)

    def forward(self, x):
        return self.last(self.left(x) + self.right(x))


@check("The wider branch decides, and the last convolution adds its reach.", WHOLE)
def check_branches(pixels):
    "The receptive field after two branches, their sum, and a convolution."
    fields = layer_table(_Branches()).set_index("layer")["receptive_field"]
    left, right, last = (int(fields[name]) for name in ("left.1", "right", "last"))
    if pixels == last:
        return None
    reach = last - max(left, right)
    added = (
        "Receptive fields are not added: both branches depend on the same part of the image, "
        "one of them on more of it."
    )
    hints = {
        max(left, right): f"{max(left, right)} is the receptive field of the sum; "
        "the last convolution is computed from five of its positions in a row.",
        left + right - 1 + reach: "This is a chain: one branch after the other. Here they are "
        "side by side, and both begin at the image.",
        left + right: added,
        left + right + reach: added,
        left + reach: "This is the left branch alone. With dilation 3 the three weights of the "
        "other are three pixels apart: how many pixels do they span?",
        last**2: "This is the number of pixels in the square; count along one side.",
    }
    return hints.get(
        pixels,
        f"{pixels} is not right. First the receptive field of each branch, then of the sum, "
        "then of the last map.",
    )


@check("A tracing rule needs to know nothing of an operation but its taps.", FUNCTION)
def check_taps(taps):
    "`taps(positions)`: the input positions of nearest-neighbour upsampling by 2, `(n, 1)`."
    found = call(taps, np.arange(14), kind=VALUES)
    if found.shape == (14,):
        return (
            "The taps need a second axis: each position has a row of taps, "
            "here a row of one, `(n, 1)`."
        )
    if found.shape == (14, 2):
        return (
            "Two taps for each position would be an upsampling that mixes neighbours; "
            "here each new position is a copy of one."
        )
    if found.shape != (14, 1):
        return f"For 14 positions return 14 rows of one tap; these are {shape_text(found.shape)}."
    return _wrong_taps(found[:, 0]) or _fault_of_some(taps)


def _fault_of_some(taps) -> str | None:
    "What is wrong with the taps of positions that are not all positions from 0 on."
    positions = np.array([9, 2, 2, 13])
    found = call(taps, positions.copy(), kind=VALUES)
    if found.shape != (4, 1) or (found[:, 0] != positions // 2).any():
        return (
            f"For all positions from 0 on it is right, but for {positions.tolist()} the taps are "
            f"{(positions // 2).tolist()}, not {found.ravel()[:8].tolist()}: use the positions."
        )


def _wrong_taps(taps: np.ndarray) -> str | None:
    "What is wrong with the taps of 14 positions, one each."
    small = torch.arange(7.0)[None, None]
    right = F.interpolate(small, scale_factor=2)[0, 0].long().numpy()
    if np.array_equal(taps, right):
        return None
    if np.array_equal(taps, 2 * np.arange(14)):
        return (
            "This is the way back, to a smaller map whose taps are two positions apart. "
            "The new map is the larger one."
        )
    if taps.dtype.kind == "f" and np.array_equal(np.floor(taps), right):
        return "A tap is the index of a position, a whole number."
    wrong = int(np.flatnonzero(taps != right)[0])
    return (
        f"Position {wrong} of the large map is said to read position {taps[wrong]} of the small "
        "one. Draw both as rows of dots."
    )


def _convolve(x):
    weights = torch.tensor([[[1.0, -2.0, 3.0]]], dtype=x.dtype)
    return F.conv1d(x[None, None], weights, padding=1)[0, 0]


OPERATIONS = {
    "a slice of every other number": lambda x: x[::2],
    "a convolution with padding": _convolve,
    "a running sum": lambda x: x.cumsum(0),
    "a max pooling": lambda x: F.max_pool1d(x[None, None], 3, 1)[0, 0],
    "ReLU of the negative": lambda x: torch.relu(-x),
    "two sums": lambda x: torch.stack([x[:5].sum(), x[2:].sum()]),
}


def _dependencies(operation, n) -> torch.Tensor:
    "Which results depend on which of `n` numbers: those that become NaN with it."
    columns = []
    for i in range(n):
        x = torch.zeros(n)
        x[i] = torch.nan
        columns.append(operation(x).isnan())
    return torch.stack(columns, dim=1)


@check("It found every dependency of operations that it had not seen.", FUNCTION)
def check_dependencies(dependencies):
    "`dependencies(operation, n)`: which results depend on which of `n` numbers, `(results, n)`."
    n = 8
    for name, operation in OPERATIONS.items():
        found = torch.as_tensor(call(dependencies, operation, n, kind=VALUES) != 0)
        right = _dependencies(operation, n)
        if fault := _wrong_table(found, right):
            return f"For {name} {fault}"
    return None


def _wrong_table(found: torch.Tensor, right: torch.Tensor) -> str | None:
    "What is wrong with a table of dependencies."
    if torch.equal(found, right):
        return None
    if torch.equal(found, right.T):
        return (
            "rows and columns are exchanged: a row is a result, a column is one of the numbers "
            "that go in."
        )
    if found.ndim < 2 or len(found) == 1 < len(right):
        return (
            "there is one row; return one for each result. (The gradient of the sum of all "
            "results mixes them.)"
        )
    results, n = right.shape
    if found.shape != right.shape:
        shape = "×".join(map(str, found.shape))
        return f"the table is {shape}; {results} results and {n} numbers were expected."
    if (found & ~right).any():
        return "a result is said to depend on a number that it does not depend on."
    return (
        "dependencies are missing: for the numbers you tried, max or ReLU hide some. "
        "Try others as well, or one that passes through everything."
    )

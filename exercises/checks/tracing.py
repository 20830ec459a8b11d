"Checks of exercises/02_tracing.ipynb."

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from checks import call, check
from s6erav3 import layer_table


class _Branches(nn.Module):
    "Two branches that are added up, and a convolution of the sum."

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1))
        self.right = nn.Conv2d(1, 1, 3, padding=3, dilation=3)
        self.last = nn.Conv2d(1, 1, 5)

    def forward(self, x):
        return self.last(self.left(x) + self.right(x))


@check("The wider branch decides, and the last convolution reaches out from there.")
def check_branches(pixels):
    "The receptive field after two branches, their sum, and a convolution."
    fields = layer_table(_Branches()).set_index("layer")["receptive_field"]
    left, right, last = (int(fields[name]) for name in ("left.1", "right", "last"))
    reach = last - max(left, right)
    if pixels == last:
        return
    if pixels == max(left, right):
        return f"{pixels} is what one cell of the sum sees; the last convolution looks at five of them in a row."
    if pixels == left + right - 1 + reach:
        return "That is a chain: one branch after the other. Here they lie side by side, and both see the picture itself."
    if pixels in (left + right, left + right + reach):
        return "The fields are not added: what both branches see is the same part of the picture, one of them more of it."
    if pixels == left + reach:
        return "That is the left branch alone. Dilation 3 puts the three weights of the other three pixels apart: how much do they span?"
    if pixels == last**2:
        return "That counts the pixels of the square; count along one side."
    return f"{pixels} is not it. First what one cell of each branch sees, then of the sum, then of the last map."


@check("Taps are all that a rule of the table needs to know of an operation.")
def check_taps(taps):
    "`taps(cells)`: the cells that each cell of a map enlarged twice looks at, `(n, 1)`."
    right = F.interpolate(torch.arange(7.0)[None, None], scale_factor=2)[0, 0].long().numpy()
    got = np.asarray(call(taps, np.arange(14)))
    if got.shape == (14,):
        return "The numbers need a second axis: each cell has a row of taps, here a row of one, `(n, 1)`."
    if got.shape == (14, 2):
        return "Two taps a cell would be an enlargement that mixes neighbours; here each new cell is a copy of one."
    if got.shape != (14, 1):
        return f"For 14 cells give 14 rows of one tap; these are {got.shape}."
    if np.array_equal(got[:, 0], 2 * np.arange(14)):
        return "That is the way back: a map made smaller, whose cells look two apart. The new map is the larger one."
    if got.dtype.kind == "f" and np.array_equal(np.floor(got[:, 0]), right):
        return "A tap is the number of a cell, a whole number."
    if not np.array_equal(got[:, 0], right):
        wrong = int(np.flatnonzero(got[:, 0] != right)[0])
        return f"Cell {wrong} of the large map is said to look at cell {got[wrong, 0]} of the small one. Draw both as rows of dots."


_weights = torch.tensor([[[1.0, -2.0, 3.0]]])
OPERATIONS = {
    "a slice of every other number": lambda x: x[::2],
    "a convolution with padding": lambda x: F.conv1d(
        x[None, None], _weights.to(x.dtype), padding=1
    )[0, 0],
    "a running sum": lambda x: x.cumsum(0),
    "a max pooling": lambda x: F.max_pool1d(x[None, None], 3, 1)[0, 0],
    "ReLU of the negative": lambda x: torch.relu(-x),
    "two sums": lambda x: torch.stack([x[:5].sum(), x[2:].sum()]),
}


def _sees(operation, n) -> torch.Tensor:
    "What depends on what, by numbers that are none."
    columns = []
    for j in range(n):
        x = torch.zeros(n)
        x[j] = torch.nan
        columns.append(operation(x).isnan())
    return torch.stack(columns, dim=1)


@check("It found every path of operations that it had not been told of.")
def check_sees(sees):
    "`sees(operation, n)`: which results depend on which of `n` numbers, `(results, n)`, True or False."
    n = 8
    for name, operation in OPERATIONS.items():
        got, right = torch.as_tensor(call(sees, operation, n)).bool(), _sees(operation, n)
        if got.shape == right.shape and torch.equal(got, right):
            continue
        if got.shape == right.T.shape and torch.equal(got, right.T):
            return f"For {name} rows and columns have changed places: a row for each result, a column for each number that goes in."
        if got.ndim == 1 or len(got) == 1 < len(right):
            return f"For {name} there is one row; give one for each result. (The gradient of the sum of all results mixes them.)"
        if got.shape != right.shape:
            return f"For {name} of {n} numbers the answer is {'×'.join(map(str, got.shape))}; {len(right)} results and {n} numbers were expected."
        if (got & ~right).any():
            return f"For {name} it says that a result depends on a number which it never looks at."
        return f"For {name} paths are missing: for the numbers you tried, max or ReLU let nothing through. Try others as well, or one that gets through everything."

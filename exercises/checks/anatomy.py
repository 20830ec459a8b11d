"Checks of exercises/02_anatomy.ipynb."

import torch
from torch import nn

from checks import call, check
from s6erav3 import MNISTModel, layer_table


@check(
    "Each layer adds its kernel less one, times the jump of what comes in; so the same kernel adds twice as much after the pooling."
)
def check_receptive_field(pixels):
    "conv1 → conv2 → MaxPool2d(2) → conv3, seen from one cell of conv3."
    table = layer_table(MNISTModel()).set_index("layer")
    right, before = (int(table.receptive_field[name]) for name in ("conv3.0", "transition1.1"))
    if pixels == before:
        return f"{before} is what one cell of transition1 sees; conv3 looks at three of them, side by side."
    if pixels == before + 2:
        return "You added two pixels for conv3. After the pooling neighbouring cells are two pixels apart, so each step to a neighbour adds two."
    if pixels == 2 * (5 + 2):
        return "The pooling doubles how far apart cells are, not how much one cell sees: it adds one pixel."
    if pixels != right:
        return f"{pixels} is not it. Go layer by layer: field grows by (kernel - 1) times jump, then jump is multiplied by the stride."


@check(
    "Half the height and half the width are a quarter of the places, and the weights stay as many."
)
def check_macs(macs):
    "Multiply-adds of conv2 where the pooling comes before it."
    row = layer_table(MNISTModel()).set_index("layer").loc["conv2.0"]
    right = row.macs // 4
    if macs == right:
        return
    if macs == row.macs:
        return "That is what it does now, on 28×28 places."
    if macs == row.macs // 2:
        return "Half as high and half as wide is not half as many places."
    if macs == row.params or macs == row.params - row.out_shape[0]:
        return f"{macs:,} counts weights. Each of them is used once at every place of the map."
    if macs == right // row.out_shape[0]:
        return "That is the work for one of the twelve maps that come out."
    if macs == right // row.in_shape[0]:
        return (
            "Each of the twelve filters has 3×3 weights for *each* of the eight maps that come in."
        )
    if macs == 14 * 14 * row.params:
        return "Nearly: biases are added, not multiplied with anything; the table leaves them out."
    return f"{macs:,} is not it: places × weights of a filter × filters."


def _table(layers) -> list[tuple]:
    field, jump = 1, 1
    rows = []
    for kernel, stride in layers:
        field, jump = field + (kernel - 1) * jump, jump * stride
        rows.append((field, jump))
    return rows


@check("It agrees with the layer table on stacks it had not seen.")
def check_grow(grow):
    "`grow(layers)`: the receptive field after a list of (kernel, stride)."
    for layers in (
        [(3, 1)],
        [(3, 1), (3, 1)],
        [(2, 2), (3, 1)],
        [(3, 2), (3, 2), (5, 1)],
        [(3, 1), (3, 1), (2, 2), (1, 1), (3, 1)],
    ):
        got, right = call(grow, layers), _table(layers)[-1][0]
        if got == right:
            continue
        jumped_first = 1
        jump = 1
        for kernel, stride in layers:
            jump, jumped_first = jump * stride, jumped_first + (kernel - 1) * jump * stride
        if got == jumped_first:
            return f"For {layers} it says {got}, and {right} is right: a layer's own stride counts for the layers after it, not for itself."
        if got == 1 + sum(kernel - 1 for kernel, _ in layers):
            return f"For {layers} it says {got}, and {right} is right: strides are left out."
        return f"For {layers} it says {got}, and {right} is right."


@check("The gradient says the same as the formula, without a formula.")
def check_seen(seen):
    "`seen(model, layer)`: rows of the input that the middle cell of the first map of `layer` depends on."
    torch.manual_seed(0)
    for kernel, stride in ((3, 1), (5, 1), (3, 2)):
        model = nn.Sequential(nn.Conv2d(1, 2, kernel, stride=stride), nn.Conv2d(2, 2, 3))
        got, right = call(seen, model), kernel + 2 * stride
        if got == right * right:
            return f"{got} counts the pixels of the whole square; count its rows."
        if got == 28:
            return "It says that all 28 rows are seen: take the gradient of one cell in the middle, not of the sum of the whole map."
        if got != right:
            return f"For a {kernel}×{kernel} convolution of stride {stride} before a 3×3 one it says {got} rows; {right} is right."

"The quiz of nbs/05_receptive_field.ipynb, and the checks of exercises/05_receptive_field.ipynb."

from itertools import accumulate
from operator import mul

import torch
from torch import nn

from checks import FUNCTION, WHOLE, call, check, make_quiz
from s6erav3.anatomy.table import layer_table
from s6erav3.models.model import MNISTModel

quiz = make_quiz(
    (
        "b",
        {
            "a": "That is the receptive field after two of them.",
            "b": "1 + 2 + 2 + 2: each adds two jumps of one pixel.",
            "c": "Each adds its kernel less one, which is 2 and not 3.",
        },
    ),
    (
        "b",
        {
            "a": "After the pooling a jump is two pixels, so the third convolution adds 4.",
            "b": "1 + 2 + 2, then 1 for the pooling, then two jumps of two pixels.",
            "c": "The pooling doubles the jump, not the receptive field.",
        },
    ),
    (
        "c",
        {
            "a": "The field grows by (kernel - 1) jumps, with padding or without.",
            "b": "Only the stride changes the jump.",
            "c": "It moves the first window outwards, and there is room for more of them.",
        },
    ),
    (
        "b",
        {
            "a": "A ReLU or max pooling may block the path for this image only.",
            "b": "A ReLU or max pooling may block the path for this one.",
            "c": "Where it is not zero for some image, the pixel is in the receptive field.",
        },
    ),
    (
        "a",
        {
            "a": "Its centre is pixel 9.5, so it ends at pixel 25.",
            "b": "It holds for any weights: it follows from the layers alone.",
            "c": "Padding adds zeros outside of the image; it hides no pixel.",
        },
    ),
)


@check(
    "Each layer adds its kernel less one, times the jump of its input; "
    "so the same kernel adds twice as much after the pooling.",
    WHOLE,
)
def check_pixels(pixels):
    "conv1 → conv2 → MaxPool2d(2) → conv3: the receptive field of conv3."
    fields = layer_table(MNISTModel()).set_index("layer")["receptive_field"]
    right = int(fields["conv3.0"])
    before = int(fields["transition1.1"])
    if pixels == right:
        return None
    hints = {
        before: f"{before} is the receptive field of transition1; "
        "conv3 is computed from three of its positions, side by side.",
        before + 2: "You added two pixels for conv3. After the pooling neighbouring positions "
        "are two pixels apart, so each step to a neighbour adds two.",
        2 * (5 + 2): "The pooling doubles the distance between positions, not the receptive "
        "field: it adds one pixel.",
    }
    return hints.get(
        pixels,
        f"{pixels} is not right. Go layer by layer: the field grows by (kernel - 1) times jump, "
        "then the jump is multiplied by the stride.",
    )


@check(
    "Half the height and half the width are a quarter of the positions, "
    "and the number of weights does not change.",
    WHOLE,
)
def check_macs(macs):
    "Multiply-adds of conv2 if the pooling comes before it."
    row = layer_table(MNISTModel()).set_index("layer").loc["conv2.0"]
    right = row.macs // 4
    if macs == right:
        return None
    weights = "counts weights. Each of them is used once at every position of the map."
    hints = {
        row.macs: "This is what it does now, at 28×28 positions.",
        row.macs // 2: "Half the height and half the width are not half the positions.",
        row.params: f"{macs:,} {weights}",
        row.params - row.out_shape[0]: f"{macs:,} {weights}",
        right // row.out_shape[0]: "This is the work for one of the twelve output channels.",
        right // row.in_shape[0]: "Each of the twelve filters has 3×3 weights for *each* of the "
        "eight input channels.",
        14
        * 14
        * row.params: "Nearly: biases are added, not multiplied; the table leaves them out.",
    }
    return hints.get(macs, f"{macs:,} is not right: positions × weights of a filter × filters.")


STACKS = (
    [(3, 1)],
    [(3, 1), (3, 1)],
    [(2, 2), (3, 1)],
    [(3, 2), (3, 2), (5, 1)],
    [(3, 1), (3, 1), (2, 2), (1, 1), (3, 1)],
)


def _field(layers) -> int:
    "The receptive field after a list of (kernel, stride)."
    field = 1
    jump = 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def _field_with_late_jump(layers) -> int:
    "The receptive field if the jump is multiplied first, which is wrong."
    kernels, strides = zip(*layers)
    jumps = accumulate(strides, mul)
    return 1 + sum((kernel - 1) * jump for kernel, jump in zip(kernels, jumps))


def _why_wrong(field, layers) -> str:
    "What may be wrong with a receptive field."
    if field == _field_with_late_jump(layers):
        return ": the stride of a layer counts for the layers after it, not for itself"
    if field == 1 + sum(kernel - 1 for kernel, _ in layers):
        return ": the strides are left out"
    return ""


@check("It agrees with the layer table on stacks of layers it had not seen.", FUNCTION)
def check_recurrence(receptive_field):
    "`receptive_field(layers)`: after a list of (kernel, stride)."
    for layers in STACKS:
        field = call(receptive_field, list(layers), kind=WHOLE)
        right = _field(layers)
        if field != right:
            reason = _why_wrong(field, layers)
            return f"For {layers} it returns {field}, and {right} is right{reason}."
    return None


@check("The gradient gives the same as the formula, without a formula.", FUNCTION)
def check_gradient(n_rows):
    "`n_rows(model)`: input rows that the middle position of the first output channel depends on."
    torch.manual_seed(0)
    for kernel, stride in (((3, 3), 1), ((5, 5), 1), ((3, 3), 2), ((5, 3), 1), ((3, 7), 2)):
        first = nn.Conv2d(1, 2, kernel, stride=stride, padding=1)
        model = nn.Sequential(first, nn.Conv2d(2, 2, 3, padding=1))
        found = call(n_rows, model, kind=WHOLE)
        rows, columns = kernel
        right = rows + 2 * stride
        if found == right * right:
            return f"{found} is the number of pixels in the square; count its rows."
        if found == 28:
            return (
                "It returns all 28 rows: take the gradient of one position in the middle, "
                "not of the sum of the whole map."
            )
        if found == columns + 2 * stride != right:
            return f"{found} is the number of columns; count the rows."
        if found in (right - 1, right - 2):
            return (
                f"It returns {found} rows, and {right} is right: at the border of the map part of "
                "the field lies outside of the image. Take a position in the middle."
            )
        if found != right:
            return (
                f"For a convolution of {rows}×{columns} and stride {stride} before a 3×3 one "
                f"it returns {found} rows; {right} is right."
            )
    return None

"Checks of exercises/03_muon.ipynb."

import math

import torch
import torch.nn.functional as F

from checks import call, check
from s6erav3 import MNISTModel, load_pretrained

TWO_HUNDREDTHS = 0.02  # the learning rate that the exercise gives


@check("Every direction has its full part, so the step is longer than its longest direction.")
def check_length(length):
    "Norm of an exactly orthogonal step for conv4."
    rows, columns = MNISTModel().conv4[0].weight.flatten(1).shape
    right = TWO_HUNDREDTHS * math.sqrt(min(rows, columns))
    wrong = {
        TWO_HUNDREDTHS: "That is how far it goes in one direction. There are as many as the matrix has singular values.",
        TWO_HUNDREDTHS
        * rows: "Directions that stand at right angles add up as the sides of a box do to its diagonal, by their squares.",
        TWO_HUNDREDTHS
        * math.sqrt(
            columns
        ): f"A matrix of {rows} × {columns} has no more than {rows} singular values.",
        TWO_HUNDREDTHS
        * math.sqrt(
            rows * columns
        ): "That would be a step in which each number is moved by the rate. Here each singular value is.",
        math.sqrt(rows): "The learning rate is still to be applied.",
    }
    for value, reason in wrong.items():
        if math.isclose(length, value, rel_tol=1e-3):
            return reason
    if not math.isclose(length, right, rel_tol=0.01):
        return f"{length:.4g} is not it. The norm is the root of the sum of the squared singular values; how many are there, and how large is each?"


@check("Same directions, all strengths 1: the nearest matrix of that kind.")
def check_nearest(nearest):
    "`nearest(matrix)`: the same singular vectors, all singular values 1."
    for shape in ((5, 5), (4, 9), (9, 4)):
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
        u, strengths, v = torch.linalg.svd(matrix, full_matrices=False)
        got, right = call(nearest, matrix), u @ v
        if not isinstance(got, torch.Tensor) or got.shape != matrix.shape:
            return f"A matrix of {shape[0]} × {shape[1]} should come back as one; `full_matrices=False` leaves out what a matrix that is not square does not need."
        if torch.allclose(got, right, atol=1e-3):
            continue
        values = torch.linalg.svdvals(got)
        said = f"For a matrix of {shape[0]} × {shape[1]} the singular values are {[round(value, 2) for value in values.tolist()]}"
        if shape[0] == shape[1] and torch.allclose(got, u @ v.T, atol=1e-3):
            return (
                "The third thing that `svd` gives is transposed already; do not transpose it again."
            )
        if torch.allclose(values, torch.ones_like(values), atol=1e-3):
            return "All singular values are 1, but the directions are not those of the matrix."
        if torch.allclose(values * strengths[0], strengths, atol=1e-3):
            return f"{said}: you divided by the strongest, and they are as unequal as before."
        if torch.allclose(values / values[0], strengths / strengths[0], atol=1e-3):
            return f"{said}: one factor for the whole matrix leaves them as unequal as before."
        if torch.allclose(got.norm(dim=1), torch.ones(shape[0]), atol=1e-3):
            return f"{said}: every row has length 1, but rows are not the directions; they can point the same way."
        return f"{said}; all should be 1."


def _batch() -> MNISTModel:
    "A trained network after the gradient of one batch of random pictures."
    torch.manual_seed(0)
    model = load_pretrained("original").train()
    F.nll_loss(model(torch.randn(64, 1, 28, 28)), torch.arange(64) % 10).backward()
    return model


def _cosine(*pairs) -> float:
    return F.cosine_similarity(
        *(torch.cat([t.flatten() for t in side]) for side in zip(*pairs)), dim=0
    ).item()


@check(
    "Where batch normalisation follows, no gradient points along the kernel, for its length changes nothing. So every step is sideways, and a step sideways makes longer."
)
def check_cosine(cosine, sideways):
    "`cosine(layer)`: between a layer's numbers and their gradient; and the stages where it is nearly 0."
    model = _batch()
    layers = {
        "conv1": model.conv1[0],
        "conv2": model.conv2[0],
        "conv3": model.conv3[0],
        "conv4": model.conv4[0],
        "conv5": model.conv5[0],
        "fc": model.fc,
    }
    found = {}
    for name, layer in layers.items():
        got, right = (
            float(call(cosine, layer)),
            _cosine((layer.weight, layer.weight.grad), (layer.bias, layer.bias.grad)),
        )
        found[name] = right
        if math.isclose(got, right, abs_tol=1e-4):
            continue
        if math.isclose(got, _cosine((layer.weight, layer.weight.grad)), abs_tol=1e-4):
            return f"For {name} it gives {got:.4f}: that is of the weights alone. Batch normalisation takes away what weights and biases have in common, so take both."
        if math.isclose(got, math.degrees(math.acos(right)), abs_tol=0.1):
            return f"For {name} it gives {got:.1f}, an angle in degrees; its cosine is asked for."
        if abs(got) < abs(right):
            return f"For {name} it gives {got:.6f}, and {right:.4f} is right: a cosine is the product divided by both lengths."
        return f"For {name} it gives {got:.4f}, and {right:.4f} is right."
    right = {name for name, value in found.items() if abs(value) < 0.001}
    if isinstance(sideways, str):
        return 'Give the names as a set, as in {"conv1", "fc"}.'
    if extra := set(sideways) - right:
        return f"Not so for {', '.join(sorted(extra))}: look at the cosine there. What follows that layer?"
    if lacking := right - set(sideways):
        return f"There are more: {len(lacking)} with a cosine as small are not among yours."

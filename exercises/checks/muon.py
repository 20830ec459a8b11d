"Checks of exercises/muon.ipynb."

import math

import torch
import torch.nn.functional as F

from checks import FUNCTION, NAMES, NUMBER, TENSOR, call, check
from s6erav3 import MNISTModel, load_pretrained

LR = 0.02  # the learning rate that the exercise gives


@check(
    "Every direction has its full part, so the norm of the step is larger than in any direction.",
    NUMBER,
)
def check_step_norm(step_norm):
    "Norm of an exactly orthogonal step for conv4."
    rows, columns = MNISTModel().conv4[0].weight.flatten(1).shape
    wrong = {
        LR: "That is the length in one direction. "
        "There are as many as the matrix has singular values.",
        LR * rows: "The norm is the root of the sum of the squares, not the sum.",
        LR * math.sqrt(columns): (
            f"A matrix of {rows} × {columns} has no more than {rows} singular values."
        ),
        LR * math.sqrt(rows * columns): (
            "In that step each number has the size of the learning rate. "
            "Here each singular value has."
        ),
        math.sqrt(rows): "The learning rate is still to be applied.",
    }
    for value, reason in wrong.items():
        if math.isclose(step_norm, value, rel_tol=1e-3):
            return reason
    if not math.isclose(step_norm, LR * math.sqrt(rows), rel_tol=0.01):
        return (
            f"{step_norm:.4g} is not it. The norm is the root of the sum of the squared singular "
            "values; how many are there, and how large is each?"
        )


def _matrix_fault(got, matrix):
    "What is wrong with the orthogonal matrix nearest to `matrix`."
    size = f"{matrix.shape[0]} × {matrix.shape[1]}"
    if got.shape != matrix.shape:
        return (
            f"A matrix of {size} should come back as one; `full_matrices=False` leaves out what "
            "a matrix that is not square does not need."
        )
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    if torch.allclose(got, u @ v, atol=1e-3):
        return None
    if matrix.shape[0] == matrix.shape[1] and torch.allclose(got, u @ v.T, atol=1e-3):
        return "The third result of `svd` is transposed already; do not transpose it again."
    values = torch.linalg.svdvals(got)
    if torch.allclose(values, torch.ones_like(values), atol=1e-3):
        return "All singular values are 1, but the directions are not those of the matrix."
    rounded = [round(value, 2) for value in values.tolist()]
    return f"For a matrix of {size} the singular values are {rounded}" + _reason(got, values, s)


def _reason(got, values, s):
    "Why the singular values are not 1, as the end of a sentence."
    if torch.allclose(values * s[0], s, atol=1e-3):
        return ": you divided by the largest, and they are as unequal as before."
    if torch.allclose(values / values[0], s / s[0], atol=1e-3):
        return ": one factor for the whole matrix leaves them as unequal as before."
    if torch.allclose(got.norm(dim=1), torch.ones(len(got)), atol=1e-3):
        return (
            ": every row has norm 1, but rows are not the directions; they can be nearly parallel."
        )
    return "; all should be 1."


@check("Same directions, all singular values 1: the nearest matrix of that kind.", FUNCTION)
def check_nearest_orthogonal(nearest_orthogonal):
    "`nearest_orthogonal(matrix)`: the same singular vectors, all singular values 1."
    for shape in ((5, 5), (4, 9), (9, 4)):
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
        got = call(nearest_orthogonal, matrix.clone(), kind=TENSOR).to(matrix.dtype)
        if fault := _matrix_fault(got, matrix):
            return fault


def _layers() -> dict[str, torch.nn.Module]:
    "The layers of a trained network after the gradient of one batch of random images."
    torch.manual_seed(0)
    model = load_pretrained("original").train()
    F.nll_loss(model(torch.randn(64, 1, 28, 28)), torch.arange(64) % 10).backward()
    names = ("conv1", "conv2", "conv3", "conv4", "conv5")
    return {name: getattr(model, name)[0] for name in names} | {"fc": model.fc}


def _cosine(layer) -> float:
    "Between the parameters of a layer and their gradients."
    parameters = torch.cat([p.flatten() for p in (layer.weight, layer.bias)])
    gradients = torch.cat([p.grad.flatten() for p in (layer.weight, layer.bias)])
    return F.cosine_similarity(parameters, gradients, dim=0).item()


def _cosine_fault(got, layer):
    "What is wrong with the cosine of one layer."
    right = _cosine(layer)
    if math.isclose(got, right, abs_tol=1e-4):
        return None
    weights = F.cosine_similarity(layer.weight.flatten(), layer.weight.grad.flatten(), dim=0).item()
    if math.isclose(got, weights, abs_tol=1e-4):
        return (
            f"{got:.4f}: that is of the weights alone. A common factor of weights and biases is "
            "what batch normalisation removes, so take both."
        )
    if math.isclose(got, math.degrees(math.acos(right)), abs_tol=0.1):
        return f"{got:.1f}, an angle in degrees; its cosine is asked for."
    if abs(got) < abs(right):
        return (
            f"{got:.6f}, and {right:.4f} is right: a cosine is the product divided by both norms."
        )
    return f"{got:.4f}, and {right:.4f} is right."


@check(
    "Where batch normalisation follows, the gradient has no component along the kernel, because "
    "its norm has no effect. So every step is orthogonal to the kernel, and makes it longer.",
    FUNCTION,
    NAMES,
)
def check_cosine(cosine, orthogonal_layers):
    "`cosine(layer)`: of parameters and gradient; and the layers where it is nearly 0."
    layers = _layers()
    for name, layer in layers.items():
        if fault := _cosine_fault(call(cosine, layer, kind=NUMBER), layer):
            return f"For {name} it returns {fault}"
    right = {name for name, layer in layers.items() if abs(_cosine(layer)) < 0.001}
    if unknown := orthogonal_layers - layers.keys():
        return f"There is no layer {min(unknown)[:40]!r}; the names are {', '.join(layers)}."
    if extra := orthogonal_layers - right:
        return (
            f"Not for {', '.join(sorted(extra))}: look at the cosine there. "
            "What follows that layer?"
        )
    if missing := right - orthogonal_layers:
        return f"There are more: {len(missing)} with a cosine as small are not among yours."

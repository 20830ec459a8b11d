"The quiz of nbs/03_learning.ipynb, and the checks of exercises/03_learning.ipynb."

import math

import numpy as np
import torch

from checks import ARRAY, FUNCTION, NUMBER, VALUES, call, check, make_quiz, shape_text

quiz = make_quiz(
    (
        "a",
        {
            "a": "−log 0.5 = 0.69 and −log 1 = 0; the mean is half of 0.69.",
            "b": "That is the mean of the probabilities. The loss is the mean of their −log.",
            "c": "That is the loss of the first image alone; the second has the loss 0.",
        },
    ),
    (
        "b",
        {
            "a": "The update subtracts rate × derivative, and the derivative is negative.",
            "b": "w − 0.1 · (−2) = w + 0.2: the loss falls to the right, so the weight grows.",
            "c": "The derivative is multiplied by the learning rate.",
        },
    ),
    (
        "c",
        {
            "a": "It is faster to compute than the cross-entropy.",
            "b": "A minus sign in front of it would do.",
            "c": "Between the jumps of single predictions it is flat, and shows no direction.",
        },
    ),
    (
        "a",
        {
            "a": "The steps are too long: they jump over the minimum.",
            "b": "A training that diverges does not come back with more steps.",
            "c": "The gradient would be more exact, and the steps would still be too long.",
        },
    ),
    (
        "b",
        {
            "a": "It is the other way round: finite differences need only the loss itself.",
            "b": "One backward pass gives all derivatives at once.",
            "c": "They are not random. They are slow, and a little inexact.",
        },
    ),
)


@check("−log 0.25 = log 4, about 1.386 nats.", NUMBER)
def check_loss(loss):
    "The cross-entropy in nats where the true class has the probability 0.25."
    names = {
        math.log10(4): "That is the logarithm to base 10; the loss takes the natural one.",
        2.0: "That is the logarithm to base 2, in bits; in nats the natural one is taken.",
        -math.log(4): "The sign: a loss is positive.",
        -math.log(0.5): "That would be the loss of class 0. Which class is true?",
        0.25: "That is the probability. Take minus its logarithm.",
        0.75: "That is how much of the probability the other classes got. Take −log of 0.25.",
    }
    if abs(loss - math.log(4)) < 0.005:
        return
    for value, reason in names.items():
        if abs(loss - value) < 0.002:
            return reason
    return f"{loss:g} is not it. Only the probability of the true class counts."


@check("It is correct on large scores too, and each row adds up to 1.", FUNCTION)
def check_softmax(softmax):
    "`softmax(scores)` in NumPy, row by row, also for scores of a thousand."
    scores = np.array([[2.0, 1.0, -1.0], [0.0, 0.0, 3.0]])
    correct = torch.tensor(scores).softmax(dim=1).numpy()
    got = call(softmax, scores.copy(), kind=ARRAY)
    if got.shape != scores.shape:
        return (
            f"For scores of {shape_text(scores.shape)} it returns {shape_text(got.shape)}; "
            "a probability for each is wanted."
        )
    if not np.allclose(got, correct):
        if np.allclose(got.sum(axis=0), 1):
            return "The columns add up to 1; it should be the rows, one for each image."
        if np.isclose(got.sum(), 1):
            return "All numbers together add up to 1; each row should."
        return (
            "The probabilities are not those of the formula. Is the sum that of the exponentials?"
        )
    with np.errstate(all="ignore"):
        large = call(softmax, scores + 1_000, kind=VALUES)
        mixed = call(softmax, scores + [[0], [1_000]], kind=VALUES)
    if np.isnan(large).any():
        return (
            "For scores of about 1,000 it returns nan: subtract the largest score of a row first."
        )
    if not _are_close(large, correct):
        return "Adding 1,000 to all scores changes the probabilities; it should not."
    if not _are_close(mixed, correct):
        return (
            "Where one image has scores of about 0 and another of about 1,000, one of them gets "
            "wrong probabilities: subtract from each row its own largest score."
        )


def _are_close(first: np.ndarray, second: np.ndarray) -> bool:
    "Whether two arrays have one shape and nearly the same numbers."
    return first.shape == second.shape and np.allclose(first, second)


def _cubes(w: np.ndarray) -> float:
    "A function with the derivatives 3 w²."
    return float((w**3).sum())


def _product(w: np.ndarray) -> float:
    "A function whose derivative at each number depends on all others."
    return float(np.prod(w))


@check("Each component is the slope between a point above and a point below.", FUNCTION)
def check_gradient(gradient):
    "`gradient(f, w)`: the derivatives of `f` at `w` by central differences."
    w = np.array([1.0, -2.0, 0.5, 4.0])
    kept = w.copy()
    got = call(gradient, _cubes, w, kind=ARRAY)
    if not np.array_equal(w, kept):
        return "It has changed `w`: work on a copy, or put each number back."
    correct = 3 * w**2
    if got.shape != w.shape:
        return (
            f"`w` has {len(w)} numbers, so there are as many derivatives, "
            f"not {shape_text(got.shape)}."
        )
    if np.allclose(got, correct, rtol=1e-6, atol=1e-6):
        return _fault_of_product(gradient)
    if np.allclose(got, 2 * correct, rtol=1e-3):
        return "Twice the derivative: the two points lie 2h apart."
    if np.allclose(got, correct.sum(), rtol=1e-3):
        return "All numbers are moved at once; move one at a time."
    if np.allclose(got, correct, rtol=1e-2):
        return "Nearly: a difference to one side is less exact than one to both sides."
    return "For the sum of the cubes the derivatives should be 3 w²."


def _fault_of_product(gradient) -> str | None:
    "What is wrong with the derivatives of the product of some numbers."
    w = np.array([1.0, -2.0, 0.5, 4.0])
    got = call(gradient, _product, w.copy(), kind=ARRAY)
    if not _are_close(got, w.prod() / w):
        return (
            "For the sum of the cubes it is right, but not for the product of the numbers: "
            "use nothing of `f` but its values, and move one number while the others stay."
        )


@check(
    "The slope of tanh is 1 − tanh², and it multiplies the derivative from the next layer.",
    FUNCTION,
)
def check_backward(backward):
    "`backward(d_hidden, hidden)`: the backward pass through hidden = tanh(sums)."
    generator = torch.Generator().manual_seed(0)
    sums = torch.randn(5, 4, generator=generator, dtype=torch.double, requires_grad=True)
    d_hidden = torch.randn(5, 4, generator=generator, dtype=torch.double)
    hidden = sums.tanh()
    hidden.backward(d_hidden)
    d, h = d_hidden.numpy(), hidden.detach().numpy()
    got = call(backward, d.copy(), h.copy(), kind=ARRAY)
    if got.shape != d.shape:
        return f"`hidden` has {shape_text(h.shape)}, and the result {shape_text(got.shape)}."
    faults = {
        "That is the slope of tanh alone. The chain rule multiplies it by `d_hidden`.": 1 - h**2,
        "That is the backward pass of ReLU. The slope of tanh is another.": d * (h > 0),
        "`hidden` is tanh already; do not take it again.": d * (1 - np.tanh(h) ** 2),
        "That is the slope of the sigmoid; the one of tanh is 1 − tanh².": d * h * (1 - h),
        "Nothing has changed on the way; what is the slope of tanh?": d,
    }
    if np.allclose(got, sums.grad.numpy()):
        return
    for reason, wrong in faults.items():
        if np.allclose(got, wrong):
            return reason
    return "On random numbers it differs from autograd."


CURVATURE = 6.0  # the second derivative of 3 w²


@check(
    "Below 1/3 each step ends nearer to 0; above it, farther away. The limit is 2 / (2 · 3).",
    FUNCTION,
    NUMBER,
)
def check_limit(final_distance, largest_rate):
    "`final_distance(rate)` after 50 steps on 3 w² from 1, and the largest rate that converges."
    for rate in (0.01, 0.1, 0.3, 0.4):
        got = abs(call(final_distance, rate, kind=NUMBER))
        wanted = abs(1 - rate * CURVATURE) ** 50
        if math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9):
            continue
        if math.isclose(got, abs(1 - rate * CURVATURE / 2) ** 50, rel_tol=1e-6):
            return "The derivative of 3 w² is 6 w, not 3 w."
        return f"With the rate {rate} the distance after 50 steps is {wanted:.3g}, not {got:.3g}."
    limit = 2 / CURVATURE
    if largest_rate > limit + 1e-6:
        return f"With the rate {largest_rate:g} the distance grows: the training diverges."
    if largest_rate < limit - 0.005:
        return f"{largest_rate:g} converges, and larger rates do so too. Find the limit to 0.005."

"Checks of exercises/07_interpretation.ipynb."

import math

import numpy as np
import torch

from checks import FUNCTION, NUMBER, call, check, instance_of, make_quiz, shape_text
from s6erav3 import MNISTModel
from s6erav3.data.augment import normalize
from s6erav3.inference import Predictions

quiz = make_quiz(
    (
        "a",
        {
            "a": (
                "The label has the largest of ten probabilities, at least 0.1, and −ln 0.1 = ln 10."
            ),
            "b": "A loss is not a probability; it is the −log of one, and may be larger than 1.",
            "c": (
                "That is true of misclassified images, where the label's probability may be near 0."
            ),
        },
    ),
    (
        "b",
        {
            "a": "Fifteen images of 10,000 hardly change the interval.",
            "b": (
                "What is hard for one network is often hard for another, so mistakes are left out."
            ),
            "c": (
                "That may be, but it is not why: the images that are left out were "
                "selected by a network."
            ),
        },
    ),
    (
        "c",
        {
            "a": "Nobody votes for the label, and a vote does not count confidence.",
            "b": "All ten votes are known to go to wrong classes.",
            "c": "Nobody votes for the label. A vote corrects only what most networks get right.",
        },
    ),
    (
        "a",
        {
            "a": "So a clear digit in a map of a trained network is no sign of learning either.",
            "b": "All eight random filters of this page show the digit; that is no accident.",
            "c": "Its weights come from the random initialisation; no step was made.",
        },
    ),
    (
        "b",
        {
            "a": "Random filters are far from 0, too: they have 22 % on average.",
            "b": "Compare with random variation before you name a filter.",
            "c": "An accurate network need not have an edge detector in each filter.",
        },
    ),
)

CONFIDENCE = 0.98  # of the wrong prediction in the exercise


@check("All other classes together have 0.02, and the label has at most that.", NUMBER)
def check_least_loss(loss):
    "The least loss of an image that is misclassified with a confidence of 0.98."
    left = 1 - CONFIDENCE
    for base, value in (("10", -math.log10(left)), ("2", -math.log2(left))):
        if abs(loss - value) < 0.02:
            return (
                f"The probability is right, but that is the logarithm to base {base}. "
                "A loss in nats takes the natural one, as `math.log` does."
            )
    if abs(loss + math.log(CONFIDENCE)) < 0.005:
        return (
            f"That is the loss if the class with probability {CONFIDENCE} were the label. "
            "It is not: the image is misclassified."
        )
    if abs(loss + math.log(left / 9)) < 0.05:
        return (
            "That is the loss if the nine other classes had equal parts of what is left. "
            "It is less if the label has all of it."
        )
    if abs(loss - math.log(10)) < 0.02:
        return (
            "That is the bound for a *correctly* classified image, "
            "where the label has at least a tenth. Here the label has less."
        )
    if abs(loss - math.log(left)) < 0.02:
        return "A loss is *minus* the logarithm, so it is above zero."
    if abs(loss + math.log(left)) > 0.02:
        return f"{loss:g} nats is not it. How much probability is left for the label at most?"


def _predict(correct, labels):
    "Predictions that are correct where `correct` says so."
    predicted = np.where(correct, labels, (labels + 1) % 10)
    uniform = np.full((len(labels), 10), 0.1)
    return Predictions(labels, 0.1 * uniform + 0.9 * np.eye(10)[predicted])


def _two_networks(n=2_000):
    "The predictions of two networks that find the same images hard."
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, n)
    hard = rng.random(n) < 0.1
    judge = _predict(~(hard & (rng.random(n) < 0.9)), labels)
    return judge, _predict(~(hard & (rng.random(n) < 0.6)), labels)


def _wrong_gains(judge, network):
    "What some mistakes give, and what is wrong with each."
    accuracy = network.correct.mean()
    kept = network.correct[judge.correct]
    right = 100 * (kept.mean() - accuracy)
    swapped = judge.correct[network.correct].mean() - judge.correct.mean()
    too_large = kept.sum() / len(network.labels) - accuracy
    return {
        right / 100: "Give it in percentage points, not as a fraction.",
        -right: "The sign is wrong: a gain counts as positive.",
        100 * (1 - accuracy): (
            "You left out what the *network* misclassifies, after which nothing is misclassified. "
            "The judge decides."
        ),
        100 * swapped: "Judge and network are swapped.",
        100 * too_large: "The images that are left out still count in the denominator.",
        100 * kept.mean(): (
            "That is the accuracy on the images that are kept; how much is it above that on all?"
        ),
    }


@check("What is hard for one network is hard for another: leaving it out helps both.", FUNCTION)
def check_gain(gain):
    "`gain(judge, network)`: percentage points gained without what the judge misclassifies."
    judge, network = _two_networks()
    got = call(gain, judge, network, kind=NUMBER)
    right = 100 * (network.correct[judge.correct].mean() - network.correct.mean())
    if abs(got - right) < 1e-6:
        return None
    case = (
        f"The judge misclassifies {(~judge.correct).sum()} of 2,000 images: "
        f"{right:.3f} percentage points are right, not {got:.3f}."
    )
    for value, reason in _wrong_gains(judge, network).items():
        if abs(got - value) < 1e-6:
            return f"{case} {reason}"
    return case


def _trained_once():
    "A network in training mode whose running statistics have moved, and images."
    torch.manual_seed(0)
    model = MNISTModel().train()
    images = torch.randint(0, 256, (30, 1, 28, 28), dtype=torch.uint8)
    with torch.no_grad():
        model(normalize(images))
    return model, images


def _change(model, before):
    "What a function has changed in a network that was in training mode."
    for name, value in model.state_dict().items():
        if not torch.equal(before[name], value):
            return (
                f"The measurement changes the network: {name} is no longer what it was. "
                "It was in training mode; use evaluation mode for the measurement."
            )
    if any(module._forward_hooks for module in model.modules()):
        return (
            "A hook is left behind, and will be called whenever the network is. "
            "Remove it, whatever happens."
        )
    if not all(module.training for module in model.modules()):
        return (
            "The network was in training mode and is now in evaluation mode. "
            "Put it back: `with eval_mode(model):` does."
        )


@check("The right layer, the right mode, and the network is as it was.", FUNCTION)
def check_share_of_zeros(share_of_zeros):
    "`share_of_zeros(model, images)`: of the outputs of conv1's ReLU."
    model, images = _trained_once()
    with torch.inference_mode():
        right = (model.conv1[:2](normalize(images)) == 0).float().mean().item()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    got = call(share_of_zeros, model, images, kind=NUMBER)
    if fault := _change(model, before):
        return fault
    if got > 1:
        return f"The share is a fraction, from 0 to 1, not {got:g}."
    if abs(got - (1 - right)) < 0.001:
        return f"{got:.3f} is the share that is *not* 0."
    if got < 0.1:
        return (
            f"{got:.3f} is hardly any. Is that the output of the ReLU, or that of the whole stage, "
            "after the normalisation has shifted every zero?"
        )
    if abs(got - right) > 0.001:
        return (
            f"{right:.3f} is right for this network, not {got:.3f}. "
            "Which module's output is it, and are the images normalised?"
        )
    return _fault_of_modes(share_of_zeros, model, images)


def _fault_of_modes(share_of_zeros, model, images) -> str | None:
    "What is wrong with the modes of a network of which a part was in evaluation mode."
    model.train()
    model.conv2.eval()
    modes = [module.training for module in model.modules()]
    call(share_of_zeros, model, images, kind=NUMBER)
    if [module.training for module in model.modules()] != modes:
        return (
            "A part of the network was in evaluation mode before, and is not afterwards: "
            "give each module back the mode that it had, as `with eval_mode(model):` does."
        )


def _normalised(probabilities):
    "Rows that add up to 1."
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def _average_fault(got, each):
    "What is wrong with the probabilities of an ensemble of the networks in `each`."
    one_hot = np.eye(10)[each.argmax(axis=2)]
    if np.allclose(got, one_hot.mean(axis=0)):
        return (
            "That is a vote: each network counts the same, whatever its confidence. "
            "Average the probabilities themselves."
        )
    if np.allclose(got, each.sum(axis=0)):
        return (
            "The probabilities of an image add up to more than 1. Divide by the number of networks."
        )
    geometric = each.prod(axis=0) ** (1 / len(each))
    if np.allclose(_normalised(got), _normalised(geometric)):
        return (
            "That is the geometric mean, an average of logarithms: one network that finds a class "
            "impossible rules it out for all. Average the probabilities."
        )
    if np.allclose(got, each.max(axis=0)):
        return (
            "That is the largest of each, so the most confident network decides alone, "
            "and the probabilities of an image add up to more than 1."
        )
    if not np.allclose(got, each.mean(axis=0)):
        return "The probabilities are not the mean over the networks for each image."


@check("An average keeps the confidence of each network, which a vote discards.", FUNCTION)
def check_ensemble(ensemble):
    "`ensemble(parts)`: one `Predictions` from several, their probabilities averaged."
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 300)
    parts = [Predictions(labels, rng.dirichlet(np.full(10, 0.3), 300)) for _ in range(3)]
    each = np.stack([part.probabilities for part in parts])
    fault = _ensemble_fault(ensemble, parts, each)
    if fault:
        return fault
    if not np.array_equal(np.stack([part.probabilities for part in parts]), each):
        return "It has changed the probabilities of a network that it was given: work on a copy."
    if fault := _ensemble_fault(ensemble, parts[:2], each[:2]):
        return f"Of three networks it is right, of two it is not. {fault}"


PREDICTIONS = instance_of("one `Predictions`", Predictions)


def _ensemble_fault(ensemble, parts: list[Predictions], each: np.ndarray) -> str | None:
    "What is wrong with the ensemble of some networks, whose probabilities are `each`."
    labels = parts[0].labels.copy()
    got = call(ensemble, list(parts), kind=PREDICTIONS)
    if not np.array_equal(got.labels, labels):
        return "The labels are no longer those of the images."
    if got.probabilities.shape != (300, 10):
        return (
            f"For 300 images there are {shape_text(got.probabilities.shape)} as probabilities, "
            "not 300×10: average over the networks, not over images or classes."
        )
    return _average_fault(got.probabilities, each)

"Checks of exercises/distillation.ipynb."

import math
from itertools import combinations

import torch
import torch.nn.functional as F

from checks import call, check
from s6erav3.training.distillation import distillation_loss

PROBABILITIES = torch.tensor([0.98, 0.02])  # of the exercise


@check(
    "A temperature of 2 takes the root of the ratio of two probabilities: 49 to 1 becomes 7 to 1."
)
def check_softened(probability):
    "The second probability at a temperature of 2."
    second = PROBABILITIES[1].item()
    logits = PROBABILITIES.log()
    right = (logits / 2).softmax(0)[1].item()
    wrong = {
        second: "That is the probability as it was; a temperature changes it.",
        2 * second: (
            "Probabilities are not multiplied. The logits are divided; they are logarithms."
        ),
        second / 2: (
            "The logits are divided, not the probabilities; "
            "and a higher temperature raises small probabilities."
        ),
        math.sqrt(second): (
            "That is its root, which is right so far; but the two roots do not add up to 1."
        ),
        (logits * 2).softmax(0)[1].item(): (
            "You multiplied the logits by the temperature, which makes the prediction sharper."
        ),
        (PROBABILITIES / 2).softmax(0)[1].item(): (
            "You divided the probabilities and took a softmax of them; "
            "the softmax is taken of the logits."
        ),
        1 - right: "That is the first one; the second is asked for.",
    }
    for value, reason in wrong.items():
        if math.isclose(probability, value, rel_tol=0.005):
            return reason
    if not math.isclose(probability, right, rel_tol=0.005):
        return (
            f"{probability} is not it. The logarithms of the probabilities may serve as logits: "
            "halve both, exponentiate, and divide by the sum."
        )


MISTAKES = {
    "unscaled": (
        "A temperature of T divides the gradient of the divergence by about its square, and "
        "nothing compensates for it, so the labels have more weight than they should."
    ),
    "over classes": (
        "The divergence is averaged over all entries, images times classes; "
        "it is a sum over the classes and a mean over the images."
    ),
    "reversed": (
        "The divergence is in the wrong direction: "
        "it is weighted with the probabilities of the teacher."
    ),
}
EXAMPLES = ((0.9, 2.0), (0.5, 4.0))  # alpha and temperature


def _batch():
    "Logits of a student and of a teacher, and labels."
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(12, 10, generator=generator)
    teacher_logits = 4 * torch.randn(12, 10, generator=generator)
    return logits, teacher_logits, torch.arange(12) % 10


def _with_mistakes(mistakes, alpha, temperature):
    "The distillation loss with some of three mistakes."
    logits, teacher_logits, labels = _batch()
    first = F.log_softmax(teacher_logits / temperature, dim=1)
    second = F.log_softmax(logits / temperature, dim=1)
    if "reversed" in mistakes:
        first, second = second, first
    terms = first.exp() * (first - second)
    divergence = terms.mean() if "over classes" in mistakes else terms.sum(dim=1).mean()
    if "unscaled" not in mistakes:
        divergence = divergence * temperature**2
    return alpha * divergence + (1 - alpha) * F.cross_entropy(logits, labels)


def _loss_fault(got, alpha, temperature):
    "Which of the three mistakes explain a loss."
    right = distillation_loss(*_batch(), alpha, temperature)
    if torch.isclose(got, right, rtol=1e-4):
        return None
    for n in range(1, len(MISTAKES) + 1):
        for mistakes in combinations(MISTAKES, n):
            if torch.isclose(got, _with_mistakes(mistakes, alpha, temperature), rtol=1e-4):
                more = f" ({n - 1} more to find.)" if n > 1 else ""
                return MISTAKES[mistakes[0]] + more
    return (
        f"For alpha {alpha} and temperature {temperature} {right.item():.3f} is right, "
        f"not {got.item():.3f}, and the three mistakes do not explain it."
    )


@check("It is the package's own loss, for any temperature and alpha.")
def check_loss(loss):
    "`loss(logits, teacher_logits, labels, alpha, temperature)`."
    for alpha, temperature in EXAMPLES:
        got = call(loss, *_batch(), alpha, temperature)
        if fault := _loss_fault(got, alpha, temperature):
            return fault


def _found_fault(got):
    "What is wrong with the fraction of threes that are found in the example."
    case = (
        "Of ten images four are threes, and two of those are among the four with the highest "
        f"logit for a three: 0.5 is right, not {got:.3g}."
    )
    reasons = {
        0: "You asked which images are classified as 3; a student that never saw the label "
        "classifies none so. Ask for which images its logit for a three is highest.",
        0.2: "You divided by the number of all images, not by that of the threes.",
        50: "A fraction is asked for, not per cent.",
        0.4: "That is the fraction of threes among all images, whatever the logits are.",
        0.25: "Are they sorted from the highest logit down?",
    }
    for value, reason in reasons.items():
        if math.isclose(got, value):
            return f"{case} {reason}"
    if got != 0.5:
        return case


def _example():
    "Logits of ten images and their labels: four are threes, two of them with a low logit."
    logits = torch.zeros(10, 10)
    logits[:, 3] = torch.tensor([0.9, 0.8, 0.45, 0.35, 0.7, 0.6, 0.5, 0.4, 0.1, 0.0]) - 5
    return logits, torch.tensor([3, 3, 3, 3, 5, 5, 8, 8, 0, 1])


def _is_fraction(value) -> bool:
    "Whether a value is a number between 0 and 1."
    return not isinstance(value, str) and bool(0 <= value <= 1)


@check(
    "It was never shown a three, nor the label, and yet the images with the highest logit for a "
    "three are threes far more often than at random: it learned that from the teacher's "
    "probabilities."
)
def check_unseen_class(threes_found, with_labels, with_teacher):
    "The fraction of threes among the images most like one, for two students."
    if fault := _found_fault(float(call(threes_found, *_example()))):
        return fault
    if not _is_fraction(with_labels) or not _is_fraction(with_teacher):
        return "The two measurements are fractions between 0 and 1."
    if math.isclose(with_labels, with_teacher):
        return (
            "Both students gave the same. Was one trained with alpha 0 (labels alone), "
            "and the other with alpha 1 (the teacher alone)?"
        )
    if with_labels > with_teacher:
        return (
            f"{with_labels:.2f} without the teacher and {with_teacher:.2f} with it: "
            "are the two swapped? Alpha 0 is labels alone."
        )
    if with_teacher < 0.2:
        return (
            f"With the teacher more than {with_teacher:.2f} is found. "
            "Leave the student and its temperature as they are given."
        )

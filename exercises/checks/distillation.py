"Checks of exercises/distillation.ipynb."

import functools
import math
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import nn, optim

from checks import FUNCTION, NUMBER, call, check
from s6erav3 import load_pretrained
from s6erav3.data.augment import normalize
from s6erav3.data.mnist import load_splits
from s6erav3.inference import predict_log_proba
from s6erav3.training.distillation import distillation_loss

PROBABILITIES = torch.tensor([0.98, 0.02])  # of the exercise


@check(
    "A temperature of 2 takes the root of the ratio of two probabilities: 49 to 1 becomes 7 to 1.",
    NUMBER,
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
            f"{probability:g} is not it. The logarithms of the probabilities may serve as logits: "
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
    right = distillation_loss(*_batch(), alpha, temperature).item()
    if math.isclose(got, right, rel_tol=1e-4):
        return None
    for n in range(1, len(MISTAKES) + 1):
        for mistakes in combinations(MISTAKES, n):
            value = _with_mistakes(mistakes, alpha, temperature).item()
            if math.isclose(got, value, rel_tol=1e-4):
                more = f" ({n - 1} more to find.)" if n > 1 else ""
                return MISTAKES[mistakes[0]] + more
    return (
        f"For alpha {alpha} and temperature {temperature} {right:.3f} is right, "
        f"not {got:.3f}, and the three mistakes do not explain it."
    )


@check("It is the package's own loss, for any temperature and alpha.", FUNCTION)
def check_loss(loss):
    "`loss(logits, teacher_logits, labels, alpha, temperature)`."
    for alpha, temperature in EXAMPLES:
        logits, teacher_logits, labels = _batch()
        logits.requires_grad_()
        found = call(loss, logits, teacher_logits, labels, alpha, temperature)
        if fault := _loss_fault(NUMBER.of(found, "`loss` should return"), alpha, temperature):
            return fault
        if not getattr(found, "requires_grad", False):
            return (
                "The number is right, but it has no gradient, so no student can be trained with "
                "it: return the tensor."
            )


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


def _other_fault(threes_found):
    "What is wrong with the fraction in another example: two of three threes are found."
    logits = torch.zeros(7, 10)
    logits[:, 3] = torch.tensor([0.9, 0.1, 0.8, 0.3, 0.6, 0.2, 0.4])
    labels = torch.tensor([3, 3, 3, 5, 8, 0, 1])
    got = call(threes_found, logits, labels, kind=NUMBER)
    if not math.isclose(got, 2 / 3, rel_tol=1e-3):
        return (
            "Of seven other images three are threes, and two of those are among the three with "
            f"the highest logit for a three: 0.667 is right, not {got:.3g}."
        )


@functools.cache
def _measured() -> tuple[float, float]:
    "The two fractions of the exercise, measured."
    splits = load_splits("auto")
    images, labels = splits.train.subset(slice(1_000))
    no_three = labels != 3
    images, labels = normalize(images[no_three]), labels[no_three]
    teacher_logits = predict_log_proba(load_pretrained("held_out"), images)
    valid_images, valid_labels = splits.valid.subset(slice(1_000))
    found = []
    for alpha in (0.0, 1.0):
        net = _student(images, labels, teacher_logits, alpha)
        with torch.no_grad():
            scores = net(normalize(valid_images))[:, 3]
        threes = valid_labels == 3
        highest = scores.topk(int(threes.sum())).indices
        found.append(threes[highest].double().mean().item())
    return found[0], found[1]


def _student(images, labels, teacher_logits, alpha: float) -> nn.Module:
    "The linear network of the exercise, trained."
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = optim.Adam(net.parameters(), lr=0.003)
    for _ in range(60):
        optimizer.zero_grad()
        distillation_loss(net(images), teacher_logits, labels, alpha, temperature=4.0).backward()
        optimizer.step()
    return net


@check(
    "It was never shown a three, nor the label, and yet the images with the highest logit for a "
    "three are threes far more often than at random: it learned that from the teacher's "
    "probabilities.",
    FUNCTION,
    NUMBER,
    NUMBER,
)
def check_unseen_class(threes_found, with_labels, with_teacher):
    "The fraction of threes among the images most like one, for two students."
    fault = _found_fault(call(threes_found, *_example(), kind=NUMBER))
    if fault := fault or _other_fault(threes_found):
        return fault
    if not 0 <= with_labels <= 1 or not 0 <= with_teacher <= 1:
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
    measured = _measured()
    for name, given, right in zip(("labels", "teacher"), (with_labels, with_teacher), measured):
        if abs(given - right) > 0.05:
            return (
                f"`with_{name}` is {given:.2f}, and the student as it is given finds "
                f"{right:.2f} of the threes among the validation images."
            )

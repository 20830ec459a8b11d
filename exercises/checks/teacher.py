"Checks of exercises/03_teacher.ipynb."

import math
from itertools import product

import torch
import torch.nn.functional as F

from checks import call, check
from s6erav3.training.teacher import distillation_loss

CERTAIN = torch.tensor([0.98, 0.02])  # the answer of the exercise


@check(
    "The ratio of two probabilities is drawn to the root by a temperature of 2: 49 to 1 becomes 7 to 1."
)
def check_second(probability):
    "The second probability at a temperature of 2."
    log = CERTAIN.log()
    right = (log / 2).softmax(0)[1].item()
    wrong = {
        CERTAIN[1].item(): "That is the probability as it was; a temperature changes it.",
        CERTAIN[1].item()
        * 2: "Probabilities are not multiplied. The scores are divided, and the scores are logarithms.",
        CERTAIN[1].item()
        / 2: "The scores are divided, not the probabilities; and a higher temperature brings small probabilities up.",
        CERTAIN[1].item()
        ** 0.5: "That is its root, which is right so far; but the two roots do not add up to 1.",
        (log * 2)
        .softmax(0)[1]
        .item(): "You multiplied the scores by the temperature, which makes the answer more certain.",
        (CERTAIN / 2)
        .softmax(0)[1]
        .item(): "You divided the probabilities and took a softmax of them; scores are what the softmax is taken of.",
        1 - right: "That is the first one; the second is asked for.",
    }
    for value, reason in wrong.items():
        if math.isclose(probability, value, rel_tol=0.005):
            return reason
    if not math.isclose(probability, right, rel_tol=0.005):
        return f"{probability} is not it. Scores may be taken as logarithms of the probabilities: halve both, exponentiate, and divide by the sum."


def _with_mistakes(
    scores,
    teacher_scores,
    labels,
    squared=True,
    by_digit=True,
    from_teacher=True,
    weight=0.9,
    temperature=2.0,
):
    "The distillation loss, or what it is with some of three mistakes."
    mine, wanted = (F.log_softmax(s / temperature, dim=1) for s in (scores, teacher_scores))
    one, other = (wanted, mine) if from_teacher else (mine, wanted)
    terms = one.exp() * (one - other) * (temperature**2 if squared else 1)
    divergence = terms.sum(dim=1).mean() if by_digit else terms.mean()
    return weight * divergence + (1 - weight) * F.cross_entropy(scores, labels)


MISTAKES = {
    "squared": "A temperature of T makes the gradient of the divergence smaller by about its square, and nothing makes up for it, so the labels have more of the say than a tenth.",
    "by_digit": "The divergence is averaged over all entries, digits times classes; it is a sum over the classes and a mean over the digits.",
    "from_teacher": "The divergence is measured the other way round: the probabilities it weighs with should be the teacher's.",
}


@check("It is the package's own loss, for any temperature and weight.")
def check_loss(loss):
    "`loss(scores, teacher_scores, labels, weight, temperature)`."
    generator = torch.Generator().manual_seed(0)
    scores, teacher_scores = (4 * torch.randn(12, 10, generator=generator) for _ in range(2))
    labels = torch.arange(12) % 10
    for weight, temperature in ((0.9, 2.0), (0.5, 4.0)):
        got = call(loss, scores, teacher_scores, labels, weight, temperature)
        if torch.isclose(
            got, distillation_loss(scores, teacher_scores, labels, weight, temperature), rtol=1e-4
        ):
            continue
        for kept in sorted(product((True, False), repeat=3), key=sum, reverse=True):
            mended = dict(zip(MISTAKES, kept))
            if not torch.isclose(
                got,
                _with_mistakes(
                    scores, teacher_scores, labels, **mended, weight=weight, temperature=temperature
                ),
                rtol=1e-4,
            ):
                continue
            left = [name for name, done in mended.items() if not done]
            return f"{MISTAKES[left[0]]}" + (
                f" ({len(left) - 1} more to find.)" if len(left) > 1 else ""
            )
        return f"For weight {weight} and temperature {temperature} it gives {got.item():.3f}; {distillation_loss(scores, teacher_scores, labels, weight, temperature).item():.3f} is right, and none of the three mistakes alone explains it."


@check(
    "It was never shown a three, nor the word, and yet what looks most like a three to it is one far more often than by chance: that came through the teacher's doubts."
)
def check_unseen(threes_found, alone, taught):
    "`threes_found(scores, labels)`: the fraction of threes among the digits that look most like one; for a student by labels and one by a teacher."
    scores, labels = torch.zeros(10, 10), torch.tensor([3, 3, 3, 3, 5, 5, 8, 8, 0, 1])
    scores[:, 3] = torch.tensor([0.9, 0.8, 0.45, 0.35, 0.7, 0.6, 0.5, 0.4, 0.1, 0.0]) - 5
    got, right = float(call(threes_found, scores, labels)), 0.5
    said = f"Of ten digits four are threes, and two of those are among the four with the highest score for a three: {right} is right, and it says {got:.3g}."
    if got == 0:
        return f"{said} You asked which digits are read as threes; a student that never saw the label reads none so. Ask for which digits its score for a three is highest."
    if math.isclose(got, 0.2):
        return f"{said} You divided by all digits, not by the number of threes."
    if math.isclose(got, 50):
        return f"{said} A fraction is asked for, not per cent."
    if math.isclose(got, 0.4):
        return f"{said} That is the fraction of threes among all digits, whatever the scores are."
    if got == 0.25:
        return f"{said} Are they sorted from the highest score down?"
    if got != right:
        return said
    if (
        isinstance(alone, str)
        or isinstance(taught, str)
        or not 0 <= alone <= 1
        or not 0 <= taught <= 1
    ):
        return "The two measurements are fractions between 0 and 1."
    if math.isclose(alone, taught):
        return "Both students gave the same. Was one trained with weight 0 (labels alone), and the other with weight 1 (the teacher alone)?"
    if alone > taught:
        return f"{alone:.2f} without the teacher and {taught:.2f} with it: have the two been exchanged? Weight 0 is labels alone."
    if taught < 0.2:
        return f"With the teacher's answers more is found than {taught:.2f}. Leave the student and its temperature as they are given."

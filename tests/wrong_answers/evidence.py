import numpy as np
import torch

from s6erav3.data import to_unit
from s6erav3.evaluation.evidence import gradient_map
from s6erav3.training.train import log_probabilities


def correlation(first, second):
    return np.corrcoef(first.flatten(), second.flatten())[0, 1]


def answer_of(model, image):
    return int(log_probabilities(model, image[None]).argmax())


def own_answers(explain, trained, untrained, image):
    return correlation(
        explain(trained, image, answer_of(trained, image)),
        explain(untrained, image, answer_of(untrained, image)),
    )


def nothing_said(explain, trained, untrained, image):
    return correlation(explain(trained, image), explain(untrained, image))


def of_the_untrained(explain, trained, untrained, image):
    digit = answer_of(untrained, image)
    return correlation(explain(trained, image, digit), explain(untrained, image, digit))


def same_network(explain, trained, untrained, image):
    digit = answer_of(trained, image)
    return correlation(explain(trained, image, digit), explain(trained, image, digit))


def whole_matrix(explain, trained, untrained, image):
    digit = answer_of(trained, image)
    return np.corrcoef(
        explain(trained, image, digit).flatten(), explain(untrained, image, digit).flatten()
    )


def difference(explain, trained, untrained, image):
    digit = answer_of(trained, image)
    return (explain(trained, image, digit) - explain(untrained, image, digit)).abs().mean()


def itself(points, labels):
    return (labels[torch.cdist(points, points).argmin(dim=1)] == labels).float().mean()


def farthest(points, labels):
    return (labels[torch.cdist(points, points).argmax(dim=1)] == labels).float().mean()


def nothing_at_zero(points, labels):
    distances = torch.cdist(points, points).fill_diagonal_(0)
    return (
        (labels[distances.masked_fill(distances == 0, torch.inf).argmin(dim=1)] == labels)
        .float()
        .mean()
    )


def per_cent(points, labels):
    return (
        100
        * (labels[torch.cdist(points, points).fill_diagonal_(torch.inf).argmin(dim=1)] == labels)
        .float()
        .mean()
    )


def along(model, image, digit, steps=50):
    ink = to_unit(image)
    return torch.stack([gradient_map(model, ink * (k + 0.5) / steps, digit) for k in range(steps)])


WRONG = {
    "check_blank": [108, 56, 54, 28, 0, 27],
    "check_resemblance": [
        own_answers,
        nothing_said,
        of_the_untrained,
        same_network,
        whole_matrix,
        difference,
    ],
    "check_share_read": [itself, farthest, nothing_at_zero, per_cent],
    "check_integrated": [
        lambda model, image, digit: gradient_map(model, image, digit),
        lambda model, image, digit: to_unit(image)[0] * gradient_map(model, image, digit),
        lambda model, image, digit: along(model, image, digit).mean(dim=0),
        lambda model, image, digit: to_unit(image)[0] * along(model, image, digit).sum(dim=0),
        lambda model, image, digit: to_unit(image)[0] * along(model, image, digit)[:25].mean(dim=0),
        lambda model, image, digit: image[0] * along(model, image, digit).mean(dim=0),
        lambda model, image, digit: along(model, image, digit),
    ],
}

"Wrong answers to exercises/distillation.ipynb."

import torch.nn.functional as F

from s6erav3.training.distillation import distillation_loss


def loss(swapped=False, over_classes=False, unscaled=False, cold=False):
    "The loss with mistakes left in."

    def of(logits, teacher_logits, labels, alpha, temperature):
        q = F.softmax(logits / temperature, dim=1)
        p = F.softmax(teacher_logits / (1 if cold else temperature), dim=1)
        terms = q * (q / p).log() if swapped else p * (p / q).log()
        divergence = terms.mean() if over_classes else terms.sum(dim=1).mean()
        scale = 1 if unscaled else temperature**2
        return alpha * divergence * scale + (1 - alpha) * F.cross_entropy(logits, labels)

    return of


def share_of_threes(labels, chosen):
    return (labels[chosen] == 3).double().mean().item()


def found(logits, labels):
    order = logits[:, 3].argsort(descending=True)
    return share_of_threes(labels, order[: (labels == 3).sum()])


def lowest(logits, labels):
    return share_of_threes(labels, logits[:, 3].argsort()[: (labels == 3).sum()])


def classified(logits, labels):
    return ((logits.argmax(1) == 3) & (labels == 3)).sum() / (labels == 3).sum()


def whatever_the_logits(logits, labels):
    return (labels == 3).double().mean().item()


def of_four(logits, labels):
    "Right where there are four threes."
    return (labels[logits[:, 3].topk(4).indices] == 3).double().mean()


def without_gradient(*batch):
    return distillation_loss(*batch).item()


WRONG = {
    "check_softened": [0.02, 0.04, 0.01, 0.02**0.5, 0.0004 / 0.9608, 0.875, 0.3],
    "check_loss": [
        without_gradient,
        loss(swapped=True, over_classes=True, unscaled=True),
        loss(swapped=True, unscaled=True),
        loss(unscaled=True),
        loss(over_classes=True),
        loss(swapped=True),
        loss(cold=True),
    ],
    "check_unseen_class": [
        (of_four, 0.1, 0.5),
        (found, 0.2, 0.9),
        (classified, 0.1, 0.5),
        (lambda logits, labels: 100 * found(logits, labels), 10, 50),
        (whatever_the_logits, 0.1, 0.5),
        (lowest, 0.1, 0.5),
        (found, 0.5, 0.1),
        (found, 0.5, 0.5),
        (found, 0.01, 0.05),
        (found, 7, 50),
        (lambda logits, labels: found(logits, labels) * 0.4, 0.1, 0.5),
    ],
}

import torch.nn.functional as F


def loss(swapped=False, by_digit=True, squared=True, cold=False):
    "The loss with mistakes left in."

    def of(scores, teacher_scores, labels, weight, temperature):
        q, p = (
            F.softmax(scores / temperature, dim=1),
            F.softmax(teacher_scores / (1 if cold else temperature), dim=1),
        )
        terms = q * (q / p).log() if swapped else p * (p / q).log()
        divergence = terms.sum(dim=1).mean() if by_digit else terms.mean()
        return weight * divergence * (temperature**2 if squared else 1) + (
            1 - weight
        ) * F.cross_entropy(scores, labels)

    return of


def found(scores, labels):
    threes = labels == 3
    return threes[scores[:, 3].argsort(descending=True)[: threes.sum()]].double().mean().item()


def lowest(scores, labels):
    threes = labels == 3
    return threes[scores[:, 3].argsort()[: threes.sum()]].double().mean().item()


WRONG = {
    "check_second": [0.02, 0.04, 0.01, 0.02**0.5, 0.0004 / 0.9608, 0.875, 0.3],
    "check_loss": [
        loss(swapped=True, by_digit=False, squared=False),
        loss(swapped=True, squared=False),
        loss(squared=False),
        loss(by_digit=False),
        loss(swapped=True),
        loss(cold=True),
    ],
    "check_unseen": [
        (
            lambda scores, labels: (
                ((scores.argmax(1) == 3) & (labels == 3)).sum() / (labels == 3).sum()
            ),
            0.1,
            0.5,
        ),
        (lambda scores, labels: 100 * found(scores, labels), 10, 50),
        (lambda scores, labels: (labels == 3).double().mean().item(), 0.1, 0.5),
        (lowest, 0.1, 0.5),
        (found, 0.5, 0.1),
        (found, 0.5, 0.5),
        (found, 0.01, 0.05),
        (found, 7, 50),
        (lambda scores, labels: found(scores, labels) * 0.4, 0.1, 0.5),
    ],
}

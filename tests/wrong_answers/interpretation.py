import math

import numpy as np

from s6erav3.data import normalize
from s6erav3.evaluation.metrics import Predictions
from s6erav3.models.model import evaluating


def whole_stage(model, images):
    shares = []
    hook = model.conv1.register_forward_hook(
        lambda module, args, output: shares.append((output == 0).float().mean().item())
    )
    with evaluating(model):
        model(normalize(images))
    hook.remove()
    return shares[-1]


def hook_left(model, images):
    shares = []
    model.conv1[1].register_forward_hook(
        lambda module, args, output: shares.append((output == 0).float().mean().item())
    )
    with evaluating(model):
        model(normalize(images))
    return shares[-1]


def while_training(model, images):
    shares = []
    hook = model.conv1[1].register_forward_hook(
        lambda module, args, output: shares.append((output == 0).float().mean().item())
    )
    model(normalize(images))
    hook.remove()
    return shares[-1]


def left_in_evaluation(model, images):
    return (model.eval().conv1[:2](normalize(images)) == 0).float().mean().item()


def not_normalised(model, images):
    return (model.conv1[:2](images.float()) == 0).float().mean().item()


def averaged(parts, mean):
    return Predictions(parts[0].labels, mean(np.stack([part.probabilities for part in parts])))


WRONG = {
    "check_least_loss": [
        -math.log(0.98),
        math.log(10),
        -math.log10(0.02),
        -math.log(0.02 / 9),
        math.log(0.02),
        0.02,
    ],
    "check_gain": [
        lambda judge, network: 100 * (1 - network.correct.mean()),
        lambda judge, network: network.correct[judge.correct].mean() - network.correct.mean(),
        lambda judge, network: 100 * network.correct[judge.correct].mean(),
        lambda judge, network: (
            100
            * (network.correct[judge.correct].sum() / len(judge.labels) - network.correct.mean())
        ),
        lambda judge, network: 100 * (judge.correct[network.correct].mean() - judge.correct.mean()),
        lambda judge, network: (
            100 * (network.correct.mean() - network.correct[judge.correct].mean())
        ),
        lambda judge, network: 100 * (judge.correct.mean() - network.correct.mean()),
    ],
    "check_share_of_zeros": [
        whole_stage,
        hook_left,
        while_training,
        left_in_evaluation,
        not_normalised,
        lambda model, images: 1 - (model.conv1[:2](normalize(images)) == 0).float().mean(),
    ],
    "check_committee": [
        lambda parts: Predictions(
            parts[0].labels, np.stack([np.eye(10)[part.answers] for part in parts]).mean(axis=0)
        ),
        lambda parts: averaged(parts, lambda p: p.sum(axis=0)),
        lambda parts: averaged(parts, lambda p: p.prod(axis=0) ** (1 / len(p))),
        lambda parts: averaged(parts, lambda p: p.max(axis=0)),
        lambda parts: averaged(parts, lambda p: p.mean(axis=1)),
        lambda parts: np.mean([part.probabilities for part in parts], axis=0),
    ],
}

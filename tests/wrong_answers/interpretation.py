"Wrong answers to exercises/07_interpretation.ipynb."

import math

import numpy as np
import torch

from s6erav3.data.augment import normalize
from s6erav3.inference import Predictions
from s6erav3.models.model import eval_mode


def zeros(output):
    return (output == 0).float().mean().item()


class Recorder:
    "A hook on a module, and the shares of zeros that it has seen."

    def __init__(self, module):
        self.shares = []
        self.hook = module.register_forward_hook(self.store)

    def store(self, module, args, output):
        self.shares.append(zeros(output))


def whole_stage(model, images):
    recorder = Recorder(model.conv1)
    with eval_mode(model):
        model(normalize(images))
    recorder.hook.remove()
    return recorder.shares[-1]


def hook_left(model, images):
    recorder = Recorder(model.conv1[1])
    with eval_mode(model):
        model(normalize(images))
    return recorder.shares[-1]


def while_training(model, images):
    recorder = Recorder(model.conv1[1])
    model(normalize(images))
    recorder.hook.remove()
    return recorder.shares[-1]


def left_in_evaluation(model, images):
    return zeros(model.eval().conv1[:2](normalize(images)))


def not_normalised(model, images):
    return zeros(model.conv1[:2](images.float()))


def not_zero(model, images):
    return 1 - zeros(model.conv1[:2](normalize(images)))


def stacked(parts):
    return np.stack([part.probabilities for part in parts])


def averaged(parts, mean):
    return Predictions(parts[0].labels, mean(stacked(parts)))


def accuracy_without_own_mistakes(judge, network):
    return 100 * (1 - network.correct.mean())


def fraction(judge, network):
    return network.correct[judge.correct].mean() - network.correct.mean()


def accuracy_on_kept(judge, network):
    return 100 * network.correct[judge.correct].mean()


def same_denominator(judge, network):
    kept = network.correct[judge.correct].sum() / len(judge.labels)
    return 100 * (kept - network.correct.mean())


def swapped(judge, network):
    return 100 * (judge.correct[network.correct].mean() - judge.correct.mean())


def negative(judge, network):
    return -100 * fraction(judge, network)


def difference(judge, network):
    return 100 * (judge.correct.mean() - network.correct.mean())


def vote(probabilities):
    return np.eye(10)[probabilities.argmax(axis=2)].mean(axis=0)


def always_training(model, images):
    "Right of a network that was in training mode as a whole."
    share = not_changed(model, images)
    model.train()
    return share


def not_changed(model, images):
    with eval_mode(model), torch.no_grad():
        return (model.conv1[:2](normalize(images)) == 0).double().mean().item()


def in_place(parts):
    "The sum grows in the first network's own array."
    total = parts[0].probabilities
    for part in parts[1:]:
        total += part.probabilities
    return Predictions(parts[0].labels, total / len(parts))


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
        accuracy_without_own_mistakes,
        fraction,
        accuracy_on_kept,
        same_denominator,
        swapped,
        negative,
        difference,
    ],
    "check_share_of_zeros": [
        always_training,
        whole_stage,
        hook_left,
        while_training,
        left_in_evaluation,
        not_normalised,
        not_zero,
    ],
    "check_ensemble": [
        lambda parts: averaged(parts, lambda p: p.sum(axis=0) / 3),
        in_place,
        lambda parts: averaged(parts, vote),
        lambda parts: averaged(parts, lambda p: p.sum(axis=0)),
        lambda parts: averaged(parts, lambda p: p.prod(axis=0) ** (1 / len(p))),
        lambda parts: averaged(parts, lambda p: p.max(axis=0)),
        lambda parts: averaged(parts, lambda p: p.mean(axis=1)),
        lambda parts: stacked(parts).mean(axis=0),
    ],
}

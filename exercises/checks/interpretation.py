"Checks of exercises/05_interpretation.ipynb."

import math

import numpy as np
import torch

from checks import call, check
from s6erav3 import MNISTModel
from s6erav3.data import normalize
from s6erav3.evaluation.metrics import Predictions

SURE = 0.98


@check("What is left for all other digits together is 0.02, and the label has at most that.")
def check_least_loss(loss):
    "The least loss of a misread digit whose answer has a probability of 0.98."
    right = -math.log(1 - SURE)
    for name, value in (("to base 10", -math.log10(1 - SURE)), ("to base 2", -math.log2(1 - SURE))):
        if abs(loss - value) < 0.02:
            return f"The probability is right, but that is the logarithm {name}. A loss in nats takes the natural one, as `math.log` does."
    if abs(loss + math.log(SURE)) < 0.005:
        return f"That is the loss if the answer with probability {SURE} were the label. It is not: the digit is misread."
    if abs(loss + math.log((1 - SURE) / 9)) < 0.05:
        return "That is the loss if the nine other digits shared what is left evenly. It is less if the label gets all of it."
    if abs(loss - math.log(10)) < 0.02:
        return "That is the bound for a digit read *rightly*, where the label has at least a tenth. Here the label has less."
    if abs(loss + right) < 0.02:
        return "A loss is *minus* the logarithm, so it is above zero."
    if abs(loss - right) > 0.02:
        return f"{loss:g} nats is not it. How much probability is left for the label at most?"


def _says(right, labels):
    "Predictions that are right where `right` says so."
    answers = np.where(right, labels, (labels + 1) % 10)
    return Predictions(labels, 0.1 * np.full((len(labels), 10), 0.1) + 0.9 * np.eye(10)[answers])


@check("What one network finds hard another does, too: to strike it out flatters both.")
def check_gain(gain):
    "`gain(judge, network)`: points of accuracy won by leaving out what the judge misreads."
    rng = np.random.default_rng(0)
    labels, hard = rng.integers(0, 10, 2_000), rng.random(2_000) < 0.1
    judge, network = (_says(~(hard & (rng.random(2_000) < often)), labels) for often in (0.9, 0.6))
    got, kept, all_digits = (
        float(call(gain, judge, network)),
        network.correct[judge.correct],
        network.correct,
    )
    right = 100 * (kept.mean() - all_digits.mean())
    if abs(got - right) < 1e-6:
        return None
    case = f"The judge misreads {(~judge.correct).sum()} of 2,000 digits: it says {got:.3f}, and {right:.3f} points are right."
    if abs(got - right / 100) < 1e-6:
        return f"{case} Give it in points of per cent, not as a fraction."
    if abs(got + right) < 1e-6:
        return f"{case} The sign is turned: what is won counts as positive."
    if abs(got - 100 * (1 - all_digits.mean())) < 1e-6:
        return f"{case} You left out what the *network* misreads, after which nothing is misread. The judge decides."
    if abs(got - 100 * (judge.correct[network.correct].mean() - judge.correct.mean())) < 1e-6:
        return f"{case} Judge and network have changed places."
    if abs(got - 100 * (kept.sum() / 2_000 - all_digits.mean())) < 1e-6:
        return f"{case} The digits left out still count in the denominator."
    if abs(got - 100 * kept.mean()) < 1e-6:
        return f"{case} That is the accuracy on the digits that are left; how much is it above the one on all?"
    return case


@check("The right layer, the right mode, and a network that is afterwards what it was.")
def check_share_of_zeros(share_of_zeros):
    "`share_of_zeros(model, images)`: of the cells that conv1's ReLU puts out."
    torch.manual_seed(0)
    model, images = MNISTModel().train(), torch.randint(0, 256, (30, 1, 28, 28), dtype=torch.uint8)
    with torch.no_grad():
        model(normalize(images))  # moves the running statistics, as training has
    with torch.inference_mode():
        right = (model.conv1[:2](normalize(images)) == 0).float().mean().item()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    got = float(call(share_of_zeros, model, images))
    changed = [
        name for name, value in model.state_dict().items() if not torch.equal(before[name], value)
    ]
    if changed:
        return f"To look at the network changes it: {changed[0]} is no longer what it was. It was in training mode; use evaluation mode while looking."
    if any(module._forward_hooks for module in model.modules()):
        return "A hook is left behind, and will be called whenever the network is. Remove it, whatever happens."
    if not all(module.training for module in model.modules()):
        return "The network came in training mode and goes out in evaluation mode. Put it back: `with evaluating(model):` does."
    if got > 1:
        return f"It says {got:g}; the share is a fraction, from 0 to 1."
    if abs(got - (1 - right)) < 0.001:
        return f"It says {got:.3f}; that is the share that is *not* 0."
    if got < 0.1:
        return f"It says {got:.3f}. Hardly a zero: is that the ReLU's output, or that of the whole stage, after the normalisation has moved every zero?"
    if abs(got - right) > 0.001:
        return f"It says {got:.3f}, and {right:.3f} is right for this network. Which module's output is looked at, and are the images normalised?"


@check("An average keeps how sure each of them was, which a vote throws away.")
def check_committee(committee):
    "`committee(parts)`: one `Predictions` from several, their probabilities averaged."
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 300)
    parts = [Predictions(labels, rng.dirichlet(np.full(10, 0.3), 300)) for _ in range(3)]
    got, each = call(committee, parts), np.stack([part.probabilities for part in parts])
    if not isinstance(got, Predictions):
        return f"It should give one `Predictions`; it gives {type(got).__name__}."
    if not np.array_equal(got.labels, labels):
        return "The labels are no longer those of the digits."
    if got.probabilities.shape != (300, 10):
        return f"Of 300 digits the probabilities have the shape {got.probabilities.shape}, not (300, 10): average over the networks, not over digits or classes."
    votes = np.stack([np.eye(10)[part.answers] for part in parts]).mean(axis=0)
    if np.allclose(got.probabilities, votes):
        return "That is a vote: each network counts the same for its answer, however sure it was. Average the probabilities themselves."
    if np.allclose(got.probabilities, each.sum(axis=0)):
        return "The probabilities of a digit add up to 3. Divide by the number of networks."
    product = each.prod(axis=0) ** (1 / 3)
    if np.allclose(got.probabilities, product) or np.allclose(
        got.probabilities, product / product.sum(axis=1, keepdims=True)
    ):
        return "That is the geometric mean, an average of logarithms: one network that finds a digit impossible rules it out for all. Average the probabilities."
    if np.allclose(got.probabilities, each.max(axis=0)):
        return "That is the largest of each, so the surest network decides alone, and a digit's probabilities add up to more than 1."
    if not np.allclose(got.probabilities, each.mean(axis=0)):
        return "The probabilities are not the mean over the networks of each digit's."

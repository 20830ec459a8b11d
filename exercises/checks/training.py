"Checks of exercises/03_training.ipynb."

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn, optim

from checks import call, check
from s6erav3 import MNISTModel, Recipe, fit
from s6erav3.data import load_splits
from s6erav3.training.train import evaluate, get_scheduler


@check("The last batch of an epoch is smaller, and it is a step like the others.")
def check_steps(steps):
    "Steps of a run of `original`: 55,000 digits to learn from."
    recipe, digits = Recipe.original(), 55_000
    an_epoch = math.ceil(digits / recipe.batch_size)
    if steps == an_epoch:
        return f"{an_epoch} is one epoch; the run has {recipe.epochs}."
    if steps == recipe.epochs * (digits // recipe.batch_size):
        return "You left out what remains of an epoch after the full batches. Those digits make a smaller batch, and a step."
    if math.isclose(steps, recipe.epochs * digits / recipe.batch_size):
        return "There is no fraction of a step: what remains of an epoch after the full batches makes one step of its own."
    if steps == recipe.epochs * digits:
        return "That is how often a digit is shown. The weights change once for a batch."
    if steps == recipe.epochs * math.ceil(60_000 / recipe.batch_size):
        return "Of the 60,000 digits 5,000 are held out; no step is made with them."
    if steps != recipe.epochs * an_epoch:
        return (
            f"{steps} is not it. How many batches make an epoch, and how many epochs has the run?"
        )


def _plateau(accuracies) -> list[float]:
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler, rates = get_scheduler(optimizer), []
    for accuracy in accuracies:
        scheduler.step(accuracy)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def _misread(
    accuracies, patience=2, before=False, floor=0.002, recount=True, equal=False
) -> list[float]:
    "The schedule, or what a misreading of it would give."
    rate, best, bad, rates = 0.1, -math.inf, 0, []
    for accuracy in accuracies:
        better = accuracy > best or equal and accuracy == best
        best, bad = accuracy if better or before else best, 0 if better else bad + 1
        if bad >= patience and rate > floor:
            rate /= 10
            bad = 0 if recount else bad
        rates.append(rate)
    return rates


MISREADINGS = {
    "it cuts after the first epoch without a better accuracy, and should after two of them": {
        "patience": 1
    },
    "it waits for a third epoch without a better accuracy": {"patience": 3},
    "it compares with the epoch before; compare with the best so far": {"before": True},
    "it cuts below 0.001, where the published schedule stops": {"floor": 0},
    "after a cut it does not count anew, and cuts again in the next epoch": {"recount": False},
    "it never cuts, or takes an accuracy that equals the best for a better one": {"equal": True},
}


@check("It moves the rate as the published schedule does, on runs it had not seen.")
def check_rates(rates):
    "`rates(accuracies)`: the learning rate after each epoch."
    for accuracies in (
        [98, 99, 99, 99, 99, 99, 99, 99, 99],
        [97, 98, 98.5, 98.4, 98.6, 98.6, 98.7],
        [98, 97, 97.4, 97.6, 97.8, 98.1],
        [90, 91, 92, 93],
        [99, 98, 98, 98],
    ):
        got, right = [float(rate) for rate in call(rates, accuracies)], _plateau(accuracies)
        if len(got) != len(right):
            return f"For {len(right)} epochs it gives {len(got)} rates; one an epoch is asked for."
        if torch.allclose(torch.tensor(got), torch.tensor(right)):
            continue
        if torch.allclose(torch.tensor(got), torch.tensor([0.1, *right[:-1]])):
            return f"For {accuracies} it gives the rates before each epoch's accuracy is known; those after it are asked for."
        reason = next(
            (
                text
                for text, change in MISREADINGS.items()
                if torch.allclose(torch.tensor(got), torch.tensor(_misread(accuracies, **change)))
            ),
            "follow it epoch by epoch",
        )
        return f"For {accuracies} it gives {got}: {reason}."


def _small_run():
    "A network with dropout and batch normalisation, its optimiser, digits to learn from and digits held out, and what its passes were like."
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2),
        nn.ReLU(),
        nn.BatchNorm2d(4),
        nn.Dropout(0.0),
        nn.Flatten(),
        nn.Linear(676, 10),
    )
    train, valid = (
        (torch.rand(n, 1, 28, 28) + shift, torch.randint(10, (n,)))
        for n, shift in ((150, 0.0), (90, 0.2))
    )
    passes = []
    model.register_forward_pre_hook(
        lambda module, inputs: passes.append(
            (module.training, torch.is_grad_enabled(), inputs[0].sum().item())
        )
    )
    return model, optim.SGD(model.parameters(), lr=0.1), train, valid, passes


def _weights_after(clear: bool) -> torch.Tensor:
    "The last layer after one epoch as it should be, or with gradients that add up."
    model, optimizer, (images, labels), *_ = _small_run()
    for where in torch.arange(len(labels)).split(64):
        if clear:
            optimizer.zero_grad()
        F.cross_entropy(model(images[where]), labels[where]).backward()
        optimizer.step()
    return model[-1].weight.detach()


@check(
    "Cleared gradients, evaluation mode, held-out digits: nothing is left of the three mistakes."
)
def check_epoch(one_epoch):
    "`one_epoch(model, optimizer, train, valid)`: train once over `train`; accuracy in per cent on `valid`."
    model, optimizer, train, valid, passes = _small_run()
    got, weights = (
        call(one_epoch, model, optimizer, train, valid),
        model[-1].weight.detach().clone(),
    )
    learning, measuring = ([p for p in passes if p[1] == wanted] for wanted in (True, False))
    if not all(training for training, *_ in learning):
        return "It trains in evaluation mode, in which batch normalisation does not look at the batch and dropout does nothing."
    if torch.allclose(weights, _weights_after(clear=False), atol=1e-5):
        return "Each step goes along the gradients of all steps before it, too: `backward` adds to what is there."
    if not torch.allclose(weights, _weights_after(clear=True), atol=1e-5):
        return "The steps are not those of SGD over the batches in their order; change only what is wrong."
    if not measuring:
        return "Measuring needs no gradients; leave `torch.no_grad()` where it is."
    seen = sum(total for *_, total in measuring)
    if math.isclose(seen, train[0].sum().item(), rel_tol=1e-3):
        return "It is measured on the digits that it has just learnt from."
    if any(training for training, *_ in measuring):
        return "While it is measured the network is still in training mode: dropout blanks channels, and batch normalisation depends on who else is in the batch."
    if not math.isclose(got, evaluate(model, valid)[1], abs_tol=1e-6):
        return f"It gives {got:.4g}, where the network now reads {evaluate(model, valid)[1]:.4g} % of the held-out digits."
    passes.clear()
    call(one_epoch, model, optimizer, train, valid)
    if not all(training for training, grads, _ in passes if grads):
        return "The second epoch is trained in evaluation mode, because the first one left the network there."


@check(
    "Too small a rate hardly moves, too large a one jumps about; the loss on held-out digits tells which is which."
)
def check_best_rate(held_out_loss, best):
    "`held_out_loss(rate)` after a short run, and the best of three rates."
    splits, rate = load_splits("auto"), 0.01
    torch.manual_seed(0)
    model = MNISTModel(dropout=0)
    history = fit(
        model,
        replace(
            Recipe(
                "short", epochs=2, batch_size=25, rotation=0.0, dropout=0.0, schedule="constant"
            ),
            learning_rate=rate,
        ),
        splits.train.take(slice(500)),
        splits.valid.take(slice(250)),
        verbose=False,
    )
    loss = call(held_out_loss, rate)
    of_test = evaluate(model, splits.test.take(slice(250)))[0]
    names = {
        "the loss on the digits it learns from": history[-1]["train_loss"],
        "the held-out loss after the first epoch, not the last": history[0]["validation_loss"],
        "the accuracy": history[-1]["validation_accuracy"],
        "the loss on the test digits, by which nothing may be chosen": of_test,
    }
    for name, value in names.items():
        if math.isclose(loss, value, rel_tol=1e-3):
            return f"What it gives is {name}; the held-out loss after the last epoch is asked for."
    same = math.isclose(loss, history[-1]["validation_loss"], rel_tol=0.02)
    losses = {each: call(held_out_loss, each) for each in ((0.0001, 1, rate) if same else (rate,))}
    if not math.isclose(losses[rate], loss, rel_tol=1e-3):
        return f"The same rate gives different losses, {loss:.3f} at first. Each call has to begin with a new network, and with the same weights: set the seed before you make it."
    if not same:
        return f"With the rate {rate} it gives {loss:.3f}, and the run described gives {history[-1]['validation_loss']:.3f}. Train by `short`, on `few`, watching `watched`, from a network made after `torch.manual_seed(0)`."
    if best != min(losses, key=losses.get):
        return f"With {best} the held-out loss is not the lowest of the three. Look at all of them."

from dataclasses import replace

import torch
import torch.nn.functional as F

from s6erav3 import MNISTModel, Recipe, fit
from s6erav3.data import load_splits
from s6erav3.training.train import evaluate


def schedule(patience=2, before=False, floor=0.002, recount=True):
    def rates(accuracies):
        rate, best, bad, found = 0.1, 0, 0, []
        for accuracy in accuracies:
            bad = 0 if accuracy > best else bad + 1
            best = accuracy if before else max(best, accuracy)
            if bad == patience or not recount and bad > patience:
                rate = rate / 10 if rate > floor else rate
                bad = 0 if recount else bad
            found.append(rate)
        return found

    return rates


def epoch(clear=True, evaluation=True, held_out=True, back=True, fraction=False, early=False):
    "One epoch with mistakes left in."

    def one_epoch(model, optimizer, train, valid):
        images, labels = train
        if back:
            model.train()
        if early:
            model.eval()
        for where in torch.arange(len(labels)).split(64):
            if clear:
                optimizer.zero_grad()
            F.cross_entropy(model(images[where]), labels[where]).backward()
            optimizer.step()
        if evaluation:
            model.eval()
        pictures, truth = valid if held_out else train
        with torch.no_grad():
            answers = model(pictures).argmax(dim=1)
        right = (answers == truth).double().mean().item()
        return right if fraction else 100 * right

    return one_epoch


SHORT = Recipe("short", epochs=2, batch_size=25, rotation=0.0, dropout=0.0, schedule="constant")


def run(rate, model=None):
    splits = load_splits("auto")
    torch.manual_seed(0)
    model = model or MNISTModel(dropout=0)
    return fit(
        model,
        replace(SHORT, learning_rate=rate),
        splits.train.take(slice(500)),
        splits.valid.take(slice(250)),
        verbose=False,
    ), model


def of_one_network():
    "Every call trains the same network on."
    network = MNISTModel(dropout=0)
    return lambda rate: run(rate, network)[0][-1]["validation_loss"]


WRONG = {
    "check_steps": [430, 8_580, 8593.75, 1_100_000, 9_380, 128],
    "check_rates": [
        schedule(patience=1),
        schedule(patience=3),
        schedule(before=True),
        schedule(floor=0),
        schedule(recount=False),
        lambda accuracies: [0.1, *schedule()(accuracies)[:-1]],
        lambda accuracies: schedule()(accuracies)[-1:],
        lambda accuracies: [0.1 for _ in accuracies],
    ],
    "check_epoch": [
        epoch(clear=False, evaluation=False, held_out=False),
        epoch(evaluation=False, held_out=False),
        epoch(evaluation=False),
        epoch(held_out=False),
        epoch(back=False),
        epoch(fraction=True),
        epoch(early=True),
    ],
    "check_best_rate": [
        (of_one_network(), 0.01),
        (lambda rate: run(rate)[0][-1]["train_loss"], 0.01),
        (lambda rate: run(rate)[0][0]["validation_loss"], 0.01),
        (lambda rate: evaluate(run(rate)[1], load_splits("auto").test.take(slice(250)))[0], 0.01),
        (lambda rate: run(rate)[0][-1]["validation_loss"], 1),
    ],
}

"The quiz of nbs/04_training.ipynb, and the checks of exercises/04_training.ipynb."

import functools
import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn, optim

from checks import ANY_NUMBER, ARRAY, FUNCTION, NUMBER, call, check, make_quiz, shape_text
from s6erav3 import MNISTModel, Recipe, fit
from s6erav3.data.mnist import load_splits
from s6erav3.inference import evaluate
from s6erav3.training.loop import get_scheduler

quiz = make_quiz(
    (
        "b",
        {
            "a": "Fifteen minibatches are full; the 40 images that remain are used as well.",
            "b": "Fifteen minibatches of 64, and one of the 40 images that remain.",
            "c": "64 is the number of images in a minibatch, not the number of minibatches.",
        },
    ),
    (
        "a",
        {
            "a": "Some images are harder than others, and every minibatch holds other ones.",
            "b": "The loss is noisy at any learning rate, because each step uses other images.",
            "c": "Only the initial weights are random; from then on they are trained.",
        },
    ),
    (
        "c",
        {
            "a": "That is what the published schedule looks at, `get_scheduler`.",
            "b": "No schedule of this page looks at it.",
            "c": "It rises and falls as planned, and needs no validation set.",
        },
    ),
    (
        "c",
        {
            "a": "The training loss of a history is measured on augmented images and in training "
            "mode, so it may be the larger one in any case.",
            "b": "They are measured in different ways, so they differ in any case.",
            "c": "Measure both in evaluation mode, without augmentation, and then compare.",
        },
    ),
    (
        "a",
        {
            "a": "The network has memorised its training images; both make that harder.",
            "b": "It would memorise its training images even better.",
            "c": "It would memorise its training images even more easily.",
        },
    ),
)


@check("The last batch of an epoch is smaller, and it is a step like the others.", NUMBER)
def check_steps(steps):
    "Steps of a run of `original`: 55,000 training images."
    recipe = Recipe.original()
    n = 55_000
    per_epoch = math.ceil(n / recipe.batch_size)
    if steps == per_epoch:
        return f"{per_epoch} is one epoch; the run has {recipe.epochs}."
    if steps == recipe.epochs * (n // recipe.batch_size):
        return (
            "You left out what remains of an epoch after the full batches. "
            "Those images make a smaller batch, and a step."
        )
    if math.isclose(steps, recipe.epochs * n / recipe.batch_size):
        return (
            "There is no fraction of a step: "
            "what remains of an epoch after the full batches makes one step of its own."
        )
    if steps == recipe.epochs * n:
        return "That is how often an image is used. The weights change once for a batch."
    if steps == recipe.epochs * math.ceil(60_000 / recipe.batch_size):
        return "5,000 of the 60,000 images are the validation set; no step is made with them."
    if steps != recipe.epochs * per_epoch:
        return (
            f"{steps:,} is not it. How many batches make an epoch, and how many epochs has the run?"
        )


def _published_rates(accuracies) -> list[float]:
    "The learning rate after each epoch, by the published schedule."
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = get_scheduler(optimizer)
    rates = []
    for accuracy in accuracies:
        scheduler.step(accuracy)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@dataclass(frozen=True)
class _Misreading:
    "A schedule that differs from the published one in one thing."

    patience: int = 2  # epochs without a better accuracy
    compare_with_previous: bool = False  # not with the best so far
    floor: float = 0.002  # a rate below it is not divided any more
    count_anew: bool = True  # after the rate was divided
    equal_is_better: bool = False

    def rates(self, accuracies) -> list[float]:
        "The learning rate after each epoch."
        rate, best, bad = 0.1, -math.inf, 0
        rates = []
        for accuracy in accuracies:
            better = accuracy > best or (self.equal_is_better and accuracy == best)
            bad = 0 if better else bad + 1
            if better or self.compare_with_previous:
                best = accuracy
            if bad >= self.patience and rate > self.floor:
                rate /= 10
                if self.count_anew:
                    bad = 0
            rates.append(rate)
        return rates


MISREADINGS = {
    "it divides after the first epoch without a better accuracy, and should after two of them": (
        _Misreading(patience=1)
    ),
    "it waits for a third epoch without a better accuracy": _Misreading(patience=3),
    "it compares with the previous epoch; compare with the best so far": (
        _Misreading(compare_with_previous=True)
    ),
    "it divides below 0.001, where the published schedule stops": _Misreading(floor=0),
    "after dividing it does not count anew, and divides again in the next epoch": (
        _Misreading(count_anew=False)
    ),
    "it never divides, or takes an accuracy that equals the best for a better one": (
        _Misreading(equal_is_better=True)
    ),
}
RUNS = (
    [98, 99, 99, 99, 99, 99, 99, 99, 99],
    [97, 98, 98.5, 98.4, 98.6, 98.6, 98.7],
    [98, 97, 97.4, 97.6, 97.8, 98.1],
    [90, 91, 92, 93],
    [99, 98, 98, 98],
)


def _same(a: list[float], b: list[float]) -> bool:
    return torch.allclose(torch.tensor(a), torch.tensor(b))


@check(
    "It changes the learning rate as the published schedule does, on runs it had not seen.",
    FUNCTION,
)
def check_rates(rates):
    "`rates(accuracies)`: the learning rate after each epoch."
    for accuracies in RUNS:
        found = call(rates, list(accuracies), kind=ARRAY)
        correct = _published_rates(accuracies)
        if found.shape != (len(correct),):
            return (
                f"For {len(correct)} epochs it gives {shape_text(found.shape)}; "
                "a list with one rate for each epoch is wanted."
            )
        got = found.tolist()
        if _same(got, correct):
            continue
        if _same(got, [0.1, *correct[:-1]]):
            return (
                f"For {accuracies} it gives the rates before each epoch's accuracy is known; "
                "those after it are wanted."
            )
        reason = "follow it epoch by epoch"
        for text, misreading in MISREADINGS.items():
            if _same(got, misreading.rates(accuracies)):
                reason = text
                break
        return f"For {accuracies} it gives {got}: {reason}."


Dataset = tuple[torch.Tensor, torch.Tensor]
BATCH = 64


def _random_dataset(n: int, shift: float) -> Dataset:
    "Random images and labels."
    images = torch.rand(n, 1, 28, 28) + shift
    return images, torch.randint(10, (n,))


def _small_network() -> nn.Module:
    "A network with dropout and batch normalisation, always with the same weights."
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2),
        nn.ReLU(),
        nn.BatchNorm2d(4),
        nn.Dropout(0.0),
        nn.Flatten(),
        nn.Linear(676, 10),
    )


@dataclass(frozen=True)
class _Pass:
    "A forward pass: the modes that it was made in, and which images it got."

    training: bool
    gradients: bool
    indices: list[int]  # in the data sets, one after the other; -1 for an unknown image


@dataclass
class _SmallRun:
    "A network, its optimiser, its images, and what its forward passes were like."

    model: nn.Module
    optimizer: optim.Optimizer
    train: Dataset
    valid: Dataset
    passes: list[_Pass] = field(default_factory=list)

    def __post_init__(self):
        images = [*self.train[0], *self.valid[0]]
        self.numbers = {image.numpy().tobytes(): n for n, image in enumerate(images)}
        self.model.register_forward_pre_hook(self.note)

    def note(self, module, inputs):
        "Keep in which modes a forward pass is made, and of which images."
        images = inputs[0].detach()
        indices = [self.numbers.get(image.numpy().tobytes(), -1) for image in images]
        self.passes.append(_Pass(module.training, torch.is_grad_enabled(), indices))

    @property
    def batches(self) -> list[list[int]]:
        "The images of each step, in the order of the steps."
        return [one.indices for one in self.passes if one.gradients]


def _small_run() -> _SmallRun:
    "A network on random images."
    model = _small_network()
    train = _random_dataset(150, 0.0)
    valid = _random_dataset(90, 0.2)
    return _SmallRun(model, optim.SGD(model.parameters(), lr=0.1), train, valid)


def _weights_after(run: _SmallRun, clear: bool) -> torch.Tensor:
    "The last layer after steps on the batches of a run, or with gradients that add up."
    model = _small_network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    images, labels = run.train
    for indices in run.batches:
        if clear:
            optimizer.zero_grad()
        F.cross_entropy(model(images[indices]), labels[indices]).backward()
        optimizer.step()
    return model[-1].weight.detach()


def _fault_of_batches(run: _SmallRun) -> str | None:
    "What is wrong with the images that the steps of an epoch were made with."
    n = len(run.train[0])
    indices = sum(run.batches, [])
    if any(not 0 <= index < n for index in indices):
        return (
            "Gradients are computed for images that are not in the training set. "
            "Measuring needs no gradients; leave `torch.no_grad()` where it is."
        )
    if sorted(indices) != list(range(n)):
        return (
            f"An epoch uses each of the {n} training images once; here {len(set(indices))} of "
            f"them are used, in {len(indices)} places."
        )
    sizes = [len(batch) for batch in run.batches]
    if sizes != [BATCH, BATCH, n - 2 * BATCH]:
        return f"The batches have {sizes} images; leave them at {BATCH}, and the rest in the last."


def _fault_of_training(run: _SmallRun) -> str | None:
    "What was wrong with the training part of an epoch."
    if not all(one.training for one in run.passes if one.gradients):
        return (
            "It trains in evaluation mode, in which batch normalisation does not use the batch "
            "and dropout does nothing."
        )
    if fault := _fault_of_batches(run):
        return fault
    weights = run.model[-1].weight.detach()
    if torch.allclose(weights, _weights_after(run, clear=False), atol=1e-5):
        return (
            "Each step uses the gradients of all steps before it, too: "
            "`backward` adds to what is there."
        )
    if not torch.allclose(weights, _weights_after(run, clear=True), atol=1e-5):
        return (
            "The steps are not those of SGD with the loss of each batch and its own labels; "
            "change only what is wrong."
        )


def _fault_of_measuring(run: _SmallRun, got: float) -> str | None:
    "What was wrong with the measuring part of an epoch, with the network as it is now."
    measuring = [one for one in run.passes if not one.gradients]
    if not measuring:
        return "The network classifies no image after the training; measure its accuracy."
    measured = sum((one.indices for one in measuring), [])
    if any(0 <= index < len(run.train[0]) for index in measured):
        return "It measures the accuracy on the training images."
    if any(one.training for one in measuring):
        return (
            "While it measures, the network is still in training mode: dropout zeroes channels, "
            "and batch normalisation depends on the other images of the batch."
        )
    accuracy = evaluate(run.model, run.valid)[1]
    if not math.isclose(got, accuracy, abs_tol=1e-4):
        return f"It gives {got:.4g}; the validation accuracy of the network is {accuracy:.4g} %."


@check("Cleared gradients, evaluation mode, validation set: all three mistakes are gone.", FUNCTION)
def check_epoch(one_epoch):
    "`one_epoch(model, optimizer, train, valid)`: train once over `train`; accuracy on `valid`."
    run = _small_run()
    arguments = run.model, run.optimizer, run.train, run.valid
    got = call(one_epoch, *arguments, kind=NUMBER)
    fault = _fault_of_training(run) or _fault_of_measuring(run, got)
    if fault:
        return fault
    run.passes.clear()
    call(one_epoch, *arguments, kind=NUMBER)
    if not all(one.training for one in run.passes if one.gradients):
        return (
            "The second epoch trains in evaluation mode, because the first one left the network "
            "there."
        )


SHORT = Recipe("short", epochs=2, batch_size=25, rotation=0.0, dropout=0.0, schedule="constant")


@functools.cache
def _short_run(rate: float) -> tuple[list[dict], float]:
    "The history of the run that is asked for, and the test loss, which nobody should ask for."
    splits = load_splits("auto")
    torch.manual_seed(0)
    model = MNISTModel(dropout=0)
    few = splits.train.subset(slice(500))
    valid = splits.valid.subset(slice(250))
    history = fit(model, SHORT.replace(learning_rate=rate), few, valid, verbose=False)
    return history, evaluate(model, splits.test.subset(slice(250)))[0]


def _name_of_loss(loss: float, history: list[dict], test_loss: float) -> str | None:
    "What a number is that is not the validation loss of the last epoch."
    names = {
        "the training loss": history[-1]["train_loss"],
        "the validation loss after the first epoch, not the last": history[0]["validation_loss"],
        "the accuracy": history[-1]["validation_accuracy"],
        "the test loss, by which nothing may be chosen": test_loss,
    }
    wanted = history[-1]["validation_loss"]
    for name, value in names.items():
        is_nearer = abs(loss - value) < abs(loss - wanted)  # two losses may be close to each other
        if is_nearer and math.isclose(loss, value, rel_tol=1e-3):
            return name
    return None


@check(
    "Too small a rate hardly changes the weights, too large a one makes them jump; "
    "the validation loss tells which is which.",
    FUNCTION,
    NUMBER,
)
def check_best_rate(validation_loss, best):
    "`validation_loss(rate)` after a short run, and the best of three rates."
    rate = 0.01
    history, test_loss = _short_run(rate)
    loss = call(validation_loss, rate, kind=NUMBER)
    name = _name_of_loss(loss, history, test_loss)
    if name:
        return f"It gives {name}; the validation loss after the last epoch is wanted."
    wanted = history[-1]["validation_loss"]
    is_wanted = math.isclose(loss, wanted, rel_tol=0.02)
    rates = (0.0001, 1, rate) if is_wanted else (rate,)
    losses = {each: call(validation_loss, each, kind=ANY_NUMBER) for each in rates}
    if not math.isclose(losses[rate], loss, rel_tol=1e-3):
        return (
            f"The same rate gives different losses, {loss:.3f} the first time. Each call has to "
            "begin with a new network, and with the same weights: "
            "set the seed before you make it."
        )
    if not is_wanted:
        return (
            f"With the rate {rate} it gives {loss:.3f}, and the run described gives "
            f"{wanted:.3f}. Train by `short` on `few` with the validation set `valid`, from a "
            "network made after `torch.manual_seed(0)`."
        )
    if not math.isclose(best, min(losses, key=losses.get), rel_tol=1e-3):
        return f"With {best:g} the validation loss is not the lowest of the three. Look at all."

import torch
import torch.nn.functional as F

from s6erav3 import MNISTModel, Recipe, fit
from s6erav3.data.mnist import load_splits
from s6erav3.inference import evaluate


def schedule(patience=2, compare_with_previous=False, floor=0.002, count_anew=True):
    "A schedule, with mistakes left in."

    def rates(accuracies):
        rate, best, bad = 0.1, 0, 0
        found = []
        for accuracy in accuracies:
            bad = 0 if accuracy > best else bad + 1
            best = accuracy if compare_with_previous else max(best, accuracy)
            if bad == patience or (not count_anew and bad > patience):
                rate = rate / 10 if rate > floor else rate
                bad = 0 if count_anew else bad
            found.append(rate)
        return found

    return rates


def train_once(model, optimizer, train, clear):
    images, labels = train
    for indices in torch.arange(len(labels)).split(64):
        if clear:
            optimizer.zero_grad()
        F.cross_entropy(model(images[indices]), labels[indices]).backward()
        optimizer.step()


def epoch(clear=True, train_mode=True, eval_mode=True, validate=True, percent=True):
    "One epoch, with mistakes left in."

    def one_epoch(model, optimizer, train, valid):
        if train_mode is not None:
            model.train(train_mode)
        train_once(model, optimizer, train, clear)
        if eval_mode:
            model.eval()
        images, labels = valid if validate else train
        with torch.no_grad():
            predicted = model(images).argmax(dim=1)
        accuracy = (predicted == labels).double().mean().item()
        return 100 * accuracy if percent else accuracy

    return one_epoch


SHORT = Recipe("short", epochs=2, batch_size=25, rotation=0.0, dropout=0.0, schedule="constant")


def run(rate, model=None):
    "The history and the network of a short run."
    splits = load_splits("auto")
    torch.manual_seed(0)
    model = model or MNISTModel(dropout=0)
    few = splits.train.subset(slice(500))
    valid = splits.valid.subset(slice(250))
    return fit(model, SHORT.replace(learning_rate=rate), few, valid, verbose=False), model


def loss_of(key, epoch=-1):
    "A number of the history of a new run."
    return lambda rate: run(rate)[0][epoch][key]


def loss_of_one_network():
    "Every call goes on training the same network."
    network = MNISTModel(dropout=0)
    return lambda rate: run(rate, network)[0][-1]["validation_loss"]


def test_loss(rate):
    _, model = run(rate)
    return evaluate(model, load_splits("auto").test.subset(slice(250)))[0]


def shuffled_images_only(model, optimizer, train, valid):
    "The labels stay where they are."
    model.train()
    images, labels = train
    train_once(model, optimizer, (images[torch.randperm(len(images))], labels), clear=True)
    model.eval()
    return evaluate(model, valid)[1]


def without_the_rest(model, optimizer, train, valid):
    "The last images of an epoch are dropped."
    model.train()
    train_once(model, optimizer, [part[:128] for part in train], clear=True)
    model.eval()
    return evaluate(model, valid)[1]


def mean_over_batches(model, optimizer, train, valid):
    "The accuracy is the mean over batches of different sizes."
    model.train()
    train_once(model, optimizer, train, clear=True)
    model.eval()
    accuracies = []
    with torch.no_grad():
        for images, labels in zip(valid[0].split(64), valid[1].split(64)):
            accuracies.append((model(images).argmax(1) == labels).double().mean())
    return 100 * sum(accuracies) / len(accuracies)


def gradients_while_measuring(model, optimizer, train, valid):
    model.train()
    train_once(model, optimizer, train, clear=True)
    model.eval()
    return 100 * (model(valid[0]).argmax(1) == valid[1]).double().mean()


WRONG = {
    "check_steps": [430, 8_580, 8593.75, 1_100_000, 9_380, 128],
    "check_rates": [
        schedule(patience=1),
        schedule(patience=3),
        schedule(compare_with_previous=True),
        schedule(floor=0),
        schedule(count_anew=False),
        lambda accuracies: [0.1, *schedule()(accuracies)[:-1]],
        lambda accuracies: schedule()(accuracies)[-1:],
        lambda accuracies: [0.1 for _ in accuracies],
    ],
    "check_epoch": [
        shuffled_images_only,
        without_the_rest,
        mean_over_batches,
        gradients_while_measuring,
        epoch(clear=False, eval_mode=False, validate=False),
        epoch(eval_mode=False, validate=False),
        epoch(eval_mode=False),
        epoch(validate=False),
        epoch(train_mode=None),
        epoch(percent=False),
        epoch(train_mode=False),
    ],
    "check_best_rate": [
        (loss_of_one_network(), 0.01),
        (loss_of("train_loss"), 0.01),
        (loss_of("validation_loss", epoch=0), 0.01),
        (test_loss, 0.01),
        (loss_of("validation_loss"), 1),
    ],
}

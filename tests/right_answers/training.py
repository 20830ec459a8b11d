import numpy as np
import torch
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset

from s6erav3.training.loop import get_scheduler
from wrong_answers.training import loss_of


def by_the_library(accuracies):
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = get_scheduler(optimizer)
    rates = []
    for accuracy in accuracies:
        scheduler.step(accuracy)
        rates.append(optimizer.param_groups[0]["lr"])
    return torch.tensor(rates)


def measured(model, valid):
    "The accuracy in per cent, batch by batch."
    correct = 0
    with torch.no_grad():
        for images, labels in zip(valid[0].split(40), valid[1].split(40)):
            correct += (model(images).argmax(1) == labels).sum()
    return 100 * correct / len(valid[1])


def shuffled(model, optimizer, train, valid):
    "The images come in another order in each epoch."
    model.train()
    for images, labels in DataLoader(TensorDataset(*train), batch_size=64, shuffle=True):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    model.eval()
    return measured(model, valid)


def cleared_afterwards(model, optimizer, train, valid):
    "Gradients are cleared after the step, and the training mode is set at the end."
    for indices in torch.randperm(len(train[1])).split(64):
        F.nll_loss(model(train[0][indices]).log_softmax(1), train[1][indices]).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    accuracy = measured(model, valid)
    model.train()
    return accuracy


RIGHT = {
    "check_steps": [8_600.0, np.int32(8_600)],
    "check_rates": [by_the_library],
    "check_epoch": [shuffled, cleared_afterwards],
    "check_best_rate": [(loss_of("validation_loss"), torch.tensor(0.01))],
}

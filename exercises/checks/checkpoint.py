"Checks of exercises/03_checkpoint.ipynb."

import copy

import torch
from torch import nn, optim

from checks import call, check
from s6erav3 import MNISTModel


@check("Half of what has to be kept is not in the weights.")
def check_numbers(count):
    "Floating-point numbers that change in a run of `original`."
    model = MNISTModel()
    weights = sum(p.numel() for p in model.parameters())
    averages = sum(b.numel() for b in model.buffers() if b.is_floating_point())
    right = 2 * weights + averages
    if count == weights:
        return f"{weights:,} are the weights alone. What does momentum remember, and what batch normalisation?"
    if count == 2 * weights:
        return "Weights and velocities are there. One kind of layer keeps numbers that are no parameters, and change all the same."
    if count == weights + averages:
        return (
            "The network is whole now. The optimiser remembers something for each of its weights."
        )
    if count == 2 * (weights + averages):
        return "The optimiser keeps a velocity for parameters only; the averages of batch normalisation have none."
    if count == right + weights:
        return "SGD with momentum keeps one number for each parameter; Adam would keep two."
    if count == 2 * weights + averages // 2:
        return "Batch normalisation keeps two numbers for each channel: of the mean, and of the variance."
    if count != right:
        return f"{count} is not it. Count the parameters, what momentum keeps, and the running averages of the five batch normalisations."


def _three(seed: int) -> tuple:
    "A small network, its optimiser and a source of chance, after a step."
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    parts = (
        model,
        optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        torch.Generator().manual_seed(seed),
    )
    _train(*parts, steps=1)
    return parts


def _train(model, optimizer, generator, steps=3):
    for _ in range(steps):
        x = torch.randn(8, 3, generator=generator)
        optimizer.zero_grad()
        (model(x) - x[:, :2]).square().mean().backward()
        optimizer.step()


def _inside(model, optimizer, generator) -> dict:
    "What each part holds now, as one row of numbers."
    return {
        "the weights": torch.cat([p.detach().flatten() for p in model.parameters()]),
        "the running averages of batch normalisation": torch.cat(
            [b.float().flatten() for b in model.buffers()]
        ),
        "the velocities of momentum": torch.cat(
            [optimizer.state[p]["momentum_buffer"].flatten() for p in model.parameters()]
        ),
        "the state of chance": generator.get_state().float(),
    }


@check("Three steps after the pause the weights are those of a run without one, to the last bit.")
def check_keep(keep, restore):
    "`keep(model, optimizer, generator)` gives a state, `restore(state, model, optimizer, generator)` goes back to it."
    parts = _three(seed=0)
    before = copy.deepcopy(_inside(*parts))
    state = call(keep, *parts)
    if state is None:
        return "`keep` gives nothing back."
    _train(*parts)
    after, others = _inside(*parts), _three(seed=1)
    fresh = copy.deepcopy(_inside(*others))
    restore(state, *others)
    for name, found in _inside(*others).items():
        if torch.equal(found, before[name]):
            continue
        if torch.equal(found, after[name]):
            return f"What comes back of {name} is as it was at the end of the training, not as it was kept: the state holds the very tensors that go on changing."
        if torch.equal(found, fresh[name]):
            return f"Not kept, or not put back: {name}."
        return f"It was kept in one form and comes back in another: {name}."
    _train(*others)
    if not torch.equal(_inside(*others)["the weights"], after["the weights"]):
        return "Right after it all is as it was, but three steps later the weights differ: `restore` has to fill the parts that it is given."


@check(
    "It goes on as if there had been no pause: same epochs, same rates, same order, same weights."
)
def check_go_on(begin, go_on):
    "`begin(epochs)` and `go_on(epochs, state)`: the weights, the history, and the state at the end."
    whole, history, _ = begin(4)
    for done in (2, 3):
        state = copy.deepcopy(begin(done)[2])
        kept = copy.deepcopy(state["history"])
        torch.manual_seed(99)
        weights, rows, _ = call(go_on, 4, state)
        if len(rows) == 4 and rows[:done] != kept:
            return f"Broken off after {done} epochs, the run is made anew: the first rows of the history are others than those kept."
        if len(rows) < 4:
            return f"Broken off after {done} epochs, a run of 4 ends with a history of {len(rows)}: the rows of before the pause are lost."
        if len(rows) > 4:
            return f"Broken off after {done} epochs, a run of 4 has trained {len(rows)}: it begins to count anew."
        if [row["rate"] for row in rows] != [row["rate"] for row in history]:
            return f"The learning rates are {[round(row['rate'], 3) for row in rows]}; without a pause they are {[round(row['rate'], 3) for row in history]}. Something that counts the epochs was not put back."
        if not torch.equal(weights, whole):
            return "Epochs and rates are right, and yet other weights come out: the digits come in another order. What draws random numbers between putting chance back and the first epoch?"

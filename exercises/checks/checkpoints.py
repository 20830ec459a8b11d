"Checks of exercises/checkpoints.ipynb."

import copy

import torch
from torch import nn, optim

from checks import FUNCTION, LIST, WHOLE, WrongAnswer, call, check, described
from s6erav3 import MNISTModel


@check("Half of what has to be kept is not in the weights.", WHOLE)
def check_numbers(count):
    "Floating-point numbers that change in a run of `original`."
    model = MNISTModel()
    weights = sum(p.numel() for p in model.parameters())
    averages = sum(b.numel() for b in model.buffers() if b.is_floating_point())
    correct = 2 * weights + averages
    if count == weights:
        return (
            f"{weights:,} are the weights alone. "
            "What does momentum remember, and what batch normalisation?"
        )
    if count == 2 * weights:
        return (
            "Weights and velocities are there. "
            "One kind of layer keeps numbers that are no parameters, and change all the same."
        )
    if count == weights + averages:
        return (
            "The network is complete now. The optimiser remembers something for each of its "
            "weights."
        )
    if count == 2 * (weights + averages):
        return (
            "The optimiser keeps a velocity for parameters only; "
            "the averages of batch normalisation have none."
        )
    if count == correct + weights:
        return "SGD with momentum keeps one number for each parameter; Adam would keep two."
    if count == 2 * weights + averages // 2:
        return "Batch normalisation keeps two numbers for each channel: the mean and the variance."
    if count != correct:
        return (
            f"{count:,} is not it. Count the parameters, what momentum keeps, "
            "and the running averages of the five batch normalisations."
        )


def _train(model, optimizer, generator, steps=3):
    for _ in range(steps):
        x = torch.randn(8, 3, generator=generator)
        optimizer.zero_grad()
        (model(x) - x[:, :2]).square().mean().backward()
        optimizer.step()


def _new_parts(seed: int) -> tuple:
    "A small network, its optimiser and a random number generator, after one step."
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    generator = torch.Generator().manual_seed(seed)
    _train(model, optimizer, generator, steps=1)
    return model, optimizer, generator


def _content(model, optimizer, generator) -> dict[str, torch.Tensor]:
    "A copy of what each part holds now, as one vector."
    nothing = torch.zeros(0)
    momentum = [optimizer.state[p].get("momentum_buffer", nothing) for p in model.parameters()]
    parts = {
        "the weights": list(model.parameters()),
        "the running averages of batch normalisation": list(model.buffers()),
        "the velocities of momentum": momentum,
        "the state of the generator": [generator.get_state()],
    }
    return {name: _as_vector(tensors) for name, tensors in parts.items()}


def _as_vector(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([t.detach().float().flatten() for t in tensors])


def _fault_of_part(found, kept, later, fresh) -> str | None:
    "What is wrong with a part that should be as it was when it was kept."
    if torch.equal(found, kept):
        return None
    if torch.equal(found, later):
        return (
            "restored as at the end of the training, not as when it was kept: "
            "the state holds the very tensors that go on changing"
        )
    if torch.equal(found, fresh):
        return "not kept, or not restored"
    return "kept in one form and restored in another"


@check(
    "Three steps after the pause the weights are those of a run without one, bit for bit.",
    FUNCTION,
    FUNCTION,
)
def check_keep(keep, restore):
    "`keep(model, optimizer, generator)` returns a state, `restore(state, …)` goes back to it."
    parts = _new_parts(seed=0)
    kept = _content(*parts)
    state = call(keep, *parts)
    if state is None:
        return "`keep` returns nothing."
    _train(*parts)
    later = _content(*parts)
    others = _new_parts(seed=1)
    fresh = _content(*others)
    call(restore, state, *others)
    for name, found in _content(*others).items():
        fault = _fault_of_part(found, kept[name], later[name], fresh[name])
        if fault:
            return f"Look at {name}: {fault}."
    _train(*others)
    if not torch.equal(_content(*others)["the weights"], later["the weights"]):
        return (
            "Right after `restore` everything is as it was, but three steps later the weights "
            "differ: it has to fill the parts that it is given."
        )


def _run_of(function, *arguments) -> list:
    "The weights, the history and the final state that `begin` or `resume` returns."
    parts = call(function, *arguments, kind=LIST)
    forms = (torch.Tensor, list, dict)
    if len(parts) != 3 or not all(map(isinstance, parts, forms)):
        raise WrongAnswer(
            "`begin` and `resume` return what `train` does: the weights, the history and the "
            f"final state, not {', '.join(map(described, parts[:3])) or 'nothing'}."
        )
    if not all(isinstance(row, dict) and "rate" in row for row in parts[1]):
        raise WrongAnswer("A row of the history holds an epoch and its rate; leave `train` as is.")
    if "history" not in parts[2]:
        raise WrongAnswer("The final state lacks its history; leave `train` as it is.")
    return parts


def _fault_of_history(rows: list[dict], history: list[dict], kept: list[dict]) -> str | None:
    "What is wrong with the history of a resumed run; `history` is that of one without a pause."
    n = len(history)
    place = f"Interrupted after {len(kept)} epochs,"
    if len(rows) == n and rows[: len(kept)] != kept:
        return f"{place} the run starts again: the first rows of its history are not those kept."
    if len(rows) < n:
        return (
            f"{place} a run of {n} ends with a history of {len(rows)}: "
            "the rows from before the pause are lost."
        )
    if len(rows) > n:
        return f"{place} a run of {n} has trained {len(rows)}: it counts from the beginning."
    rates = [float(row["rate"]) for row in rows]
    wanted = [row["rate"] for row in history]
    if rates != wanted:
        return (
            f"The learning rates are {[round(rate, 3) for rate in rates]}; "
            f"without a pause they are {[round(rate, 3) for rate in wanted]}. "
            "Something that counts the epochs was not restored."
        )
    return None


@check(
    "It resumes as if there had been no pause: same epochs, same rates, same order and weights.",
    FUNCTION,
    FUNCTION,
)
def check_resume(begin, resume):
    "`begin(epochs)` and `resume(epochs, state)`: the weights, the history, the final state."
    uninterrupted, history, _ = _run_of(begin, 4)
    for done in (2, 3):
        state = copy.deepcopy(_run_of(begin, done)[2])
        kept = copy.deepcopy(state["history"])
        torch.manual_seed(99)
        weights, rows, _ = _run_of(resume, 4, state)
        fault = _fault_of_history(rows, history, kept)
        if fault:
            return fault
        if not torch.equal(weights, uninterrupted):
            return (
                "Epochs and rates are right, but other weights come out: the inputs come in "
                "another order. What draws random numbers between restoring the random state "
                "and the first epoch?"
            )

import copy

import torch
from torch import nn, optim


def keep(*leave_out, copied=True):
    "A `keep` and a `restore` that leave something out."

    def keeps(model, optimizer, generator):
        parts = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "generator": generator.get_state(),
        }
        return copy.deepcopy(parts) if copied else parts

    def restores(state, model, optimizer, generator):
        if "model" not in leave_out:
            model.load_state_dict(state["model"])
        if "optimizer" not in leave_out:
            optimizer.load_state_dict(state["optimizer"])
        if "generator" not in leave_out:
            generator.set_state(state["generator"])

    return keeps, restores


def weights_only():
    def restores(state, model, optimizer, generator):
        for p, was in zip(model.parameters(), state, strict=True):
            p.data.copy_(was)

    return lambda model, optimizer, generator: [
        p.detach().clone() for p in model.parameters()
    ], restores


def new_run():
    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return model, optimizer, optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))


def epochs_of(numbers, model, optimizer, scheduler, history):
    for epoch in numbers:
        x = torch.randn(8, 3)
        history.append({"epoch": epoch, "rate": optimizer.param_groups[0]["lr"]})
        optimizer.zero_grad()
        (model(x) - x[:, :2]).square().mean().backward()
        optimizer.step()
        scheduler.step()
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "random": torch.get_rng_state(),
        "history": history,
    }
    return model.weight.detach().clone(), history, state


def begin(epochs):
    torch.manual_seed(0)
    return epochs_of(range(1, epochs + 1), *new_run(), [])


def go_on(count=True, rows=True, schedule=True, chance=True):
    "Going on, with mistakes left in."

    def going_on(epochs, state):
        if not chance:
            torch.set_rng_state(state["random"])
        model, optimizer, scheduler = new_run()
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if schedule:
            scheduler.load_state_dict(state["scheduler"])
        if chance:
            torch.set_rng_state(state["random"])
        history = list(state["history"]) if rows else []
        first = len(state["history"]) if count else 0
        return epochs_of(range(first + 1, epochs + 1), model, optimizer, scheduler, history)

    return going_on


WRONG = {
    "check_numbers": [
        6_926,
        2 * 6_926,
        6_926 + 136,
        2 * (6_926 + 136),
        3 * 6_926 + 136,
        2 * 6_926 + 68,
        120_000,
    ],
    "check_keep": [
        keep("optimizer"),
        keep("generator"),
        keep("model"),
        keep(copied=False),
        weights_only(),
        (lambda *parts: None, lambda *parts: None),
    ],
    "check_go_on": [
        (begin, go_on(count=False, schedule=False, chance=False)),
        (begin, go_on(schedule=False, chance=False)),
        (begin, go_on(chance=False)),
        (begin, go_on(rows=False)),
        (begin, lambda epochs, state: begin(epochs + 1)),
        (begin, go_on(schedule=False)),
    ],
}

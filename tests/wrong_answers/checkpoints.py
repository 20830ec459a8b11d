import copy

import torch
from torch import nn, optim


def keep(forgotten="", copied=True):
    "A `keep` and a `restore` that forget a part."

    def keeps(model, optimizer, generator):
        parts = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "generator": generator.get_state(),
        }
        return copy.deepcopy(parts) if copied else parts

    def restores(state, model, optimizer, generator):
        if forgotten != "model":
            model.load_state_dict(state["model"])
        if forgotten != "optimizer":
            optimizer.load_state_dict(state["optimizer"])
        if forgotten != "generator":
            generator.set_state(state["generator"])

    return keeps, restores


def keep_weights(model, optimizer, generator):
    return [p.detach().clone() for p in model.parameters()]


def restore_weights(state, model, optimizer, generator):
    for p, kept in zip(model.parameters(), state, strict=True):
        p.data.copy_(kept)


def new_run():
    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return model, optimizer, optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))


def train(numbers, model, optimizer, scheduler, history):
    for epoch in numbers:
        x = torch.randn(8, 3)
        history.append({"epoch": epoch, "rate": optimizer.param_groups[0]["lr"]})
        loss = (model(x) - x[:, :2]).square().mean()
        optimizer.zero_grad()
        loss.backward()
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
    return train(range(1, epochs + 1), *new_run(), [])


def resume(count=True, rows=True, schedule=True, random=True):
    "A `resume` with mistakes left in."

    def resumes(epochs, state):
        if not random:
            torch.set_rng_state(state["random"])
        model, optimizer, scheduler = new_run()
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if schedule:
            scheduler.load_state_dict(state["scheduler"])
        if random:
            torch.set_rng_state(state["random"])
        history = list(state["history"]) if rows else []
        first = len(state["history"]) if count else 0
        return train(range(first + 1, epochs + 1), model, optimizer, scheduler, history)

    return resumes


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
        (keep_weights, restore_weights),
        (lambda *parts: None, lambda *parts: None),
    ],
    "check_resume": [
        (begin, resume(count=False, schedule=False, random=False)),
        (begin, resume(schedule=False, random=False)),
        (begin, resume(random=False)),
        (begin, resume(rows=False)),
        (begin, lambda epochs, state: begin(epochs + 1)),
        (begin, resume(schedule=False)),
    ],
}

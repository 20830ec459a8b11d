"The Muon optimiser: what its polynomial does to singular values, and to parameters of any shape."

from copy import deepcopy

import pytest
import torch

from s6erav3.models.model import MNISTModel
from s6erav3.training.muon import COEFFICIENTS, Muon, orthogonalize

SHAPES = ((8, 1, 3, 3), (20, 16, 3, 3), (8, 12, 1, 1), (16, 9, 1, 1))


@pytest.fixture(scope="module")
def tensors():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


def test_five_iterations_bring_singular_values_near_one():
    a, b, c = COEFFICIENTS
    s = torch.linspace(0.005, 1, 20_000)
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    assert 0.68 < s.min() and s.max() < 1.21


def test_shapes_and_directions_stay(tensors):
    for before, after in zip(tensors, orthogonalize(tensors)):
        values = torch.linalg.svdvals(after.flatten(1))
        assert after.shape == before.shape
        assert values.max() < 1.25 and values.max() / values.median() < 2
        u, _, v = torch.linalg.svd(before.flatten(1), full_matrices=False)
        exact = (u @ v).flatten()
        assert torch.nn.functional.cosine_similarity(exact, after.flatten(), dim=0) > 0.95


def test_padding_to_one_batch_changes_nothing(tensors):
    together = orthogonalize(tensors)
    for i, tensor in enumerate(tensors):
        assert torch.allclose(orthogonalize([tensor])[0], together[i], atol=1e-5)


def test_a_gradient_of_zeros_gives_no_step():
    assert not orthogonalize([torch.zeros(3, 4)])[0].any()


@pytest.fixture
def after_a_step():
    "A convolution with a gradient, one without, a bias, and their optimiser after a step."
    moved = torch.nn.Parameter(torch.ones(4, 4))
    frozen = torch.nn.Parameter(torch.ones(2, 2))
    bias = torch.nn.Parameter(torch.ones(2))
    optimizer = Muon([moved, frozen], [bias], lr=0.1, learning_rate=0.1, momentum=0.9)
    moved.grad = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    bias.grad = torch.ones(2)
    optimizer.step()
    return moved, frozen, bias, optimizer


def test_what_has_no_gradient_stays(after_a_step):
    moved, frozen, bias, _ = after_a_step
    assert (moved != 1).any() and (bias != 1).all() and (frozen == 1).all()


def test_the_state_holds_every_parameter(after_a_step):
    *_, optimizer = after_a_step
    assert optimizer.state_dict()["state"].keys() == {0, 1, 2}


def test_a_step_without_any_gradient_of_a_convolution():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    bias = torch.nn.Parameter(torch.ones(2))
    optimizer = Muon([weight], [bias], lr=0.1, learning_rate=0.5, momentum=0.0)
    bias.grad = torch.ones(2)
    optimizer.step()
    assert (weight == 1).all() and torch.allclose(bias, torch.full((2,), 0.5))


class OverwritingMuon(Muon):
    "As the recorded runs were made: directions replace the gradients."

    @torch.no_grad()
    def step(self):
        weights = self.param_groups[1]["params"]
        grads = [p.grad for p in weights]
        averages = [self.state[p]["average"] for p in weights]
        torch._foreach_lerp_(averages, grads, 1 - self.momentum)
        torch._foreach_lerp_(grads, averages, self.momentum)
        for grad, direction in zip(grads, orthogonalize(grads)):
            grad.copy_(direction)
        super(Muon, self).step()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_gradients_stay_and_the_weights_are_the_same_to_the_bit(memory_format):
    torch.manual_seed(0)
    networks = [MNISTModel(dropout=0.0).to(memory_format=memory_format)]
    networks.append(deepcopy(networks[0]))
    optimizers = []
    for network, kind in zip(networks, (Muon, OverwritingMuon)):
        convolutions = [p for p in network.parameters() if p.ndim == 4]
        others = [p for p in network.parameters() if p.ndim != 4]
        optimizers.append(kind(convolutions, others, 0.02, 0.1, 0.9))
        optimizers[-1].param_groups[1]["weight_decay"] = 0.01
    for _ in range(5):
        x = torch.randn(16, 1, 28, 28)
        for network, optimizer in zip(networks, optimizers):
            optimizer.zero_grad()
            network(x)[:, 3].sum().backward()
            before = [p.grad.clone() for p in network.parameters()]
            optimizer.step()
            if optimizer is optimizers[0]:
                assert all(map(torch.equal, before, (p.grad for p in network.parameters())))
    for ours, theirs in zip(*(network.state_dict().values() for network in networks)):
        assert torch.equal(ours, theirs)


def test_gradients_stay_where_a_step_fails(monkeypatch):
    weight = torch.nn.Parameter(torch.ones(2, 3))
    optimizer = Muon([weight], [], lr=0.1, learning_rate=0.1, momentum=0.9)
    weight.grad = gradient = torch.randn(2, 3)

    def fail(_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(torch.optim.SGD, "step", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        optimizer.step()
    assert weight.grad is gradient


def test_a_closure_computes_the_gradients_and_its_loss_is_returned():
    weight = torch.nn.Parameter(torch.ones(2, 3))
    bias = torch.nn.Parameter(torch.zeros(2))
    optimizer = Muon([weight], [bias], lr=0.1, learning_rate=0.1, momentum=0.0)

    def closure():
        optimizer.zero_grad()
        loss = (weight.sum(dim=1) + bias).square().sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(5)]
    assert losses[0] == 18 and losses == sorted(losses, reverse=True)
    assert optimizer.step() is None


def distance_from_pytorch(shape) -> float:
    "How far 20 steps end from those of `torch.optim.Muon`, as a fraction of their length."
    generator = torch.Generator().manual_seed(0)
    start = 0.1 * torch.randn(shape, generator=generator)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    factor = max(1, shape[0] / shape[1]) ** 0.5  # PyTorch's, of the learning rate
    optimizer = Muon([ours], [], lr=0.02 * factor, learning_rate=0.1, momentum=0.9)
    optimizer.param_groups[1]["weight_decay"] = 0.1 / factor
    reference = torch.optim.Muon([theirs], lr=0.02, momentum=0.9, weight_decay=0.1)
    for _ in range(20):
        ours.grad = torch.randn(shape, generator=generator)
        theirs.grad = ours.grad.clone()
        optimizer.step()
        reference.step()
    return ((ours - theirs).norm() / (theirs - start).norm()).item()


@pytest.mark.parametrize("shape", [(8, 9), (16, 108), (40, 12)])
def test_matrices_move_as_with_pytorch(shape, monkeypatch):
    "Its directions are in bfloat16: with float32 in its place nothing differs but roundings."
    assert 1e-3 < distance_from_pytorch(shape) < 0.02
    monkeypatch.setattr(torch, "bfloat16", torch.float32)
    assert distance_from_pytorch(shape) < 1e-4


def test_pytorch_takes_no_convolutions():
    with pytest.raises(ValueError, match="2D"):
        torch.optim.Muon([torch.nn.Parameter(torch.zeros(8, 1, 3, 3))])

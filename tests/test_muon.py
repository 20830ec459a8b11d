"The Muon optimiser: what its polynomial does to singular values, and to parameters of any shape."

import pytest
import torch

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

"Weights files that are refused, and those that are not."

import pytest
import torch

from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_pretrained, load_weights


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.pth"
    path.touch()
    with pytest.raises(ValueError, match="not a weights file"):
        load_weights(MNISTModel(), path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no weights file"):
        load_weights(MNISTModel(), tmp_path / "no.pth")


def test_a_file_that_is_too_large(tmp_path):
    path = tmp_path / "large.pth"
    path.write_bytes(bytes(10**6))
    with pytest.raises(ValueError, match="never take more than"):
        load_weights(MNISTModel(), path)


STATES = {
    "no tensors": (lambda: {}, "is only in the network"),
    "one too many": (
        lambda: {**MNISTModel().state_dict(), "extra": torch.zeros(1)},
        "'extra' is only in the file",
    ),
    "not a number": (
        lambda: {**MNISTModel().state_dict(), "fc.bias": torch.full((10,), torch.nan)},
        "fc.bias holds what is not a finite number",
    ),
    "another type": (lambda: MNISTModel().double().state_dict(), "float64"),
}


@pytest.mark.parametrize("case", STATES)
def test_a_state_that_does_not_fit(case, tmp_path):
    make_state, message = STATES[case]
    torch.save(make_state(), tmp_path / "state.pth")
    model = MNISTModel()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_weights(model, tmp_path / "state.pth")
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_parameters_are_loaded_like_tensors(tmp_path):
    model = MNISTModel()
    torch.save(dict(model.state_dict(keep_vars=True)), tmp_path / "parameters.pth")
    loaded = load_weights(MNISTModel(), tmp_path / "parameters.pth")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters()))


def test_pretrained_weights_that_do_not_ship():
    with pytest.raises(ValueError, match="shipped under 'gold'; choose one of best, fast"):
        load_pretrained("gold")

"""The model and its training, as the published project tested them.

Run it with `pytest tests/` or `python tests/test_model.py`.
"""

import pytest
import torch
from torch import nn

from s6erav3.data.mnist import load_splits
from s6erav3.models.model import MNISTModel, conv_block, count_parameters
from s6erav3.training.train import train_and_evaluate


def test_fewer_than_25000_parameters():
    assert count_parameters(MNISTModel()) < 25_000


def test_state_dict_is_the_published_one():
    shapes = {name: tuple(tensor.shape) for name, tensor in MNISTModel().state_dict().items()}
    convolutions = {
        "conv1.0": (8, 1, 3, 3),
        "conv2.0": (12, 8, 3, 3),
        "transition1.1": (8, 12, 1, 1),
        "conv3.0": (12, 8, 3, 3),
        "conv4.0": (16, 12, 3, 3),
        "conv5.0": (20, 16, 3, 3),
    }
    expected = {"fc.weight": (10, 20), "fc.bias": (10,)}
    for name, shape in convolutions.items():
        expected |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name, channels in (
        ("conv1", 8),
        ("conv2", 12),
        ("conv3", 12),
        ("conv4", 16),
        ("conv5", 20),
    ):
        expected |= {
            f"{name}.2.{part}": (channels,)
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        expected[f"{name}.2.num_batches_tracked"] = ()
    assert shapes == expected


@pytest.mark.parametrize(
    "options, message",
    [
        ({"pool": "max"}, "no pool 'max'; choose one of avg3, global, none"),
        ({"norm": "layer"}, "no norm 'layer'; choose one of post_act, pre_act, none"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MNISTModel(**options)


def test_an_unknown_norm_is_not_taken_for_none():
    with pytest.raises(KeyError):
        conv_block(1, 2, 1, 0.0, "layer")


@pytest.mark.parametrize("options", [{"pool": "global"}, {"norm": "pre_act"}])
def test_these_options_do_not_change_the_size(options):
    assert count_parameters(MNISTModel(**options)) == 6_926


def test_the_barest_network():
    "No 1×1 convolution, no pooling before the last layer, no batch normalisation."
    bare = MNISTModel((8, 12, None, 12, 16, 20), pool="none", norm="none")
    assert count_parameters(bare) == 80 + 876 + 1_308 + 1_744 + 2_900 + 5_010
    assert bare(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in bare.modules())


ORDERS = {
    "post_act": ["Conv2d", "ReLU", "BatchNorm2d", "Dropout2d"],
    "pre_act": ["Conv2d", "BatchNorm2d", "ReLU", "Dropout2d"],
    "none": ["Conv2d", "ReLU", "Dropout2d"],
}


@pytest.mark.parametrize("norm", ORDERS)
def test_order_of_layers_in_a_block(norm):
    assert [type(layer).__name__ for layer in conv_block(1, 2, 1, 0.0, norm)] == ORDERS[norm]


def test_training_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parameters, train_accuracy, valid_accuracy = train_and_evaluate(
        max_epochs=1, splits=load_splits("digits")
    )
    assert parameters == 6_926 and 0 < train_accuracy <= 100 and 0 < valid_accuracy <= 100
    assert (tmp_path / "mnist_model.pth").is_file()
    assert "Epoch [1/1], Validation Accuracy: " in capsys.readouterr().out


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q"]))

"The model and its training, as the published project tested them: `pytest tests/` or `python tests/test_model.py`."

import pytest

from s6erav3.data import load_splits
from s6erav3.models.model import MNISTModel, count_parameters
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

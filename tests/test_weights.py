"Weights files that are refused, and those that are not."

import json
import warnings
from importlib.resources import files

import pytest
import safetensors.torch
import torch
from torch import nn

from fuzzing.weights import saved, unzipped, zipped
from running import call
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_pretrained, load_weights, save_weights


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


@pytest.mark.parametrize("save", [torch.save, safetensors.torch.save_file])
@pytest.mark.parametrize("case", STATES)
def test_a_state_that_does_not_fit(case, save, tmp_path):
    make_state, message = STATES[case]
    save(make_state(), tmp_path / "state")
    model = MNISTModel()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_weights(model, tmp_path / "state")
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_parameters_are_loaded_like_tensors(tmp_path):
    model = MNISTModel()
    torch.save(dict(model.state_dict(keep_vars=True)), tmp_path / "parameters.pth")
    loaded = load_weights(MNISTModel(), tmp_path / "parameters.pth")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters()))


def test_pretrained_weights_that_do_not_ship():
    with pytest.raises(ValueError, match="shipped under 'gold'; choose one of best, fast"):
        load_pretrained("gold")


# Files that are read

FORMATS = (".safetensors", ".pth")


def assert_same(a: nn.Module, b: nn.Module):
    "Two networks have the same weights, in every bit."
    found = b.state_dict()
    assert a.state_dict().keys() == found.keys()
    for name, tensor in a.state_dict().items():
        assert tensor.dtype == found[name].dtype and torch.equal(tensor, found[name]), name


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_saved_is_loaded(suffix, tmp_path):
    model = MNISTModel().to(memory_format=torch.channels_last)
    save_weights(model, tmp_path / f"weights{suffix}")
    assert_same(model, load_weights(MNISTModel(), tmp_path / f"weights{suffix}"))


def test_the_suffix_decides_how_weights_are_saved(tmp_path):
    model = MNISTModel()
    for suffix in (*FORMATS, ""):
        save_weights(model, tmp_path / f"weights{suffix}")
    first = {path.suffix: path.read_bytes()[:2] for path in tmp_path.iterdir()}
    assert first[".pth"] == first[""] == b"PK"
    assert first[".safetensors"] != b"PK"


def test_the_content_decides_how_weights_are_read(tmp_path):
    model = MNISTModel()
    save_weights(model, tmp_path / "weights.safetensors")
    (tmp_path / "weights.safetensors").rename(tmp_path / "weights.pth")
    assert_same(model, load_weights(MNISTModel(), tmp_path / "weights.pth"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_command_measures_both_formats(suffix, capsys, tmp_path):
    path = tmp_path / f"weights{suffix}"
    save_weights(load_pretrained("fast"), path)
    lines = []
    for weights in ([], ["--weights", path]):
        given = ("evaluate", "--recipe", "fast", *weights, "--dataset", "digits")
        status, printed, error = call(capsys, *given)
        assert status == 0, error
        lines.append(next(line for line in printed.splitlines() if "Test Accuracy" in line))
    assert lines[0] == lines[1]


@pytest.mark.parametrize("suffix", FORMATS)
def test_tensors_that_share_memory(suffix, tmp_path):
    def tied():
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        model[1].weight = model[0].weight
        return model

    model = tied()
    save_weights(model, tmp_path / f"tied{suffix}")
    assert_same(model, load_weights(tied(), tmp_path / f"tied{suffix}"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_network_of_many_tensors(suffix, tmp_path):
    "A `.pth` may make a limited number of tuples; that suffices for 400 tensors."

    def deep():
        return nn.Sequential(*(nn.Linear(2, 2) for _ in range(200)))

    model = deep()
    save_weights(model, tmp_path / f"deep{suffix}")
    assert_same(model, load_weights(deep(), tmp_path / f"deep{suffix}"))


def test_weights_saved_on_a_gpu(tmp_path):
    model = MNISTModel()
    records = unzipped(saved(model.state_dict()))
    on_cpu = b"X\x03\0\0\0cpu"
    for name, record in records.items():
        if name.endswith("data.pkl"):
            assert on_cpu in record
            records[name] = record.replace(on_cpu, b"X\x06\0\0\0cuda:0")
    (tmp_path / "gpu.pth").write_bytes(zipped(records))
    assert_same(model, load_weights(MNISTModel(), tmp_path / "gpu.pth"))


def test_the_filters_of_warnings_stay(tmp_path, monkeypatch):
    "They belong to the whole process: warnings in another thread would be lost."
    model = MNISTModel()
    save_weights(model, tmp_path / "weights.pth")
    before = [*warnings.filters]
    found = []
    load = torch.load

    def observed_load(*args, **options):
        found.append([*warnings.filters])
        return load(*args, **options)

    monkeypatch.setattr(torch, "load", observed_load)
    assert_same(model, load_weights(MNISTModel(), tmp_path / "weights.pth"))
    assert found == [before]


def test_a_pickle_of_another_protocol_is_refused_without_a_warning(tmp_path, recwarn):
    path = tmp_path / "weights.pth"
    path.write_bytes(saved(MNISTModel().state_dict(), pickle_protocol=3))
    with pytest.raises(ValueError, match="safe to open: its pickle is of protocol 3, not of 2; "):
        load_weights(MNISTModel(), path)
    assert not recwarn.list


# The networks in the package


@pytest.mark.parametrize(
    "name", ["best", "fast", "held_out", "original", "smallest_99", "smallest_994"]
)
def test_shipped_weights_hold_the_recipe_of_their_record(name):
    folder = files("s6erav3") / "weights"
    record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    with safetensors.safe_open(folder / f"{name}.safetensors", "pt") as file:
        assert json.loads(file.metadata()["recipe"]) == record["recipe"]
    assert not load_pretrained(name).training


def test_loading_weights_draws_no_random_numbers():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    load_pretrained()
    assert torch.rand(1) == expected


# Weights of wrapped networks


def compiled_part():
    "A network with one compiled stage."
    model = MNISTModel()
    model.conv1 = torch.compile(model.conv1)
    return model


WRAPPED = {
    "compiled": lambda: torch.compile(MNISTModel()),
    "parallel": lambda: nn.DataParallel(MNISTModel()),
    "parallel and compiled": lambda: nn.DataParallel(torch.compile(MNISTModel())),
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(MNISTModel(), use_buffers=True),
    "a compiled stage": compiled_part,
}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("case", WRAPPED)
def test_weights_of_a_wrapped_network_are_loaded_with_a_note(case, suffix, tmp_path, capsys):
    wrapped = WRAPPED[case]()
    save_weights(wrapped, tmp_path / f"wrapped{suffix}")
    loaded = load_weights(MNISTModel(), tmp_path / f"wrapped{suffix}")
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), wrapped.parameters()))
    printed = capsys.readouterr()
    assert "has the weights of a wrapped network" in printed.err and printed.out == ""


def test_a_network_that_has_such_names_itself_keeps_them(tmp_path, capsys):
    model = nn.ModuleDict({"module": nn.Linear(2, 2)})
    save_weights(model, tmp_path / "own.pth")
    again = nn.ModuleDict({"module": nn.Linear(2, 2)})
    assert_same(model, load_weights(again, tmp_path / "own.pth"))
    assert capsys.readouterr().err == ""


def test_wrapped_weights_of_another_network_are_refused(tmp_path):
    save_weights(nn.DataParallel(nn.Linear(2, 2)), tmp_path / "other.pth")
    with pytest.raises(ValueError, match="is for another network: 'bias' is only in the file"):
        load_weights(MNISTModel(), tmp_path / "other.pth")

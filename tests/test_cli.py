"The command: what it writes, and the one line it says when something is wrong."

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image

from s6erav3.cli import main
from s6erav3.models.model import MNISTModel, load_weights, save_weights
from s6erav3.training.train import RECIPES


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    "An empty folder to stand in."
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(capsys, *args) -> tuple[int, str, str]:
    "Exit status, standard output and standard error of a call."
    capsys.readouterr()
    status = main([str(arg) for arg in args])
    return status, *capsys.readouterr()


def refused(capsys, *args) -> tuple[int, str]:
    "Exit status and message of a call that must fail in one line and write nothing."
    before = sorted(Path().rglob("*"))
    status, out, error = call(capsys, *args)
    assert (
        status != 0
        and error.startswith("Error: ")
        and error.count("\n") == 1
        and "Traceback" not in error
    )
    assert sorted(Path().rglob("*")) == before
    return status, error


def test_train_is_by_the_best_recipe_unless_told_otherwise(capsys):
    status, out, _ = call(
        capsys, "train", "--dataset", "digits", "--epochs", 2, "--limit", 128, "--holdout", 0
    )
    record = json.loads(Path("record.json").read_text())
    assert status == 0 and "First a teacher of 59,350 parameters" in out and "Validation" not in out
    assert (
        record["recipe_name"] == "best"
        and record["holdout"] == 0
        and len(record["teacher"]["history"]) == 1
    )


def test_train_writes_three_files(capsys):
    status, out, _ = call(
        capsys,
        "train",
        "--recipe",
        "original",
        "--dataset",
        "digits",
        "--epochs",
        2,
        "--limit",
        256,
        "--seed",
        3,
        "--threads",
        1,
        "--out",
        "a/b",
    )
    assert status == 0 and sorted(p.name for p in Path("a/b").iterdir()) == [
        "curves.png",
        "mnist_model.pth",
        "record.json",
    ]
    lines = [line for line in out.splitlines() if not line.startswith("*")]
    assert lines[:2] == ["Model Size: 0.03 MB", "Total Parameters: 6926"]
    assert [line.rpartition(": ")[0] for line in lines[2:6]] == [
        f"Epoch [{e}/2], {what} Accuracy" for e in (1, 2) for what in ("Training", "Validation")
    ]
    assert (
        lines[6].startswith("Test Accuracy: ")
        and "not MNIST" in lines[6]
        and "These are not MNIST." in out
    )
    record = json.loads(Path("a/b/record.json").read_text())
    assert (
        record["seed"] == 3
        and record["train_size"] == 256
        and record["epochs"] == 2
        and "not MNIST" in record["dataset"]
    )
    load_weights(MNISTModel(), "a/b/mnist_model.pth")
    assert (
        call(capsys, "evaluate", "--weights", "a/b/mnist_model.pth", "--dataset", "digits")[0] == 0
    )


def test_same_seed_same_weights(capsys):
    for out in "ab":
        assert (
            call(
                capsys,
                "train",
                "--recipe",
                "fast",
                "--dataset",
                "digits",
                "--epochs",
                1,
                "--limit",
                128,
                "--device",
                "cpu",
                "--out",
                out,
            )[0]
            == 0
        )
    first, second = (torch.load(f"{out}/mnist_model.pth", weights_only=True) for out in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_predict_prints_json_and_nothing_else(capsys):
    Image.fromarray(np.pad(np.full((20, 4), 255, dtype=np.uint8), ((4, 4), (12, 12)))).save(
        "one.png"
    )
    status, out, error = call(capsys, "predict", "one.png", "one.png", "--json")
    found = json.loads(out)
    assert status == 0 and error == "" and len(found) == 2
    assert found[0].keys() == {"file", "position", "digit", "probability", "runner_up", "sure"}
    assert found[0]["digit"] == 1 and isinstance(found[0]["sure"], bool)


def test_summary(capsys):
    status, out, _ = call(capsys, "summary")
    assert status == 0 and "Total Parameters: 6,926" in out and "receptive_field" in out


def test_summary_of_other_networks(capsys, folder):
    status, out, _ = call(
        capsys, "summary", "--model", "torchvision:resnet18", "--input", "3,224,224"
    )
    assert status == 0 and "Total Parameters: 11,689,512" in out and "layer4.1.conv2" in out
    (folder / "mine.py").write_text(
        "from torch import nn\nclass Net(nn.Sequential):\n    def __init__(self): super().__init__(nn.Conv2d(1, 2, 3))\n"
    )
    status, out, _ = call(capsys, "summary", "--model", "mine:Net", "--depth", 1)
    assert status == 0 and "Total Parameters: 20" in out


@pytest.mark.parametrize(
    "args, status, message",
    [
        (["--model", "torchvision:resnet1800"], 2, "no network 'resnet1800'"),
        (["--model", "no.such:Net"], 2, "cannot be made"),
        (["--model", "json:Net"], 2, "cannot be made"),
        (["--input", "3x4"], 2, "whole numbers"),
        (["--input", "3,28,28"], 1, "'conv1.0' (Conv2d) cannot take"),
        (["--model", "pathlib:Path"], 1, "torch.nn.Module, not PosixPath"),
    ],
)
def test_summaries_that_cannot_be(capsys, args, status, message):
    assert (
        refused(capsys, "summary", *args) == (status, mock.ANY)
        and message in refused(capsys, "summary", *args)[1]
    )


@pytest.mark.parametrize(
    "args, message",
    [
        (["train", "--epochs", "0"], "'--epochs'"),
        (["train", "--seed", "x"], "'--seed'"),
        (["train", "--seed", str(2**64)], "'--seed'"),
        (["train", "--threads", "100000"], "'--threads'"),
        (["train", "--recipe", "secret"], "'--recipe'"),
        (["train", "--dataset", "emnist"], "'--dataset'"),
        (["train", "--device", "tpu"], "'--device'"),
        (["train", "--recipe", "original", "--holdout", "0", "--dataset", "digits"], "holdout"),
        (["train", "--colour"], "--colour"),
        (["dance"], "'dance'"),
        (["predict"], "FILE"),
    ],
)
def test_a_wrong_call_exits_with_2(capsys, args, message):
    status, error = refused(capsys, *args)
    assert status == 2 and message in error and "--help`" in error


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_without_one(capsys):
    assert refused(capsys, "train", "--device", "cuda", "--dataset", "digits")[0] == 2


def test_an_output_folder_that_cannot_be_made(capsys):
    Path("file").touch()
    _, error = refused(capsys, "train", "--dataset", "digits", "--limit", 128, "--out", "file/run")
    assert "file/run" in error and "--out" in error


def test_an_output_that_is_in_the_way(capsys):
    Path("run/record.json").mkdir(parents=True)
    assert (
        "record.json is a folder"
        in refused(capsys, "train", "--dataset", "digits", "--limit", 128, "--out", "run")[1]
    )


def test_more_digits_than_there_are(capsys):
    assert "of 1,297" in refused(capsys, "train", "--dataset", "digits", "--limit", 2_000)[1]
    assert "hold out" in refused(capsys, "train", "--dataset", "digits", "--holdout", 2_000)[1]


def test_a_data_folder_that_does_not_exist(capsys):
    for dataset in ("auto", "mnist"):
        assert (
            "no/where"
            in refused(capsys, "train", "--dataset", dataset, "--data-dir", "no/where")[1]
        )


def test_weights_that_are_none(capsys):
    Path("text.pth").write_text("not weights")
    Path("empty.pth").touch()
    torch.save({"epoch": 3, **MNISTModel().state_dict()}, "more.pth")
    torch.save(MNISTModel(), "pickled.pth")
    save_weights(MNISTModel(channels=(8, 12, 8, 12, 16, 24)), "other.pth")
    for file, message in (
        ("text.pth", "not a weights file"),
        ("empty.pth", "not a weights file"),
        ("more.pth", "more than tensors"),
        ("pickled.pth", "not a weights file"),
        ("other.pth", "another network"),
        ("missing.pth", "no weights file missing.pth"),
        (".", "no weights file ."),
    ):
        assert (
            message in refused(capsys, "evaluate", "--dataset", "digits", "--weights", file)[1]
        ), file


def test_pictures_that_are_none(capsys):
    Path("text.png").write_text("not a picture")
    Path("empty.png").touch()
    Image.new("L", (64, 64), 255).save("white.png")
    Image.new("L", (64, 64), 0).save("black.png")
    Image.new("L", (11, 64), 0).save("narrow.png")
    for file, message in (
        ("text.png", "not a picture"),
        ("empty.png", "is empty"),
        ("white.png", "no ink"),
        ("black.png", "no ink"),
        ("narrow.png", "11×64"),
        ("missing.png", "there is no file"),
        (".", "is a folder"),
    ):
        assert message in refused(capsys, "predict", file, "--json")[1]


def test_pictures_that_can_be_read_are_read_beside_others_that_cannot(capsys):
    Path("poem.png").write_text("not a picture")
    Image.fromarray(np.pad(np.full((20, 4), 255, dtype=np.uint8), ((4, 4), (12, 12)))).save(
        "one.png"
    )
    status, out, error = call(
        capsys,
        "predict",
        "poem.png",
        "one.png",
        "missing.png",
        ".",
        "--json",
        "--show",
        "steps.png",
    )
    assert status == 1 and [row["digit"] for row in json.loads(out)] == [1]
    assert (
        [line.split(" ")[0] for line in error.splitlines()] == ["Error:"] * 3
        and "poem.png is not a picture" in error
        and "missing.png" in error
    )
    assert Image.open("steps.png").width > 500 and not list(Path().glob(".*part*"))


@pytest.mark.parametrize(
    "show, status", [("steps.doc", 2), ("steps", 2), ("one.png", 2), ("one.png/steps.png", 1)]
)
def test_figures_that_cannot_be_written(capsys, show, status):
    Image.fromarray(np.pad(np.full((20, 4), 255, dtype=np.uint8), ((4, 4), (12, 12)))).save(
        "one.png"
    )
    found, _, error = call(capsys, "predict", "one.png", "--show", show)
    assert (
        found == status
        and error.startswith("Error: ")
        and error.count("\n") == 1
        and "--show" in error
    )


def test_debug_shows_the_traceback():
    with pytest.raises(FileNotFoundError):
        main(["--debug", "predict", "missing.png"])
    with pytest.raises(FileNotFoundError):
        main(["predict", "missing.png", "--debug"])


def test_networks_of_another_width(capsys, folder):
    assert (
        call(
            capsys,
            "train",
            "--recipe",
            "smallest_99",
            "--dataset",
            "digits",
            "--epochs",
            1,
            "--limit",
            128,
            "--threads",
            1,
        )[0]
        == 0
    )
    assert json.loads(Path("record.json").read_text())["parameters"] < 6_926
    status, out, error = call(
        capsys,
        "evaluate",
        "--recipe",
        "smallest_99",
        "--weights",
        "mnist_model.pth",
        "--dataset",
        "digits",
    )
    assert status == 0 and out.count("Test Accuracy") == 1, error
    Image.fromarray(np.full((40, 40), 255, np.uint8)).save("blank.png")
    for args in (["evaluate", "--dataset", "digits"], ["predict", "blank.png"]):
        status, error = refused(capsys, *args, "--weights", "mnist_model.pth")
        assert status == 1 and "is for another network" in error and "another recipe?" in error
        assert refused(capsys, *args, "--recipe", "secret")[0] == 2


@pytest.mark.parametrize("recipe", RECIPES)
def test_shipped_weights_of_every_recipe_can_be_measured(capsys, recipe):
    status, out, error = call(capsys, "evaluate", "--recipe", recipe, "--dataset", "digits")
    assert status == 0 and "Test Accuracy" in out, error

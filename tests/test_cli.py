"The command: what it writes, and the one line it prints when something is wrong."

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pictures
from s6erav3.__main__ import main
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_weights, save_weights
from s6erav3.pictures.read import open_picture
from s6erav3.pictures.samples import draw_seven
from s6erav3.training.recipe import RECIPES

SMALL = "--dataset digits --train-size 128 --threads 1"
FILES = ["curves.png", "mnist_model.pth", "record.json"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    "An empty folder as the current one."
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys):
    "Runs a command line: exit status, standard output and standard error."

    def run(line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(shlex.split(line))
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def refused(call):
    "Runs a command line that must fail in one line and write nothing: status and message."

    def run(line: str) -> tuple[int, str]:
        before = sorted(Path().rglob("*"))
        status, _, error = call(line)
        assert status != 0, line
        assert error.startswith("Error: ") and error.count("\n") == 1, error
        assert "Traceback" not in error
        assert sorted(Path().rglob("*")) == before, f"{line} has written something"
        return status, error

    return run


def read(path: str) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def draw_one(path: str):
    "A vertical stroke, white on black."
    pixels = np.pad(np.full((20, 4), 255, dtype=np.uint8), ((4, 4), (12, 12)))
    Image.fromarray(pixels).save(path)


def test_the_default_recipe_is_best(call):
    status, out, _ = call(f"train {SMALL} --epochs 2 --val-size 0")
    record = read("record.json")
    assert status == 0 and record["recipe_name"] == "best" and record["holdout"] == 0
    assert "First a teacher of 59,350 parameters" in out and "Validation" not in out
    assert len(record["teacher"]["history"]) == 1


def test_train_prints_the_published_lines_and_writes_three_files(call):
    run = "--recipe original --epochs 2 --seed 3 --output-dir a/b"
    status, out, _ = call(f"train {SMALL} {run}")
    assert status == 0 and sorted(p.name for p in Path("a/b").iterdir()) == FILES
    assert "These are not MNIST." in out
    lines = [line for line in out.splitlines() if not line.startswith("*")]
    assert lines[:2] == ["Model Size: 0.03 MB", "Total Parameters: 6926"]
    assert [line.rpartition(": ")[0] for line in lines[2:6]] == [
        "Epoch [1/2], Training Accuracy",
        "Epoch [1/2], Validation Accuracy",
        "Epoch [2/2], Training Accuracy",
        "Epoch [2/2], Validation Accuracy",
    ]
    assert lines[6].startswith("Test Accuracy: ") and "not MNIST" in lines[6]
    record = read("a/b/record.json")
    assert (record["seed"], record["train_size"], record["epochs"]) == (3, 128, 2)
    assert "not MNIST" in record["dataset"]
    load_weights(MNISTModel(), "a/b/mnist_model.pth")
    assert call("evaluate --weights a/b/mnist_model.pth --dataset digits")[0] == 0


def test_same_seed_same_weights(call):
    for out in "ab":
        run = f"--recipe fast --epochs 1 --device cpu --output-dir {out}"
        assert call(f"train {SMALL} {run}")[0] == 0
    first, second = (torch.load(f"{out}/mnist_model.pth", weights_only=True) for out in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_finished_run_is_not_resumed_and_another_one_is_named(call):
    run = f"train {SMALL} --recipe fast --epochs 1 --output-dir run --resume"
    assert call(run)[0] == 0
    before = Path("run/mnist_model.pth").read_bytes()
    status, out, _ = call(run)
    assert status == 0 and "is finished" in out
    assert Path("run/mnist_model.pth").read_bytes() == before
    for option, field in (("--seed 5", "seed"), ("--val-size 100", "holdout")):
        status, _, error = call(f"{run} {option}")
        assert status == 1 and f"another run: {field} is" in error and error.count("\n") == 1


def test_earlier_spellings_work_and_are_not_shown(call):
    run = "--recipe fast --epochs 1 --dataset digits --limit=128 --holdout 100 --out run"
    assert call(f"train {run}")[0] == 0
    assert (read("run/record.json")["train_size"], read("run/record.json")["holdout"]) == (128, 100)
    assert "--limit" not in call("train --help")[1]
    assert "--train-size" in call("train --help")[1]


def test_predict_prints_json_and_nothing_else(call):
    draw_one("one.png")
    status, out, error = call("predict one.png one.png --json")
    found = json.loads(out)
    assert status == 0 and error == "" and len(found) == 2
    columns = {"file", "position", "digit", "probability", "runner_up", "confident"}
    columns |= {"agreement", "note"}
    assert found[0].keys() == columns
    assert found[0]["digit"] == 1 and isinstance(found[0]["confident"], bool)


def test_summary(call):
    status, out, _ = call("summary")
    assert status == 0 and "Total Parameters: 6,926" in out and "receptive_field" in out


OWN_NETWORK = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self): super().__init__(nn.Conv2d(1, 2, 3))
"""


def test_summary_of_other_networks(call):
    status, out, _ = call("summary --model torchvision:resnet18 --input 3,224,224")
    assert status == 0 and "Total Parameters: 11,689,512" in out and "layer4.1.conv2" in out
    Path("mine.py").write_text(OWN_NETWORK, encoding="utf-8")
    status, out, _ = call("summary --model mine:Net --depth 1")
    assert status == 0 and "Total Parameters: 20" in out


def test_summaries_of_what_is_no_network(refused):
    for line, status, message in (
        ("--model torchvision:resnet1800", 2, "no network 'resnet1800'"),
        ("--model no.such:Net", 2, "cannot be made"),
        ("--model json:Net", 2, "cannot be made"),
        ("--input 3x4", 2, "whole numbers"),
        ("--input 3,28,28", 1, "'conv1.0' (Conv2d) cannot take"),
        ("--model pathlib:Path", 1, f"torch.nn.Module, not {type(Path()).__name__}"),
    ):
        found, error = refused(f"summary {line}")
        assert found == status and message in error, line


def test_a_wrong_call_exits_with_2(refused):
    for line, message in (
        ("train --epochs 0", "'--epochs'"),
        ("train --seed x", "'--seed'"),
        (f"train --seed {2**64}", "'--seed'"),
        ("train --threads 100000", "'--threads'"),
        ("train --recipe secret", "'--recipe'"),
        ("train --dataset emnist", "'--dataset'"),
        ("train --device tpu", "'--device'"),
        ("train --recipe original --val-size 0 --dataset digits", "validation set"),
        ("train --colour", "--colour"),
        ("sweep --seeds 3-1", "--seeds"),
        ("sweep --recipe secret", "'secret'"),
        ("dance", "'dance'"),
        ("predict", "FILE"),
    ):
        status, error = refused(line)
        assert status == 2 and message in error and "--help`" in error, line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_without_a_gpu(refused):
    assert refused("train --device cuda --dataset digits")[0] == 2


def test_an_output_folder_that_cannot_be_made(refused):
    Path("file").touch()
    _, error = refused(f"train {SMALL} --output-dir file/run")
    assert str(Path("file/run")) in error and "--output-dir" in error


def test_a_folder_in_place_of_an_output(refused):
    Path("run/record.json").mkdir(parents=True)
    assert "record.json is a folder" in refused(f"train {SMALL} --output-dir run")[1]


def test_more_images_than_there_are(refused):
    assert "of 1,297" in refused("train --dataset digits --train-size 2000")[1]
    assert "1,547" in refused("train --dataset digits --val-size 2000")[1]


def test_a_data_folder_that_does_not_exist(refused):
    for dataset in ("auto", "mnist"):
        error = refused(f"train --dataset {dataset} --data-dir no/where")[1]
        assert str(Path("no/where")) in error


def test_files_that_hold_no_weights(refused):
    Path("text.pth").write_text("not weights", encoding="utf-8")
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
        assert message in refused(f"evaluate --dataset digits --weights {file}")[1], file


def test_files_that_hold_no_picture_of_a_digit(refused):
    Path("text.png").write_text("not a picture", encoding="utf-8")
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
        assert message in refused(f"predict {file} --json")[1], file


def test_a_bad_picture_does_not_stop_the_others(call):
    Path("poem.png").write_text("not a picture", encoding="utf-8")
    draw_one("one.png")
    files = "poem.png one.png missing.png ."
    status, out, error = call(f"predict {files} --json --figure steps.png")
    assert status == 1 and [row["digit"] for row in json.loads(out)] == [1]
    assert [line.split(" ")[0] for line in error.splitlines()] == ["Error:"] * 3
    assert "poem.png is not a picture" in error and "missing.png" in error
    with Image.open("steps.png") as figure:
        assert figure.width > 500
    assert not list(Path().glob(".*part*"))


def test_what_decoders_write_to_stderr_does_not_come_out(capfd):
    "libtiff writes past Python, Pillow logs and warns; the command prints its own line only."
    content = bytearray(pictures.saved(draw_seven(mode="RGB"), "TIFF", compression="tiff_lzw"))
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    Path("damaged.tif").write_bytes(content)
    with pytest.raises(ValueError):
        open_picture("damaged.tif")
    assert capfd.readouterr().err, "libtiff did not write anything"
    command = [sys.executable, "-m", "s6erav3", "predict", "damaged.tif"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith("Error: damaged.tif ") and done.stderr.count("\n") == 1


def test_figures_that_cannot_be_written(call):
    draw_one("one.png")
    for figure, status in (("steps.doc", 2), ("steps", 2), ("one.png", 2), ("one.png/a.png", 1)):
        found, _, error = call(f"predict one.png --figure {figure}")
        assert found == status and error.startswith("Error: ") and error.count("\n") == 1
        assert "--figure" in error, figure


def test_debug_shows_the_traceback():
    for line in (["--debug", "predict", "missing.png"], ["predict", "missing.png", "--debug"]):
        with pytest.raises(FileNotFoundError):
            main(line)


def test_networks_of_another_width(call, refused):
    assert call(f"train {SMALL} --recipe smallest_99 --epochs 1")[0] == 0
    assert read("record.json")["parameters"] < 6_926
    own = "--weights mnist_model.pth"
    status, out, error = call(f"evaluate --recipe smallest_99 {own} --dataset digits")
    assert status == 0 and out.count("Test Accuracy") == 1, error
    Image.fromarray(np.full((40, 40), 255, np.uint8)).save("blank.png")
    for command in ("evaluate --dataset digits", "predict blank.png"):
        status, error = refused(f"{command} {own}")
        assert status == 1 and "is for another network" in error and "another recipe?" in error
        assert refused(f"{command} --recipe secret")[0] == 2


def test_shipped_weights_of_every_recipe_can_be_measured(call):
    for recipe in RECIPES:
        status, out, error = call(f"evaluate --recipe {recipe} --dataset digits")
        assert status == 0 and "Test Accuracy" in out, error


def test_the_earlier_name_of_download(call, mnist_dir):
    status, out, _ = call(f"data --data-dir {shlex.quote(str(mnist_dir))}")
    assert status == 0 and "MNIST is complete" in out

"The command: what it writes, and the one line it prints when something is wrong."

import io
import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pictures
from running import Interrupted, differing_tensors, interrupt_in
from s6erav3.__main__ import main
from s6erav3.data.mnist import Digits, load_splits
from s6erav3.data.sets import FASHION_CLASSES
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_weights, save_weights
from s6erav3.pictures.read import open_picture
from s6erav3.pictures.samples import draw_seven
from s6erav3.training.recipe import RECIPES, Recipe
from s6erav3.training.record import RunSpec, write_record
from s6erav3.training.train import run_recipe

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


def test_the_default_recipe_is_fast(call):
    status, out, _ = call(f"train {SMALL} --epochs 2 --val-size 0")
    record = read("record.json")
    assert status == 0 and record["recipe_name"] == "fast" and record["holdout"] == 0
    assert "Validation" not in out


def test_a_recipe_with_a_teacher_trains_it_first(call):
    status, out, _ = call(f"train {SMALL} --set teacher_width=3 --epochs 2 --val-size 0")
    assert status == 0 and "First a teacher of 59,350 parameters" in out
    assert len(read("record.json")["teacher"]["history"]) == 1


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


def test_a_dash_is_standard_input_and_a_file_of_that_name_is_read_by_its_path(call, monkeypatch):
    draw_one("one.png")
    Image.fromarray(np.asarray(draw_seven())).save("seven.png")
    Path("one.png").rename("-")
    with open("seven.png", "rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        status, out, error = call("predict ./- - --json --figure steps.png")
    assert status == 0, error
    found = [(row["file"], row["digit"]) for row in json.loads(out)]
    assert found == [("-", 1), ("standard input", 7)]
    with Image.open("steps.png") as figure:
        assert figure.height > 400, "it has two rows"


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
    assert call(f"evaluate {own} --dataset digits")[1] == out, "the record says which recipe"
    Path("record.json").unlink()
    Image.fromarray(np.full((40, 40), 255, np.uint8)).save("blank.png")
    for command in ("evaluate --dataset digits", "predict blank.png"):
        status, error = refused(f"{command} {own}")
        assert status == 1 and "is for another network" in error and "another recipe?" in error
        assert refused(f"{command} --recipe secret")[0] == 2


def test_options_that_contradict_the_record_beside_the_weights(call, refused):
    assert call(f"train {SMALL} --recipe fast --epochs 1")[0] == 0
    own = "--weights mnist_model.pth"
    for command in (f"evaluate --dataset digits {own}", f"export --format json {own}"):
        status, error = refused(f"{command} --recipe best")
        assert status == 2 and "names the recipe fast; leave --recipe out" in error
    assert call(f"evaluate --dataset digits {own} --recipe fast")[0] == 0
    write_record(read("record.json") | {"dataset": "Fashion-MNIST"}, "record.json")
    for command in (f"evaluate {own}", f"export --format onnx --int8 {own}"):
        status, error = refused(command)
        assert status == 1 and "was trained on Fashion-MNIST, and these images are of " in error
        assert "name its data set with --dataset" in error
    assert call(f"evaluate {own} --dataset digits")[0] == 0, "that data set was asked for"


@pytest.mark.parametrize("option", ["--tree", "--columns layer"])
def test_a_comparison_has_its_own_columns(option, refused):
    status, error = refused(f"summary --compare s6erav3:MNISTModel {option}")
    assert status == 2 and "leave --tree and --columns out" in error


def test_shipped_weights_of_every_recipe_can_be_measured(call):
    for recipe in RECIPES:
        status, out, error = call(f"evaluate --recipe {recipe} --dataset digits")
        assert status == 0 and "Test Accuracy" in out, error


def test_the_earlier_name_of_download(call, mnist_dir):
    status, out, _ = call(f"data --data-dir {shlex.quote(str(mnist_dir))}")
    assert status == 0 and "MNIST is complete" in out


# One field of a recipe changed


def test_a_field_of_the_recipe_is_set(call):
    run = "--recipe fast --epochs 1 --set rotation=0 --set channels=4,5,null,6,7,9 --output-dir run"
    status, _, error = call(f"train {SMALL} {run}")
    assert status == 0, error
    recipe = read("run/record.json")["recipe"]
    assert recipe["name"] == "fast,rotation=0,channels=4,5,null,6,7,9"
    assert (recipe["rotation"], recipe["channels"]) == (0, [4, 5, None, 6, 7, 9])
    assert recipe["scale"] == 0.08 and recipe["epochs"] == 1
    assert call("evaluate --weights run/mnist_model.pth --dataset digits")[0] == 0


@pytest.mark.parametrize("changes", ["--set {} --set {}", "--set {1} --set {0}"])
def test_fields_that_go_only_together_are_set_in_any_order(changes, call):
    changes = changes.format("stages=[[4],[6]]", "pool=weighted")
    status, _, error = call(f"train {SMALL} --recipe fast --epochs 1 {changes} --output-dir run")
    assert status == 0, error
    recipe = read("run/record.json")["recipe"]
    assert (recipe["pool"], recipe["stages"]) == ("weighted", [[4], [6]])


WRONG_CHANGES = {
    "rotation": "--set takes FIELD=VALUE, not 'rotation'; the fields are epochs, batch_size",
    "angle=3": "--set takes FIELD=VALUE, not 'angle=3'",
    "name=mine": "--set takes FIELD=VALUE, not 'name=mine'",
    "rotation=400": "--set rotation=400: rotation: expected `float` < 360",
    "rotation=wide": "--set rotation=wide: rotation: expected `float`",
    "schedule=cosine": "schedule: expected one of plateau, one_cycle, constant, not 'cosine'",
    "epochs=": "--set epochs=: epochs: expected `int`",
    "rotation=0' --set 'rotation=5": "--set rotation=5: rotation is given twice",
    "epochs=2' --epochs '3": "--set epochs=2: epochs is given twice",
    "ema_decay=0' --epochs 3 --set 'average_epochs=3": (
        "--epochs 3 --set ema_decay=0 --set average_epochs=3: "
        "average_epochs: expected fewer than the 3 epochs"
    ),
}


@pytest.mark.parametrize("command", ["train", "sweep"])
@pytest.mark.parametrize("change", WRONG_CHANGES)
def test_a_change_that_is_none(change, command, refused):
    status, error = refused(f"{command} --dataset digits --set '{change}'")
    assert status == 2 and WRONG_CHANGES[change] in error, error


def test_one_change_and_several_seeds_are_a_sweep(call):
    run = "sweep --dataset digits --train-size 128 --recipe fast --epochs 1 --jobs 1"
    for change in ("", "--set dropout=0.1"):
        status, out, error = call(f"{run} --seeds 0-1 {change} --output-dir runs")
        assert status == 0, error
    names = sorted(path.name for path in Path("runs").iterdir())
    expected = ["fast,dropout=0.1", "fast"]
    assert names == [f"{name}-seed{seed}" for name in expected for seed in (0, 1)]
    assert "fast,dropout=0.1" in out


def test_a_change_may_need_the_epochs_that_are_given(call):
    run = f"train {SMALL} --recipe fast --epochs 6 --output-dir run"
    assert call(f"{run} --set ema_decay=0 --set average_epochs=5")[0] == 0
    recipe = read("run/record.json")["recipe"]
    assert (recipe["epochs"], recipe["average_epochs"]) == (6, 5)


@pytest.mark.parametrize("seeds", ["0,0", "0-2,1"])
def test_a_seed_that_is_given_twice(seeds, refused):
    status, error = refused(f"sweep --dataset digits --seeds {seeds}")
    assert status != 0 and "different names of recipes, and seeds" in error
    assert not list(Path().glob("runs/*"))


# Resuming without other options


def test_resume_alone_takes_its_options_from_the_checkpoint(call):
    recipe = Recipe.original().replace(name="original,rotation=3", rotation=3.0, epochs=2)
    splits = load_splits("digits", val_size=100, train_size=128)
    whole, _ = run_recipe(RunSpec(recipe, splits, seed=5), verbose=False)
    Path("run").mkdir()
    with pytest.raises(Interrupted):
        run_recipe(
            RunSpec(recipe, splits, seed=5),
            verbose=False,
            checkpoint="run/checkpoint.safetensors",
            on_epoch_end=interrupt_in(2),
        )
    status, out, error = call("train --output-dir run --resume")
    assert status == 0, error
    assert "Epoch [2/2]" in out and "Epoch [1/2]" not in out
    record = read("run/record.json")
    assert (record["seed"], record["holdout"], record["train_size"]) == (5, 100, 128)
    assert record["recipe_name"] == "original,rotation=3"
    resumed = torch.load("run/mnist_model.pth", weights_only=True)
    assert not differing_tensors(whole.state_dict(), resumed)
    status, out, _ = call("train --output-dir run --resume")
    assert status == 0 and "is finished; there is nothing to resume" in out


def test_an_option_beside_resume_must_agree_with_the_checkpoint(call):
    Path("run").mkdir()
    spec = RunSpec(Recipe.fast().replace(epochs=2), load_splits("digits", train_size=128))
    with pytest.raises(Interrupted):
        checkpoint = "run/checkpoint.safetensors"
        run_recipe(spec, verbose=False, checkpoint=checkpoint, on_epoch_end=interrupt_in(2))
    for option, field in (("--epochs 3", "epochs"), ("--seed 7", "seed"), ("--recipe best", "")):
        status, _, error = call(f"train --output-dir run --resume {option}")
        assert status == 1 and f"is of another run: {field}" in error and error.count("\n") == 1


def test_resume_where_nothing_is_starts_from_the_beginning(call):
    run = f"train {SMALL} --epochs 1 --output-dir new --resume"
    assert call(run)[0] == 0 and read("new/record.json")["recipe_name"] == "fast"


# Short runs, and results that are near chance


def test_a_short_run_is_announced_and_works(call):
    status, out, _ = call("train --dataset digits --epochs 2 --threads 1 --output-dir run")
    assert status == 0
    note = "*  Short run: it has 22 steps, but recipe fast has 1,720 on all of MNIST"
    assert note in out.split("Model Size")[0], out
    assert read("run/record.json")["history"][-1]["validation_accuracy"] > 85


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_recipe_is_near_chance_after_a_short_run(recipe, call):
    epochs = 3 if Recipe.named(recipe).stages else 1  # fewer than 1,000 parameters learn slowly
    run = f"--recipe {recipe} --epochs {epochs} --threads 1 --output-dir run"
    line = f"train --dataset digits {run}"
    status, out, _ = call(line)
    assert status == 0 and "*  Short run: it has " in out
    assert read("run/record.json")["test_accuracy"] > 30
    assert "near that of guessing" not in out


def test_a_result_near_chance_is_said_to_be_one(call):
    few = "--dataset digits --train-size 128 --threads 1 --epochs 1"
    status, out, _ = call(f"train {few} --set learning_rate=0 --set muon_lr=0")
    assert status == 0 and "*  Short run: it has 1 step, but" in out
    last = out.splitlines()[-2]
    assert "is near that of guessing" in last and "Likely cause: only 1 step;" in last, last


# Other data sets


@pytest.fixture
def symbols(tmp_path):
    "A folder with images of two classes."
    rng = np.random.default_rng(0)
    for name, place in (("left", slice(2, 12)), ("right", slice(16, 26))):
        (tmp_path / "symbols" / name).mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(0, 60, (28, 28)).astype(np.uint8)
            pixels[4:24, place] = 220
            Image.fromarray(pixels).save(tmp_path / "symbols" / name / f"{i}.png")
    return tmp_path / "symbols"


def test_training_and_evaluating_on_a_folder_of_images(call, symbols):
    data = f"--dataset folder --data-dir {symbols}"
    run = f"train {data} --epochs 4 --threads 1 --set batch_size=8 --output-dir run"
    status, out, error = call(run)
    assert status == 0, error
    record = read("run/record.json")
    assert record["classes"] == ["left", "right"] and record["test_accuracy"] > 90
    assert "images of symbols (not MNIST)" in out
    status, out, error = call(f"evaluate {data} --weights run/mnist_model.pth")
    assert status == 0, error
    assert f"Test Accuracy: {record['test_accuracy']:.2f}%" in out
    status, _, error = call("evaluate --dataset digits --weights run/mnist_model.pth")
    assert status == 1 and "has 2 classes" in error and "has 10" in error, error


@pytest.mark.parametrize("options", ["", "--json", "--figure steps.png"])
def test_predict_refuses_networks_of_other_classes(options, refused):
    draw_one("one.png")
    for n in (1, 3, 256):
        save_weights(MNISTModel(num_classes=n), f"of_{n}.pth")
        status, error = refused(f"predict one.png --weights of_{n}.pth --recipe fast {options}")
        assert status == 1 and f"the network has {n} classes, but predict reads digits" in error


def test_predict_refuses_ten_classes_that_the_record_calls_otherwise(call):
    draw_one("one.png")
    assert call(f"train {SMALL} --epochs 1 --output-dir run")[0] == 0
    line = "predict one.png --weights run/mnist_model.pth"
    status, out, error = call(line)
    assert out, error
    record = read("run/record.json")
    for names, expected in ((FASHION_CLASSES, 1), ("0123456789", 0)):
        write_record(record | {"classes": list(names)}, "run/record.json")
        status, _, error = call(line)
        assert status == expected, error
        assert ("has 10 classes (T-shirt/top, trouser, pullover, ...), but" in error) == expected


def test_confusions_are_named(call, symbols):
    data = f"--dataset folder --data-dir {symbols}"
    run = "--epochs 1 --threads 1 --set learning_rate=0 --set muon_lr=0 --output-dir run"
    assert call(f"train {data} {run}")[0] == 0
    out = call(f"evaluate {data} --weights run/mnist_model.pth")[1]
    assert "left" in out and "right" in out, out


def test_a_resumed_run_finds_its_folder_again(call, symbols):
    data = f"--dataset folder --data-dir {symbols}"
    assert call(f"train {data} --epochs 1 --threads 1 --output-dir run")[0] == 0
    assert "is finished" in call("train --output-dir run --resume")[1]


def test_a_record_of_a_bad_run_stays_small():
    spec = RunSpec(Recipe.fast(), load_splits("digits", train_size=128))
    labels = torch.zeros(10_000, dtype=torch.int64)
    images = torch.zeros(10_000, 1, 28, 28, dtype=torch.uint8)
    spec = replace(spec, splits=replace(spec.splits, test=Digits(images, labels + 1)))
    recipe = spec.recipe.replace(epochs=1, learning_rate=0.0, muon_lr=0.0)
    _, record = run_recipe(replace(spec, recipe=recipe), verbose=False)
    if record["test_accuracy"] < 90:
        assert record["test_errors"] is None
    write_record(record, "record.json")
    assert Path("record.json").stat().st_size < 60_000

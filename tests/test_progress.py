"What shows how far a run is, in a terminal and in a log file, and the figure of a run."

import io
import re
import sys

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from running import SMALL, run
from s6erav3 import __version__
from s6erav3.__main__ import main
from s6erav3.training.curves import plot_history
from s6erav3.training.progress import CountProgress, RunProgress, format_seconds
from s6erav3.training.recipe import Recipe
from s6erav3.training.trainer import fit

RECIPE = Recipe("short", epochs=2, schedule="one_cycle", batch_size=8, rotation=0.0)
DATA = torch.rand(80, 1, 4, 4), torch.arange(80) % 2


class Terminal(io.StringIO):
    "A text stream that says that it is a terminal."

    encoding = "utf-8"

    def isatty(self):
        return True


def short_run():
    fit(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), RECIPE, DATA, DATA)


def test_a_terminal_shows_loss_accuracy_and_time_left_on_one_line(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    short_run()
    drawn = [text for text in terminal.getvalue().split("\r") if "Epoch 2 of 2" in text]
    pattern = r"Epoch 2 of 2 +[0-9]+%.* [0-9:?]+ left, loss [0-9.]+, accuracy [0-9.]+ %"
    assert any(re.search(pattern, text) for text in drawn), drawn[-3:]
    assert "Epoch [2/2], Validation Accuracy: " in terminal.getvalue()
    assert "Time:" not in terminal.getvalue()


def test_a_log_file_gets_a_line_an_epoch_with_its_time(tmp_path):
    done = run("train", *SMALL, "--epochs", 2, "--recipe", "original", "--output-dir", tmp_path)
    lines = [line for line in done.stdout.splitlines() if line.startswith("Epoch [")]
    assert [line.rpartition(": ")[0] for line in lines if "Accuracy" in line] == [
        f"Epoch [{epoch}/2], {which} Accuracy"
        for epoch in (1, 2)
        for which in ("Training", "Validation")
    ]
    times = [line for line in lines if "Time" in line]
    pattern = r"Epoch \[%d/2\], Loss: \d+\.\d{4}, Time: \d+\.\d s, \d+ s left"
    assert len(times) == 2
    assert all(re.fullmatch(pattern % n, line) for n, line in enumerate(times, 1)), times


def test_what_replaces_the_output_gets_the_published_lines_alone(capsys):
    short_run()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and all("Accuracy" in line for line in lines)


def test_a_silent_run_prints_nothing(capsys):
    with RunProgress(2, 10, verbose=False) as progress:
        progress.report({"epoch": 1})
    assert capsys.readouterr().out == ""


def test_times_in_words():
    words = {0: "0 s", 59.4: "59 s", 59.6: "1 min 0 s", 3_599: "59 min 59 s", 7_260: "2 h 1 min"}
    assert {seconds: format_seconds(seconds) for seconds in words} == words


def test_parts_that_are_counted_in_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with CountProgress(3, "run", n_done=1) as progress:
        progress.report("fast-seed0, validation accuracy 98.00 %")
        progress.bar.refresh()
    assert "2/3" in terminal.getvalue() and "fast-seed0, validation" in terminal.getvalue()


def test_a_sweep_reports_its_runs_in_a_log_file(tmp_path):
    args = ("--recipe", "smallest_99", "--seeds", "0-1", "--epochs", 1, "--jobs", 1)
    small = [arg for arg in SMALL if arg not in ("--threads", "1")]
    done = run("sweep", *small, *args, "--no-test", "--output-dir", tmp_path)
    lines = [line for line in done.stdout.splitlines() if line.startswith("run ")]
    pattern = r"run %d of 2, \d+ s left: smallest_99-seed%d, validation accuracy [0-9.]+ %%, \d+ s"
    assert len(lines) == 2, done.stdout + done.stderr
    assert all(re.fullmatch(pattern % (n + 1, n), line) for n, line in enumerate(lines)), lines


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"s6erav3 {__version__}\n"


# The figure of a run


def history(n, train_loss=0.2, valid_loss=0.21):
    "A history of `n` epochs whose two curves are close to each other."
    rows = []
    for epoch in range(1, n + 1):
        row = {"epoch": epoch, "learning_rate": 0.1, "seconds": 1.0}
        row |= {"train_loss": train_loss / epoch, "validation_loss": valid_loss / epoch}
        row |= {"train_accuracy": 99 - 5 / epoch, "validation_accuracy": 99 - 5.1 / epoch}
        rows.append(row)
    return rows


@pytest.mark.parametrize("n", [1, 2, 20])
def test_no_text_of_the_figure_overlaps(n):
    axes = plot_history(history(n), title="Recipe fast, seed 0", rate="learning rate of SGD")
    figure = axes[0].figure
    figure.canvas.draw()
    boxes = []
    for ax in axes:
        texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        if ax.get_legend():
            texts += ax.get_legend().get_texts()
        boxes += [text.get_window_extent() for text in texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
    assert axes[2].get_ylabel() == "learning rate of SGD"
    assert axes[2].get_xlabel() == "start of epoch"
    plt.close(figure)

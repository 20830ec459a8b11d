"The command in consoles that lack some characters, and `python main.py`."

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from running import PATIENCE, SMALL, call, check_error
from s6erav3.cli import app
from s6erav3.training.train import RUN_FILES

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = sorted(typer.main.get_command(app).commands)
OLD_CONSOLE = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp437:strict"}


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_help_has_only_characters_of_every_console(command, capsys):
    status, printed, _ = call(capsys, *command, "--help")
    assert status == 0
    assert printed.encode("cp437").decode("cp437") == printed


def run_in_an_old_console(*args) -> subprocess.CompletedProcess:
    "Run the command where print fails with a character that cp437 does not have."
    command = [sys.executable, "-m", "s6erav3", *args]
    environment = {**os.environ, **OLD_CONSOLE}
    return subprocess.run(command, env=environment, capture_output=True, encoding="cp437")


def test_help_is_printed_in_an_old_console():
    done = run_in_an_old_console("predict", "--help")
    assert done.returncode == 0, done.stderr
    assert "12 by 12 pixels" in " ".join(done.stdout.split())


def test_an_error_in_an_old_console_is_one_line():
    done = run_in_an_old_console("train", "--recipe", "四")
    assert done.returncode == 2, f"exit status {done.returncode}; {done.stderr}"
    check_error(done.stderr, "'?'")


def run_main(folder: Path, *args) -> str:
    "What `python main.py` prints in a folder."
    command = [sys.executable, ROOT / "main.py", *SMALL, "--epochs", "1", *args]
    options = {"capture_output": True, "encoding": "utf-8", "timeout": PATIENCE}
    done = subprocess.run(command, cwd=folder, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_main_trains_the_published_recipe_and_passes_options_on(tmp_path):
    run_main(tmp_path, "--seed", "3")
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert (record["recipe_name"], record["epochs"], record["seed"]) == ("original", 1, 3)
    assert "nothing to resume" in run_main(tmp_path, "--seed", "3", "--resume")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes streams")
@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_run_with_closed_streams_writes_its_files(closed, tmp_path):
    run = shlex.join([sys.executable, "-m", "s6erav3", "train", *SMALL, "--epochs", "1"])
    done = subprocess.run(
        ["bash", "-c", f"{run} {closed}"], cwd=tmp_path, capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))["epochs"] == 1
    assert {path.name for path in tmp_path.iterdir()} == set(RUN_FILES)


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes streams")
def test_a_closed_standard_input_is_empty():
    command = shlex.join([sys.executable, "-m", "s6erav3", "predict", "-"])
    done = subprocess.run(["bash", "-c", f"{command} <&-"], capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and not done.stdout
    check_error(done.stderr, "standard input is empty, 0 bytes long")

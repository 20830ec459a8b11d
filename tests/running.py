"Helpers of the tests that train: interruptions, and the command in this or another process."

import os
import subprocess
import sys
import time

import torch

from s6erav3.__main__ import main

# How many damaged files each reader gets from the tests marked `thorough`. `S6ERAV3_STRESS=10000`
# made the records in results/stress.
DAMAGED_FILES = int(os.environ.get("S6ERAV3_STRESS", 1_000))
PATIENCE = 600  # seconds until a process that does nothing counts as one that hangs
SMALL = ["--dataset", "digits", "--train-size", "512", "--threads", "1", "--compile", "off"]


class Interrupted(Exception):
    "What ends a run in these tests."


def interrupt_in(last_epoch: int):
    "An `on_epoch_end` that fails in this epoch, so that its checkpoint is not written."

    def stop(epoch, model):
        if epoch == last_epoch:
            raise Interrupted

    return stop


def differing_tensors(a: dict, b: dict) -> list[str]:
    "The names of the tensors in which two state_dicts differ, in any bit."
    names = sorted(a.keys() | b.keys())
    return [n for n in names if n not in a or n not in b or not torch.equal(a[n], b[n])]


def read_weights(folder) -> dict:
    "The weights that a run has written into its folder."
    return torch.load(folder / "mnist_model.pth", weights_only=True)


def call(capsys, *args) -> tuple[int, str, str]:
    "Run the command in this process: its exit status, and what it printed on stdout and stderr."
    capsys.readouterr()
    status = main([str(arg) for arg in args])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def check_error(error: str, message: str):
    "What was printed on stderr is one line that begins with `Error:` and contains `message`."
    assert error.startswith("Error: "), f"no error line: {error!r}"
    assert error.count("\n") == 1, f"more than one line: {error!r}"
    assert message in error, f"{message!r} is not said in {error!r}"


KILLED = 9 if os.name == "nt" else -9  # exit status of a process that `kill` has ended


def command(*args) -> list[str]:
    "The command line that runs `s6erav3` in a process of its own."
    return [sys.executable, "-m", "s6erav3", *map(str, args)]


def run(*args, **options) -> subprocess.CompletedProcess:
    "Run the command in a process of its own until it ends."
    options = {"capture_output": True, "encoding": "utf-8", "timeout": PATIENCE, **options}
    return subprocess.run(command(*args), **options)


def start(*args, **options) -> subprocess.Popen:
    "Start the command in a process of its own, with stdout and stderr to be read."
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command(*args), **{**pipes, "encoding": "utf-8", **options})


def kill(pid: int):
    "End a process at once. On Windows its exit status is 9, elsewhere minus the number of SIGKILL."
    os.kill(pid, 9)


def wait_for_line(process: subprocess.Popen, beginning: str):
    "Read what a process prints up to the first line that begins so; an error if it ends before."
    for line in process.stdout:
        if line.startswith(beginning):
            return
    raise AssertionError(f"{beginning!r} was not printed; {process.stderr.read()[-2_000:]}")


def wait_until(condition, what: str):
    "Wait until `condition()` holds; an error where that never comes about."
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"hangs: waited in vain until {what}"
        time.sleep(0.05)

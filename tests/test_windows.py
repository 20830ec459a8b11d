"""Files are written, locked and read without what Windows lacks; `windows.py` says what that is.

Each test runs a program in a process of its own, since what the emulation removes is gone for good.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from running import differing_tensors, read_weights
from s6erav3.data.mnist import load_splits
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import RunSpec, read_record
from s6erav3.training.train import RUN_FILES, train_into
from windows import ENVIRONMENT

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="emulates Windows on Linux"
)

BEGINNING = """
import errno, os, signal, sys
from contextlib import suppress
from pathlib import Path

import windows
windows.emulate()
"""


def run_on_windows(program: str, folder: Path) -> str:
    "What a program prints that runs in `folder` as if on Windows; an error if it fails."
    tests = Path(__file__).resolve().parent
    paths = os.pathsep.join([str(tests), str(tests.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + program],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": paths},
        capture_output=True,
        encoding="cp1252",
    )
    assert done.returncode == 0, f"exit status {done.returncode}; {done.stderr[-3_000:]}"
    assert not done.stderr, f"on stderr: {done.stderr[-3_000:]}"
    return done.stdout


REFUSED = """
def error_of(call, *args):
    try:
        call(*args)
    except Exception as error:
        return type(error)


Path("old.txt").write_bytes(b"old")
Path("new.txt").write_bytes(b"new")
for flags, expected in ((os.O_RDONLY, OSError), (os.O_RDWR, None)):
    descriptor = os.open("old.txt", flags)
    assert error_of(os.fsync, descriptor) is expected
    assert error_of(os.replace, "new.txt", "old.txt") is PermissionError
    assert error_of(Path("old.txt").unlink) is PermissionError
    os.close(descriptor)
assert error_of(os.open, ".", os.O_RDONLY) is PermissionError
assert error_of(__import__, "fcntl") is ModuleNotFoundError
assert error_of("\\u2265".encode, sys.stdout.encoding) is UnicodeEncodeError
assert not hasattr(os, "wait4") and not hasattr(signal, "SIGKILL")
assert error_of(os.replace, "new.txt", "old.txt") is None
"""


def test_the_emulation_refuses_what_windows_refuses(tmp_path):
    run_on_windows(REFUSED, tmp_path)


FILES = """
from s6erav3.files import atomic_write, exclusive_lock
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_weights, save_weights

for name in ("weights.pth", "weights.safetensors"):
    for _ in range(2):
        save_weights(MNISTModel(), name)
        load_weights(MNISTModel(), name)
with open("weights.pth", "rb"):
    try:
        save_weights(MNISTModel(), "weights.pth")
    except OSError as error:
        print(error)
with exclusive_lock("."):
    try:
        with exclusive_lock("."):
            print("both hold the lock")
    except BlockingIOError as error:
        print(error)
"""


def test_files_are_written_and_locked(tmp_path):
    printed = run_on_windows(FILES, tmp_path)
    in_use, locked = printed.splitlines()
    assert in_use == "cannot write weights.pth (Access is denied)"
    assert locked.startswith("another run is writing into .")
    assert sorted(os.listdir(tmp_path)) == ["weights.pth", "weights.safetensors"]


DOWNLOAD = """
import gzip, hashlib, threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from s6erav3.data import mnist
from torchvision.datasets import MNIST

MNIST.resources = []
Path("mirror").mkdir()
for name in mnist.MNIST_FILES:
    content = name.encode() * 100
    mnist.MNIST_FILES[name] = len(content), hashlib.md5(content).hexdigest()
    packed = gzip.compress(content)
    MNIST.resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    Path("mirror", f"{name}.gz").write_bytes(packed)
SimpleHTTPRequestHandler.log_message = lambda *args: None
server = ThreadingHTTPServer(
    ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory="mirror")
)
threading.Thread(target=server.serve_forever, daemon=True).start()
mnist.download_mnist("data", [f"http://127.0.0.1:{server.server_port}"])
print(*sorted(os.listdir(Path("data") / mnist.RAW)))
"""


def test_mnist_is_downloaded(tmp_path):
    from s6erav3.data.mnist import MNIST_FILES

    assert run_on_windows(DOWNLOAD, tmp_path).split() == sorted(MNIST_FILES)


RUN = """
from running import Interrupted, interrupt_in
from s6erav3.__main__ import main
from s6erav3.data.mnist import load_splits
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import RunSpec
from s6erav3.training.train import CHECKPOINT_FILE, run_recipe, train_into

Path("run").mkdir()
spec = RunSpec(Recipe.fast().replace(epochs=3), load_splits("digits", train_size=128))
with suppress(Interrupted):
    run_recipe(spec, checkpoint=Path("run") / CHECKPOINT_FILE, on_epoch_end=interrupt_in(3))
assert os.listdir("run") == [CHECKPOINT_FILE]
train_into("run", spec, resume=True)
small = ["--dataset", "digits", "--train-size", "128", "--epochs", "1", "--compile", "off"]
for command in (
    ["train", *small, "--output-dir", "other"],
    ["evaluate", "--weights", "run/mnist_model.pth", "--dataset", "digits"],
    ["summary"],
):
    assert main(command) == 0, command
"""


def test_a_run_is_interrupted_and_resumed(tmp_path):
    printed = run_on_windows(RUN, tmp_path)
    assert "Epoch [3/3]" in printed and "Test Accuracy" in printed
    spec = RunSpec(Recipe.fast().replace(epochs=3), load_splits("digits", train_size=128))
    uninterrupted = tmp_path / "uninterrupted"
    uninterrupted.mkdir()
    train_into(uninterrupted, spec)
    for name in ("run", "other"):
        assert sorted(os.listdir(tmp_path / name)) == sorted(RUN_FILES)
    different = differing_tensors(read_weights(uninterrupted), read_weights(tmp_path / "run"))
    assert not different, f"these weights differ: {different}"
    assert len(read_record(tmp_path / "run" / "record.json")["history"]) == 3

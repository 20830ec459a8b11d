"The readers of files from strangers, and what each of them may do with a file."

import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fuzzing.checkpoints import resume_from
from s6erav3.cli import _silent_stderr
from s6erav3.data.mnist import parse_idx
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_weights
from s6erav3.pictures.predict import read_picture
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import read_record

MAX_SECONDS = 10  # processor time for one file, which does not depend on the load of the machine
MAX_WAIT = 300  # seconds until a reader that waits for something counts as one that hangs
MAX_CHARACTERS = 1_000  # of a message


def read_quietly(path):
    "Read a picture as the command does, which keeps quiet what decoders write to stderr."
    with _silent_stderr():
        return read_picture(path)


READERS: dict[str, Callable] = {
    "weights": lambda path: load_weights(MNISTModel(), path),
    "checkpoint": resume_from,
    "record": lambda path: Recipe.from_record(read_record(path)),
    "picture": read_quietly,
    "idx": lambda path: parse_idx(Path(path).read_bytes()),
}


class Hangs(BaseException):
    "A reader waits for ever; no `except Exception` of a reader takes this for a damaged file."


class Outcome(NamedTuple):
    "What a reader did with a file."

    message: str  # empty where it could read the file
    seconds: float  # of processor time


def read(reader: str, path) -> Outcome:
    """Read a file; the reader gives its result, or raises an error with a message of one line.

    Whatever else happens is an error of the test: another exception, a warning, a long wait."""
    message = ""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=r"PIL\.")  # for the caller of Pillow, not for us
        try:
            READERS[reader](path)
        except (OSError, ValueError) as error:
            message = str(error) or type(error).__name__
    seconds = time.process_time() - start
    assert message.isprintable(), f"more than one printable line: {message[:2_000]!r}"
    assert len(message) < MAX_CHARACTERS, f"{len(message)} characters: {message[:2_000]}"
    assert seconds < MAX_SECONDS, f"{seconds:.1f} s of processor time"
    return Outcome(message, seconds)


@contextmanager
def hang_guard() -> Iterator[None]:
    "A reader that waits for ever fails after `MAX_WAIT` seconds (not on Windows)."
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def fail(*_):
        raise Hangs(f"no end after {MAX_WAIT} s")

    handler = signal.signal(signal.SIGALRM, fail)
    signal.alarm(MAX_WAIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)

"Checks of exercises/fault_injection.ipynb."

import random
import tempfile
from pathlib import Path

from checks import FUNCTION, NAMES, NUMBER, call, check


@check("Sixty kills without damage do not exclude a rate of a few per cent.", NUMBER)
def check_bound(percent):
    "The largest rate of damage, in per cent, at which 60 kills do none in 5 % of all tests."
    right = 100 * (1 - 0.05 ** (1 / 60))
    if percent == 0:
        return (
            "No damage in 60 kills does not mean that there is never any: "
            "with a rate of one in a thousand, 60 kills would nearly always pass, too."
        )
    if abs(percent - 100 / 60) < 0.05:
        return (
            "With a rate of one in sixty, more than a third of such tests see no damage; "
            "find the rate at which 5 % of them see none."
        )
    if abs(percent - 5) < 0.01:
        return (
            "That is the rule of three, 3/n. It is close; compute the exact rate, to two decimals."
        )
    if abs(percent - right / 100) < 0.001:
        return "The rate is right, but the answer is asked for in per cent."
    if abs(percent - right) > 0.01:
        return "Solve (1 - p) to the power of 60 = 0.05 for p."


@check("A bound that is five times smaller takes five times as many kills.", NUMBER)
def check_kills(n):
    "How many kills without damage show with 95 % confidence that fewer than 1 % do any."
    if n == 100:
        return (
            "With a rate of 1 %, a hundred kills do no damage with probability 0.99 to the "
            "power of 100, which is more than a third."
        )
    if n < 1 or n != round(n):
        return f"{n:g} is no number of kills: it is a whole number from 1."
    if 0.99**n > 0.05:
        return (
            f"With a rate of 1 %, {n} kills do no damage with a probability of {0.99**n:.3f}, "
            "which is more than 0.05."
        )
    if 0.99 ** (n - 1) <= 0.05:
        return "That is enough, but fewer are enough, too. Find the smallest number."


FIRST_PART = "new, first part; "
NEW = FIRST_PART + "second part"


def _text(path: Path) -> str | None:
    "What a file holds; None if it is not there."
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _others(path: Path) -> str:
    "The names of other files in the same folder."
    return ", ".join(sorted(p.name for p in path.parent.iterdir() if p != path))


@check("The file is old or new, never half, and no other file is left.", FUNCTION)
def check_write(write):
    "`write(path, produce)` writes a file atomically."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.txt")
        path.write_text("old", encoding="utf-8")
        return _fault_of_success(write, path) or _fault_of_failure(write, path)


def _fault_of_success(write, path) -> str | None:
    "What is wrong where `produce` succeeds."
    seen = []

    def produce(file):
        file.write(FIRST_PART)
        file.flush()
        seen.append(_text(path))
        file.write("second part")

    call(write, path, produce)
    if _text(path) != NEW:
        return "`produce` succeeded, but the file does not hold the new text."
    if seen != ["old"]:
        return (
            "While `produce` writes, a reader does not find the old text. "
            "Write into another file, and rename it at the end."
        )
    if left := _others(path):
        return f"The new text is there, but {left} was left beside it."


def _fault_of_failure(write, path) -> str | None:
    "What is wrong where `produce` fails."
    for error in (OSError("the disk is full"), ValueError("there is no such number")):
        path.write_text("old", encoding="utf-8")
        if fault := _fault_after(error, write, path):
            return fault


def _fault_after(error, write, path) -> str | None:
    "What is wrong where `produce` fails with an error."

    def produce(file):
        file.write(FIRST_PART)
        file.flush()
        raise error

    try:
        call(write, path, produce)
    except type(error):
        pass
    else:
        return (
            "`produce` failed, and the caller was not told: let its error pass after cleaning up."
        )
    if _text(path) != "old":
        return (
            "`produce` failed in the middle, and the old text is gone. "
            "Write into another file, and rename it at the end."
        )
    if left := _others(path):
        return (
            f"The old file is there, but {left} was left beside it after a "
            f"{type(error).__name__}. Remove that file wherever `produce` fails."
        )


def _fragile(content: bytes):
    "A reader that fails on truncated files."
    if content[:4] != b"GOOD":
        raise ValueError("not of this format")
    return [content[5 + content[4] % 7]]


def _picky(content: bytes):
    "A reader that fails where a byte is changed, and on no truncated file."
    if content[:4] != b"GOOD" or len(content) < 12:
        raise ValueError("not of this format")
    return {0: "grey"}[content[4]]


class _Sound:
    "A reader without a fault, which counts how often it is called."

    def __init__(self):
        self.calls = 0

    def __call__(self, content: bytes):
        self.calls += 1
        if content[:4] != b"GOOD":
            raise ValueError("not of this format")
        return content


GOOD = b"GOOD" + bytes(8)


@check("It finds a case that the author of the reader did not think of.", FUNCTION)
def check_fuzz(fuzz):
    "`fuzz(reader, good, n)`: the names of all errors but ValueError on n damaged copies of `good`."
    random.seed(0)
    sound = _Sound()
    found = call(fuzz, sound, GOOD, 300, kind=NAMES)
    if "ValueError" in found:
        return (
            "A reader should raise ValueError for a damaged file; leave ValueError out of the set."
        )
    if found:
        return f"It reports {', '.join(sorted(found))} for a reader that has no fault."
    if sound.calls != 300:
        return f"It calls the reader {sound.calls} times for 300 copies; once for each is wanted."
    found = call(fuzz, _fragile, GOOD, 3_000, kind=NAMES)
    if "IndexError" not in found:
        return "It misses a reader that fails on truncated files. Truncate some of the copies."
    others = sorted(found - {"IndexError"})
    if others:
        return f"It reports {', '.join(others)}, which the reader does not raise."
    if "KeyError" not in call(fuzz, _picky, GOOD, 3_000, kind=NAMES):
        return "It misses a reader that fails where a byte is another. Change bytes in some copies."

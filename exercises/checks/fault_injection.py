"Checks of exercises/fault_injection.ipynb."

import random
import tempfile
from pathlib import Path

from checks import Unanswered, call, check


@check("Sixty kills without damage do not exclude a rate of a few per cent.")
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


@check("A bound that is five times smaller takes five times as many kills.")
def check_kills(n):
    "How many kills without damage show with 95 % confidence that fewer than 1 % do any."
    if n == 100:
        return (
            "With a rate of 1 %, a hundred kills do no damage with probability 0.99 to the "
            "power of 100, which is more than a third."
        )
    if 0.99**n > 0.05:
        return (
            f"With a rate of 1 %, {n} kills do no damage with a probability of {0.99**n:.3f}, "
            "which is more than 0.05."
        )
    if 0.99 ** (n - 1) <= 0.05:
        return "That is enough, but fewer are enough, too. Find the smallest number."


def _writes_twice(file):
    file.write("new, first part; ")
    file.flush()
    file.write("second part")


def _fails(file):
    file.write("new, first part; ")
    file.flush()
    raise OSError("the disk is full")


@check("The file is old or new, never half, and no other file is left.")
def check_write(write):
    "`write(path, produce)` writes a file atomically."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.txt")
        path.write_text("old")
        return _fault_of_success(write, path) or _fault_of_failure(write, path)


def _fault_of_success(write, path) -> str | None:
    "What is wrong where `produce` succeeds."
    if write(path, _writes_twice) is ...:
        raise Unanswered
    if path.read_text() != "new, first part; second part":
        return "`produce` succeeded, but the file does not hold the new text."


def _fault_of_failure(write, path) -> str | None:
    "What is wrong where `produce` fails."
    path.write_text("old")
    try:
        write(path, _fails)
    except OSError:
        pass
    else:
        return (
            "`produce` failed, and the caller was not told: let its error pass after cleaning up."
        )
    if path.read_text() != "old":
        return (
            "`produce` failed in the middle, and the old text is gone. "
            "Write into another file, and rename it at the end."
        )
    left = sorted(p.name for p in path.parent.iterdir() if p != path)
    if left:
        return (
            f"The old file is there, but {', '.join(left)} was left beside it. "
            "Remove that file where `produce` fails."
        )


def _fragile(content: bytes):
    "A reader that fails on truncated files."
    if content[:4] != b"GOOD":
        raise ValueError("not of this format")
    return [content[5 + content[4] % 7]]


def _sound(content: bytes):
    "A reader without a fault."
    if content[:4] != b"GOOD":
        raise ValueError("not of this format")
    return content


@check("It finds a case that the author of the reader did not think of.")
def check_fuzz(fuzz):
    "`fuzz(reader, good, n)`: the names of all errors but ValueError on n damaged copies of `good`."
    random.seed(0)
    found = call(fuzz, _sound, b"GOOD" + bytes(8), 300)
    if "ValueError" in found:
        return (
            "A reader should raise ValueError for a damaged file; leave ValueError out of the set."
        )
    if found:
        return f"It reports {', '.join(sorted(found))} for a reader that has no fault."
    found = call(fuzz, _fragile, b"GOOD" + bytes(8), 3_000)
    if "IndexError" not in found:
        return "It misses a reader that fails on truncated files. Truncate some of the copies."
    others = sorted(set(found) - {"IndexError"})
    if others:
        return f"It reports {', '.join(others)}, which the reader does not raise."

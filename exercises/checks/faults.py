"Checks of exercises/10_faults.ipynb."

import random
import tempfile
from pathlib import Path

from checks import call, check


@check("Sixty kills without harm leave room for a few in a hundred.")
def check_bound(percent):
    "The largest rate of harm, in per cent, at which 60 kills without any still happen in 5 % of cases."
    right = 100 * (1 - 0.05 ** (1 / 60))
    if percent == 0:
        return "That none was seen does not mean that there is none: with a rate of one in a thousand, 60 kills would nearly always pass, too."
    if abs(percent - 100 / 60) < 0.05:
        return "One in sixty would be seen in most such tests, but not in all: with that rate, more than a third of them see none."
    if abs(percent - 5) < 0.01:
        return (
            "That is the rule of three, 3/n. It is near; work out the rate itself, to two decimals."
        )
    if abs(percent - right / 100) < 0.001:
        return "The rate is right, but asked for in per cent."
    if abs(percent - right) > 0.01:
        return "Solve (1 - p) to the power of 60 = 0.05 for p."


@check("A rate that is three times lower takes three times as many kills.")
def check_kills(n):
    "How many kills without harm show with 95 % confidence that less than 1 % do any."
    if n == 100:
        return "A hundred kills see none with a probability of 0.99 to the power of 100, and that is more than a third."
    if 0.99**n > 0.05:
        return f"With a rate of 1 %, {n} kills see no harm with a probability of {0.99**n:.3f}, which is above 0.05."
    if 0.99 ** (n - 1) <= 0.05:
        return "That is enough, but fewer are, too. Look for the smallest number."


def _two_parts(file):
    file.write("new, first part")
    file.flush()
    file.write("second part")


def _fails(file):
    file.write("new, first part")
    file.flush()
    raise OSError("the disk is full")


@check("Old or new, never half, and nothing is left beside.")
def check_write(write):
    "`write(path, produce)` has `produce(file)` write a file's new text; if that fails, the old file is there, and no other."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.txt")
        path.write_text("old")
        if write(path, _two_parts) is ...:
            return call(lambda: ...)
        if path.read_text() != "new, first partsecond part":
            return "After a writing that went well the file does not hold the new text."
        path.write_text("old")
        try:
            write(path, _fails)
        except OSError:
            pass
        else:
            return (
                "The writing failed, and nobody was told: let the error through after tidying up."
            )
        if path.read_text() != "old":
            return "The writing failed halfway, and the old text is gone. Write to another name, and rename at the end."
        left = sorted(p.name for p in Path(folder).iterdir() if p != path)
        if left:
            return f"The old file is there, but {', '.join(left)} was left beside it. Remove it when the writing fails."


def _fragile(content: bytes):
    if content[:4] != b"GOOD":
        raise ValueError("not of this format")
    return [content[5 + content[4] % 7]]


def _sound(content: bytes):
    if content[:4] != b"GOOD":
        raise ValueError("not of this format")
    return content


@check("It finds what the author of the reader has not thought of.")
def check_fuzz(fuzz):
    "`fuzz(reader, good, n)`: the names of all errors but ValueError that the reader ends with, on n damaged copies of `good`."
    random.seed(0)
    found = call(fuzz, _sound, b"GOOD" + bytes(8), 300)
    if "ValueError" in found:
        return (
            "A ValueError is what a reader is to raise for a damaged file; it is not to be counted."
        )
    if found:
        return f"It reports {', '.join(sorted(found))} for a reader that has no fault."
    found = call(fuzz, _fragile, b"GOOD" + bytes(8), 3_000)
    if "IndexError" not in found:
        return "It misses a reader that fails on files that were cut short. Bytes can be lost, not only changed."
    if set(found) - {"IndexError"}:
        return f"It reports {', '.join(sorted(set(found) - {'IndexError'}))}, which the reader does not raise."

"Wrong answers to exercises/fault_injection.ipynb, by check."

import random
from pathlib import Path


def in_place(path, produce):
    "A failure destroys the old file."
    with open(path, "w") as file:
        produce(file)


def leaves_a_file(path, produce):
    "A failure leaves the temporary file."
    part = Path(f"{path}.part")
    with open(part, "w") as file:
        produce(file)
    part.replace(path)


def hides_the_error(path, produce):
    "A failure does not reach the caller."
    part = Path(f"{path}.part")
    try:
        with open(part, "w") as file:
            produce(file)
        part.replace(path)
    except OSError:
        part.unlink()


def errors_of_changes(reader, good, n):
    "The names of all errors on copies with one byte changed; none is truncated."
    found = set()
    for _ in range(n):
        damaged = bytearray(good)
        damaged[random.randrange(len(good))] = random.randrange(256)
        try:
            reader(bytes(damaged))
        except Exception as error:
            found.add(type(error).__name__)
    return found


def never_truncates(reader, good, n):
    return errors_of_changes(reader, good, n) - {"ValueError"}


WRONG = {
    "check_bound": [0, 100 / 60, 5, 0.0487],
    "check_kills": [100, 298, 400],
    "check_write": [in_place, leaves_a_file, hides_the_error],
    "check_fuzz": [never_truncates, errors_of_changes],
}

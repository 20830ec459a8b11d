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


def puts_it_back(path, produce):
    "While it writes, the old text is nowhere in the file."
    old = path.read_text()
    try:
        with open(path, "w") as file:
            produce(file)
    except Exception:
        path.write_text(old)
        raise


def only_for_some_errors(path, produce):
    "Another error than `OSError` leaves a file."
    part = Path(f"{path}.part")
    try:
        with open(part, "w") as file:
            produce(file)
        part.replace(path)
    except OSError:
        part.unlink()
        raise


def half_as_often(reader, good, n):
    return errors_of_truncated(reader, good, n // 2)


def errors_of_truncated(reader, good, n):
    "No byte is changed."
    found = set()
    for i in range(n):
        try:
            reader(good[: i % len(good)])
        except ValueError:
            pass
        except Exception as error:
            found.add(type(error).__name__)
    return found


WRONG = {
    "check_bound": [0, 100 / 60, 5, 0.0487],
    "check_kills": [298.5, 100, 298, 400],
    "check_write": [puts_it_back, only_for_some_errors, in_place, leaves_a_file, hides_the_error],
    "check_fuzz": [
        errors_of_truncated,
        half_as_often,
        never_truncates,
        errors_of_changes,
    ],
}

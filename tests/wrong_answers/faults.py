import random
from pathlib import Path


def in_place(path, produce):
    with open(path, "w") as file:
        produce(file)


def leaves_its_part(path, produce):
    part = Path(f"{path}.part")
    with open(part, "w") as file:
        produce(file)
    part.replace(path)


def tells_nobody(path, produce):
    part = Path(f"{path}.part")
    try:
        with open(part, "w") as file:
            produce(file)
        part.replace(path)
    except OSError:
        part.unlink()


def errors_of_changes(reader, good, n):
    "The names of all errors on copies with one byte changed; none is cut short."
    found = set()
    for _ in range(n):
        damaged = bytearray(good)
        damaged[random.randrange(len(good))] = random.randrange(256)
        try:
            reader(bytes(damaged))
        except Exception as error:
            found.add(type(error).__name__)
    return found


def changes_only(reader, good, n):
    return errors_of_changes(reader, good, n) - {"ValueError"}


WRONG = {
    "check_bound": [0, 100 / 60, 5, 0.0487],
    "check_kills": [100, 298, 400],
    "check_write": [in_place, leaves_its_part, tells_nobody],
    "check_fuzz": [changes_only, errors_of_changes],
}

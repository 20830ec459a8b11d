import time
from pathlib import Path

from s6erav3.files import atomic_write, exclusive_lock


def over_the_old(path, parts):
    with open(path, "w") as file:
        for part in parts:
            file.write(part)


def gathered_first(path, parts):
    Path(path).write_text("".join(list(parts)))


def no_cleaning(path, parts):
    temporary = Path(f"{path}.new")
    with open(temporary, "w") as file:
        for part in parts:
            file.write(part)
    temporary.replace(path)


def silent(path, parts):
    try:
        with atomic_write(path) as part:
            part.write_text("".join(parts))
    except OSError:
        pass


def no_lock(folder):
    path = Path(folder) / "count.txt"
    path.write_text(str(int(path.read_text()) + 1))


def no_retry(folder):
    with exclusive_lock(folder):
        no_lock(folder)


def read_too_early(folder):
    path = Path(folder) / "count.txt"
    count = int(path.read_text())
    while True:
        try:
            with exclusive_lock(folder):
                path.write_text(str(count + 1))
            return
        except BlockingIOError:
            time.sleep(0.01)


def gives_up(folder):
    try:
        no_retry(folder)
    except BlockingIOError:
        pass


WRITE = "write a temporary file"
SYNC = "sync the file"
RENAME = "rename it"
FOLDER = "sync the folder"


def cleaned_for_some_errors(path, parts):
    temporary = Path(f"{path}.new")
    try:
        with open(temporary, "w") as file:
            file.writelines(parts)
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise


WRONG = {
    "check_order": [
        ["sync the folder", "write a temporary file", "sync the file", "rename it"],
        [WRITE, RENAME, SYNC, FOLDER],
        [WRITE, SYNC, RENAME],
        [WRITE, RENAME, FOLDER],
        [RENAME, WRITE, SYNC, FOLDER],
        [WRITE, SYNC, FOLDER, RENAME],
    ],
    "check_save": [cleaned_for_some_errors, over_the_old, gathered_first, no_cleaning, silent],
    "check_add": [no_lock, no_retry, read_too_early, gives_up],
}

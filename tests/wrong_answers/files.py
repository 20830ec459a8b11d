import time
from pathlib import Path

from s6erav3.files import folder_to_oneself, written_whole


def over_the_old(path, parts):
    with open(path, "w") as file:
        for part in parts:
            file.write(part)


def gathered_first(path, parts):
    Path(path).write_text("".join(list(parts)))


def no_cleaning(path, parts):
    beside = Path(f"{path}.new")
    with open(beside, "w") as file:
        for part in parts:
            file.write(part)
    beside.replace(path)


def silent(path, parts):
    try:
        with written_whole(path) as part:
            part.write_text("".join(parts))
    except OSError:
        pass


def no_lock(folder):
    path = Path(folder) / "count.txt"
    path.write_text(str(int(path.read_text()) + 1))


def no_patience(folder):
    with folder_to_oneself(folder):
        no_lock(folder)


def read_too_early(folder):
    path = Path(folder) / "count.txt"
    count = int(path.read_text())
    while True:
        try:
            with folder_to_oneself(folder):
                path.write_text(str(count + 1))
            return
        except BlockingIOError:
            time.sleep(0.01)


def shrugs(folder):
    try:
        no_patience(folder)
    except BlockingIOError:
        pass


WRITE, SYNC, RENAME, FOLDER = (
    "write the file beside",
    "sync the file",
    "rename it",
    "sync the folder",
)
WRONG = {
    "check_order": [
        [WRITE, RENAME, SYNC, FOLDER],
        [WRITE, SYNC, RENAME],
        [WRITE, RENAME, FOLDER],
        [RENAME, WRITE, SYNC, FOLDER],
        [WRITE, SYNC, FOLDER, RENAME],
    ],
    "check_save": [over_the_old, gathered_first, no_cleaning, silent],
    "check_add": [no_lock, no_patience, read_too_early, shrugs],
}

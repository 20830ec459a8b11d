import os
import tempfile
import time
from pathlib import Path

from s6erav3.files import exclusive_lock


def by_tempfile(path, parts):
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(parts)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def until_it_works(folder):
    try:
        with exclusive_lock(folder):
            path = Path(folder, "count.txt")
            path.write_text(f"{int(path.read_text()) + 1}\n")
    except BlockingIOError:
        time.sleep(0.02)
        until_it_works(folder)


STEPS = ("write a temporary file", "sync the file", "rename it", "sync the folder")
RIGHT = {
    "check_order": [(STEPS,)],
    "check_save": [by_tempfile],
    "check_add": [until_it_works],
}

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from s6erav3.__main__ import main


def by_exit_status(command):
    status = 1
    try:
        command()
        status = 0
    except (OSError, ValueError) as error:
        sys.stderr.write("Error: " + "; ".join(str(error).splitlines()) + "\n")
    return status


def by_paths(files):
    "Paths as keys, digits as tuples."
    digits, lines = {}, []
    for file in files:
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as error:
            main(["predict", file, "--json"])
        lines += error.getvalue().splitlines()
        rows = json.loads(out.getvalue() or "[]")
        if rows:
            digits[Path(file)] = tuple(row["digit"] for row in rows)
    return [digits, lines]


RIGHT = {
    "check_statuses": [(0.0, 2, 1, 1)],
    "check_run": [by_exit_status],
    "check_read": [by_paths],
}

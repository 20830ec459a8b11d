import io
import json
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout

from s6erav3.__main__ import main
from s6erav3.pictures.predict import predict


def reporting(say, status=1, caught=(OSError, ValueError)):
    "A `run` that says an error in some way."

    def run(command):
        try:
            command()
        except caught as error:
            say(error)
            return status
        return 0

    return run


def says_nothing(command):
    command()


def quiet(files, *options):
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as said:
        main(["predict", *files, *options])
    return out.getvalue(), said.getvalue()


def last_of_each(files):
    out, said = quiet(files, "--json")
    return {row["file"]: [row["digit"]] for row in json.loads(out)}, said.splitlines()


def printing(files):
    main(["predict", *files, "--json"])
    return {}, []


def deaf(files):
    with redirect_stdout(io.StringIO()) as out:
        main(["predict", *files, "--json"])
    return {row["file"]: [row["digit"]] for row in json.loads(out.getvalue())}, []


def without_faults(files):
    digits = {}
    for row in json.loads(quiet(files, "--json")[0]):
        digits.setdefault(row["file"], []).append(row["digit"])
    return digits, []


def without_command(files):
    return {file: predict(file)["digit"].tolist() for file in files}, []


WRONG = {
    "check_statuses": [
        (1, 2, 1, 1),
        (0, 1, 1, 1),
        (0, 2, 2, 1),
        (0, 2, 0, 1),
        (0, 2, 1, 0),
        (0, 2, 1, 2),
    ],
    "check_run": [
        lambda command: command(),
        says_nothing,
        reporting(lambda error: print(f"Error: {error}")),
        reporting(lambda error: print(f"Error: {error}", file=sys.stderr)),
        reporting(lambda error: print(f"Error: {error}", file=sys.stderr), status=0),
        reporting(lambda error: print(f"Error: {error}", file=sys.stderr), status=2),
        reporting(lambda error: traceback.print_exception(error)),
        reporting(lambda error: print("Error: something went wrong", file=sys.stderr)),
        reporting(
            lambda error: print(f"Error: {' '.join(str(error).split())}", file=sys.stderr),
            caught=Exception,
        ),
        reporting(
            lambda error: print(f"Error: {' '.join(str(error).split())}", file=sys.stderr),
            caught=BaseException,
        ),
    ],
    "check_read": [
        last_of_each,
        printing,
        deaf,
        without_faults,
        without_command,
        lambda files: quiet(files),
    ],
}

"The quiz of nbs/10_cli.ipynb, and the checks of exercises/10_cli.ipynb."

import tempfile
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from PIL import Image

from checks import FUNCTION, LIST, TEXTS, WHOLE, call, check, described, make_quiz
from s6erav3.__main__ import main
from s6erav3.pictures.canvas import CANVAS_SIZE, example_drawing

quiz = make_quiz(
    (
        "b",
        {
            "a": "A script would then believe that all three were classified.",
            "b": "The call was understood, but not everything that was asked for is done.",
            "c": "The call was understood: the command is there, and files are what it takes.",
        },
    ),
    (
        "c",
        {
            "a": "The command is `evaluate`.",
            "b": "An argument has no dashes. This one says what its value is for.",
            "c": "It begins with two dashes, and its value follows.",
        },
    ),
    (
        "a",
        {
            "a": "The record holds the seed, the recipe and the data of the run.",
            "b": "A state dict holds names and tensors, nothing else.",
            "c": "The curves show what happened, not with which seed.",
        },
    ),
    (
        "c",
        {
            "a": "It belongs to `train`, and continues a run that was interrupted.",
            "b": "It belongs to `predict` and `bench`.",
            "c": "A choice made on the test set would make the reported accuracy too good.",
        },
    ),
    (
        "a",
        {
            "a": "With the statistics of the images themselves, the same weights are much better.",
            "b": "After one epoch? And then it would not get better in the next epochs.",
            "c": "Training and validation images were drawn at random from the same images.",
        },
    ),
)


def pictures(folder) -> list[str]:
    "Three files in `folder`: a three; no picture at all; two threes side by side. Their names."
    three = Image.frombytes("L", (CANVAS_SIZE, CANVAS_SIZE), example_drawing())
    row = Image.new("L", (2 * CANVAS_SIZE, CANVAS_SIZE))
    for left in (0, CANVAS_SIZE):
        row.paste(three, (left, 0))
    names = [str(Path(folder, name)) for name in ("three.png", "poem.png", "row.png")]
    three.save(names[0])
    Path(names[1]).write_text("not a picture")
    row.save(names[2])
    return names


def _status(*arguments) -> int:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        return main([str(argument) for argument in arguments])


@check(
    "0 only where all went well, 2 for a call that makes no sense, 1 for one that "
    "could not be carried out.",
    WHOLE,
    WHOLE,
    WHOLE,
    WHOLE,
)
def check_statuses(summary, dance, missing, mixed):
    "The exit statuses of `summary`, `dance`, `predict nowhere.png`, and `predict"
    "three.png poem.png row.png`."
    with tempfile.TemporaryDirectory() as folder:
        right = [
            _status("summary"),
            _status("dance"),
            _status("predict", Path(folder, "nowhere.png")),
            _status("predict", *pictures(folder)),
        ]
    given = [summary, dance, missing, mixed]
    if given == right:
        return None
    if given[0] != right[0]:
        return (
            "The first call does what it is asked to. By custom one number alone stands for that."
        )
    if given[1] != right[1]:
        return (
            "There is no command `dance`. That is not a misfortune on the way but a "
            "call that cannot be understood, and it has a number of its own."
        )
    if given[2] == 2:
        return (
            "`predict FILE` is a call that makes sense; it is only that this file is "
            "not there when it is carried out."
        )
    if given[2] != right[2]:
        return "There is no file of that name, so nothing was read; what tells a script so?"
    if given[3] == 0:
        return (
            "Two of three pictures are read, but a script that only looks at the "
            "status would believe that all three were."
        )
    return (
        f"The last call is understood and partly carried out; {given[3]} is not what it ends with."
    )


def _is_status(value, status: int) -> bool:
    "Whether a value is this exit status: a whole number, and not True or False."
    return isinstance(value, int) and not isinstance(value, bool) and int(value) == status


def _said(run, command) -> tuple:
    "What `run(command)` returns, and what it prints in place of a result."
    with redirect_stderr(StringIO()) as error, redirect_stdout(StringIO()) as out:
        status = call(run, command)
    return status, error.getvalue(), out.getvalue()


@check(
    "One line where errors belong, a status that is not 0, and what is no error of "
    "the user's gets through.",
    FUNCTION,
)
def check_run(run):
    "`run(command)`: 0, or 1 and a line on stderr for `OSError` and `ValueError`."

    def fine():
        print("three")

    def fails(error):
        def command():
            raise error

        return command

    status, error, out = _said(run, fine)
    if out != "three\n":
        return "What the command prints should come through as it is."
    if error:
        return f"After a command that went well it says {error[:80]!r} on stderr."
    if not _is_status(status, 0):
        return f"After a command that went well it returns {described(status)}; 0 is wanted."
    status, error, out = _said(run, fails(ValueError("poem.png is not a picture")))
    if status is None or _is_status(status, 0):
        return f"After an error it returns {status}: a script would go on as if all were well."
    if not _is_status(status, 1):
        return (
            f"After an error it returns {described(status)}; 1 is wanted. (2 is kept for calls "
            "that cannot be understood.)"
        )
    if out:
        return (
            "The error was printed to stdout. There a script looks for results; errors "
            "go to `sys.stderr`."
        )
    if "Traceback" in error:
        return "A traceback helps whoever mends the program. Whoever uses it wants one line."
    if "poem.png is not a picture" not in error:
        return "The line does not say what was wrong: the error's own text does."
    if not error.startswith("Error: "):
        return f"The line is {error[:80]!r}; it should begin with `Error: `."
    if error.count("\n") != 1 or not error.endswith("\n"):
        return "One line, with its end, is wanted."
    _, error, _ = _said(run, fails(OSError("line one\nline two")))
    if error.count("\n") != 1:
        return (
            "An error whose text has two lines is printed as two: join them, so that a "
            "program may read line by line."
        )
    for unforeseen in (KeyboardInterrupt(), ZeroDivisionError("a mistake of the program's")):
        try:
            _said(run, fails(unforeseen))
        except type(unforeseen):
            continue
        return (
            f"It swallows a {type(unforeseen).__name__} as well. Only what can be "
            "foreseen, `OSError` and `ValueError`, is for the user to mend."
        )


@check(
    "Digits by file, in order, and the faults apart: another program can go on with that.",
    FUNCTION,
)
def check_read(read):
    "`read(files)`: digits by file, and the lines about files that cannot be read."
    with (
        tempfile.TemporaryDirectory() as folder,
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as error,
    ):
        files = pictures(folder)
        got = call(read, list(files), kind=LIST)
        nothing = call(read, [files[1]], kind=LIST)
    if out.getvalue():
        return "The command's JSON was printed and not caught: `redirect_stdout` takes it."
    if error.getvalue():
        return (
            "What the command says of files that it cannot read was printed and not "
            "caught: `redirect_stderr` takes it."
        )
    if fault := _fault_of_pair(got) or _fault_of_pair(nothing):
        return fault
    digits = {str(file): value for file, value in got[0].items()}
    faults = TEXTS.of(got[1], "The second of the pair should be")
    if files[2] not in digits:
        return (
            "The file after the one that cannot be read is missing; files found: "
            f"{[Path(file).name for file in digits]}."
        )
    if isinstance(digits[files[2]], int) or digits[files[2]] == [3]:
        return (
            "A picture with two digits gives two rows of the table; the second has "
            "taken the place of the first, or was left out."
        )
    if isinstance(digits.get(files[0]), int):
        return (
            "Let each file have a list of digits, also where there is only one: who "
            "reads the result should not have to ask."
        )
    if files[1] in digits:
        return "The file that cannot be read has no digits; it belongs to the faults."
    found = [LIST.of(value, "The digits of a file should be") for value in digits.values()]
    if found != [[3], [3, 3]] or [*digits] != [files[0], files[2]]:
        return f"The digits are {str(found)[:80]}; [[3], [3, 3]] are in the pictures."
    if not faults:
        return "Nothing is said of the file that cannot be read."
    if len(faults) != 1 or "poem.png is not a picture" not in faults[0]:
        return (
            f"One line is wanted, about poem.png; there are {len(faults)}: "
            f"{[str(line)[:60] for line in faults]}."
        )
    if nothing[0] or len(nothing[1]) != 1:
        return "Where no file can be read, an empty dictionary and one line are wanted."


def _fault_of_pair(got: list) -> str | None:
    "What is wrong with the form of the result, or None."
    if len(got) != 2 or not isinstance(got[0], dict) or not isinstance(got[1], (list, tuple)):
        return "A pair is wanted: a dictionary with the digits of each file, and a list of lines."

"What every check is made of: it looks at an answer, and says what is wrong with it."

import functools
import inspect
import sysconfig
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import torch

import s6erav3
from checks.kinds import (
    ANY_NUMBER,
    ARRAY,
    FUNCTION,
    LIST,
    NAMES,
    NUMBER,
    TENSOR,
    TEXT,
    TEXTS,
    TWO_TENSORS,
    VALUES,
    WHOLE,
    Kind,
    Unanswered,
    WrongAnswer,
    described,
    instance_of,
    shape_text,
)

__all__ = [
    "ANY_NUMBER",
    "ARRAY",
    "FUNCTION",
    "LIST",
    "NAMES",
    "NUMBER",
    "TENSOR",
    "TEXT",
    "TEXTS",
    "TWO_TENSORS",
    "UNANSWERED",
    "UNFORESEEN",
    "VALUES",
    "WHOLE",
    "Unanswered",
    "Verdict",
    "WrongAnswer",
    "call",
    "check",
    "described",
    "instance_of",
    "make_quiz",
    "shape_text",
]

UNANSWERED = "There is no answer yet: put yours in place of the dots."
UNFORESEEN = "The check did not expect such an answer, and stopped"
_FOLDERS = [  # whose code the reader has not written
    *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")),
    Path(torch.__file__).parents[1],
    Path(s6erav3.__file__).parent,
    Path(__file__).parent,
]
OTHERS_CODE = tuple(str(Path(folder).resolve()) for folder in _FOLDERS)
LONGEST = 200  # characters of an error's text


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and a sentence that says why or what is wrong.

    `error` is what the reader's code has raised, with its traceback.
    """

    right: bool
    message: str
    error: BaseException | None = field(default=None, compare=False)

    def __repr__(self):
        text = f"{'Right' if self.right else 'Not yet'}. {self.message}"
        if self.error is None:
            return text
        lines = [f"  line {frame.lineno}: {frame.line}" for frame in own_frames(self.error)]
        return "\n".join([text, *lines, "(`raise _.error` shows the whole traceback.)"])


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    "Where an error passed through the reader's own code, the innermost line last."
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not _is_others(frame.filename)]


def _is_others(filename: str) -> bool:
    "Whether a file belongs to Python, to a library or to this repository's package and checks."
    if filename.startswith("<frozen"):
        return True
    return Path(filename).is_absolute() and str(Path(filename).resolve()).startswith(OTHERS_CODE)


def error_text(error: BaseException) -> str:
    "An error's type and text, on one line."
    text = " ".join(traceback.format_exception_only(error)[-1].split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def fault_of_error(error: BaseException) -> str:
    "What to say of an error that came out of a check: the reader's line, if it was there."
    text = error_text(error)
    end = "" if text.endswith((".", "!", "?", "…")) else "."
    own = own_frames(error)
    if own:
        line = f", `{own[-1].line}`," if own[-1].line else ""
        return f"Line {own[-1].lineno} of your code{line} raised {text}{end}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    if last.name == "call" and Path(last.filename) == Path(__file__):
        return f"Your function cannot be called as the exercise asks: {text}{end}"
    return f"{UNFORESEEN}: {text}{end}"


def call(function, *arguments, kind: Kind | None = None):
    """What the reader's function gives; `Unanswered` where its body is still the dots.

    With `kind`, the result in the form of that kind; `WrongAnswer` where it is none.
    """
    result = function(*arguments)
    if result is ...:
        raise Unanswered
    if kind is None:
        return result
    name = getattr(function, "__name__", None)
    subject = f"`{name}`" if isinstance(name, str) and name.isidentifier() else "Your function"
    return kind.of(result, f"{subject} should return")


def check(praise: str, *kinds: Kind):
    """Make a check of a function that says what is wrong with an answer, or returns None.

    `kinds` are those of its parameters. Whatever is handed in, the check gives a verdict. It
    leaves the random state and the gradient mode as they were.
    """

    def decorate(find_fault):
        signature = inspect.signature(find_fault)
        assert len(kinds) == len(signature.parameters)

        @functools.wraps(find_fault)
        def checked(*answer) -> Verdict:
            given = signature.bind(*answer).arguments
            with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(True):
                return _verdict(find_fault, zip(kinds, given, given.values()), praise)

        return checked

    return decorate


def _verdict(find_fault, given, praise: str) -> Verdict:
    "The verdict on an answer: its kinds, the names of its parts, and the parts."
    try:
        given = list(given)
        if any(part is ... for *_, part in given):
            raise Unanswered
        parts = [kind.of(part, f"`{name}` should be") for kind, name, part in given]
        fault = find_fault(*parts)
    except Unanswered:
        return Verdict(False, UNANSWERED)
    except WrongAnswer as wrong:
        return Verdict(False, str(wrong))
    except (Exception, SystemExit) as error:
        return Verdict(False, fault_of_error(error), error)
    return Verdict(fault is None, fault or praise)


def make_quiz(*questions: tuple[str, dict[str, str]]):
    """`quiz(number, letter)` for some questions, counted from 1.

    A question is the correct letter, and for each letter the sentence that answers it.
    """

    def quiz(number: int, letter) -> Verdict:
        if letter is ...:
            return Verdict(False, UNANSWERED)
        if not isinstance(number, int) or not 1 <= number <= len(questions):
            return Verdict(False, f"There are {len(questions)} questions, from 1.")
        correct, reasons = questions[number - 1]
        chosen = letter.strip().lower() if isinstance(letter, str) else ""
        if chosen not in reasons:
            return Verdict(False, f"Choose one of the letters {', '.join(reasons)}.")
        return Verdict(chosen == correct, reasons[chosen])

    quiz.questions = questions
    return quiz

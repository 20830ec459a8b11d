"""Every exercise can be solved, and every check rejects wrong answers and says why.

Each test is one rule. It collects all faults and names them.
"""

import ast
import functools
import importlib
import inspect
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
EXERCISES = ROOT / "exercises"
sys.path[:0] = [str(EXERCISES), str(ROOT / "tests"), str(ROOT / "tools")]
import budgets  # noqa: E402
import checks  # noqa: E402
import pages  # noqa: E402

PATHS = pages.exercises()
NAMES = [path.stem for path in PATHS]
WITHOUT = {  # lessons without exercises
    "fine_tuning",
    "layer_table_tools",
    "learned_representations",
}


class Hostile:
    "An answer that raises an error whatever is done with it."

    def _raise(self, *_):
        raise RuntimeError("do not touch")

    __eq__ = __hash__ = __repr__ = __str__ = __bool__ = __len__ = __iter__ = _raise
    __float__ = __int__ = __index__ = __array__ = __contains__ = __lt__ = __getitem__ = _raise


def _endless():
    "A generator without an end."
    while True:
        yield 0.5


def _ring() -> list:
    "A list that contains itself."
    ring: list = []
    ring.append(ring)
    return ring


ODD = {  # answers of other kinds, made anew for each use
    "None": lambda: None,
    "a text": lambda: "seven",
    "a text with braces": lambda: "{0:,}\n{oops}",
    "bytes": lambda: b"7",
    "True": lambda: True,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "a number of 401 digits": lambda: 10**400,
    "a negative number": lambda: -1,
    "a complex number": lambda: 3 + 4j,
    "an empty list": list,
    "a ragged list": lambda: [[1, 2], [3]],
    "a list of texts": lambda: ["conv1", "fc"],
    "a list that contains itself": _ring,
    "a dictionary": lambda: {"a": 1},
    "a set": lambda: {1, 2},
    "a range": lambda: range(10**12),
    "a generator": _endless,
    "an array of nan": lambda: np.full((3, 3), np.nan),
    "an array of objects": lambda: np.array([object(), None]),
    "an array of texts": lambda: np.array(["a", "b"]),
    "an empty array": lambda: np.zeros((0, 3)),
    "a tensor of another shape": lambda: torch.zeros(2, 3, 4),
    "a tensor that requires a gradient": lambda: torch.zeros(2, requires_grad=True),
    "a complex tensor": lambda: torch.zeros(3, 3, dtype=torch.complex64),
    "a sparse tensor": lambda: torch.eye(3).to_sparse(),
    "a tensor without numbers": lambda: torch.zeros(3, 3, device="meta"),
    "a tensor of 10¹² numbers": lambda: torch.zeros(1).expand(10**6, 10**6),
    "a class": lambda: dict,
    "a module": lambda: math,
    "an exception": lambda: ValueError("oops"),
    "a plain object": object,
    "a hostile object": Hostile,
}


def fails(*_, **__):
    "An answer that raises."
    values = []
    return values[3]  # this line


def fails_oddly(*_, **__):
    "An answer that raises an error of many lines."
    raise KeyError("a\n" * 10_000)


def ends(*_, **__):
    "An answer that ends the program."
    sys.exit("enough")


def is_slow(*_, **__):
    "An answer that does not end, written as a generator."
    yield from _endless()


def takes_nothing():
    "An answer that takes no argument."


ODD_FUNCTIONS = (fails, fails_oddly, ends, is_slow, takes_nothing, len, print, int)


def listed(faults) -> str:
    "Faults as the message of an assertion, one a line."
    return "\n".join(["", *faults])


def cells(path: Path, kind: str = "code") -> list[dict]:
    "The cells of a notebook that a reader sees, without its set-up."
    return [cell for cell in pages.cells(path, kind) if kind != "code" or pages.is_visible(cell)]


def run_cell(source: str, space: dict):
    "Run a cell; the value of its last line, if that is an expression."
    *body, last = budgets.parse(source).body
    if not isinstance(last, ast.Expr):
        body, last = [*body, last], None
    exec(compile(ast.Module(body, []), "a cell", "exec"), space)
    return eval(compile(ast.Expression(last.value), "a cell", "eval"), space) if last else None


def run_notebook(path: Path) -> dict[str, list]:
    "Run a notebook; the verdicts of each check whose call ends a cell."
    space: dict = {"__name__": "__main__"}
    found: dict[str, list] = {}
    for cell in pages.all_cells(path):
        if cell["cell_type"] != "code":
            continue
        value = run_cell(cell["source"], space)
        if isinstance(value, checks.Verdict):
            name = ast.parse(cell["source"]).body[-1].value.func.id
            found.setdefault(name, []).append(value)
    return found


def module_of(package: str, name: str) -> ModuleType:
    "The module of a page's checks or wrong answers."
    return importlib.import_module(f"{package}.{pages.topic(Path(name))}")


@functools.cache
def checks_of(name: str) -> dict:
    "The checks of a page by name."
    return {
        key: value
        for key, value in vars(module_of("checks", name)).items()
        if key.startswith("check_") and inspect.isfunction(value)
    }


def headings(path: Path) -> list[str]:
    "The second-level headings of a notebook."
    texts = [cell["source"] for cell in cells(path, "markdown")]
    return re.findall(r"^## .+", "\n".join(texts), re.M)


def test_lessons_have_exercises():
    "Every page of the course and every advanced one, and no page that is not there."
    lessons = pages.lessons()
    needed = {path.stem for path in lessons if path.parent.name != "internals"} - WITHOUT
    faults = [f"{name} has no exercises" for name in sorted(needed - {*NAMES})]
    stems = {path.stem for path in lessons}
    unknown = sorted({*NAMES} - stems)
    faults += [f"there is no page for exercises/{name}.ipynb" for name in unknown]
    faults += [
        f"{pages.place(path)} is missing" for path in pages.solutions() if not path.is_file()
    ]
    assert not faults, listed(faults)


def test_exercises_have_hints_and_the_headings_of_their_solutions():
    faults = []
    for path in PATHS:
        texts = [cell["source"] for cell in cells(path, "markdown")]
        asked = [text for text in texts if text.startswith("## ")]
        if len(asked) < 3:
            faults.append(f"{path.name}: {len(asked)} exercises")
        if headings(path) != headings(EXERCISES / "solutions" / path.name):
            faults.append(f"{path.name}: its solution has other headings")
        for text in asked:
            if not re.search(r"^\*About \d+ minutes?\.\*", text, re.M):
                faults.append(f"{path.name}: no time for {text.splitlines()[0]}")
            if "<details><summary>Hint 1</summary>" not in text:
                faults.append(f"{path.name}: no hint for {text.splitlines()[0]}")
        if any(cell["outputs"] for cell in cells(path)):
            faults.append(f"{path.name} has outputs")
    assert not faults, listed(faults)


@pytest.fixture
def in_exercises(monkeypatch):
    "What a notebook's kernel would have: its folder, and figures that are not shown."
    matplotlib.use("agg")
    return monkeypatch.chdir


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_answered_is_told_so(name, in_exercises):
    in_exercises(EXERCISES)
    found = run_notebook(EXERCISES / f"{name}.ipynb")
    assert found.keys() == checks_of(name).keys()
    faults = [
        f"{check}: {verdict}"
        for check, verdicts in found.items()
        for verdict in verdicts
        if verdict.right or verdict.message != checks.UNANSWERED
    ]
    assert not faults, listed(faults)


@pytest.mark.parametrize("name", NAMES)
def test_solutions_are_right(name, in_exercises):
    path = EXERCISES / "solutions" / f"{name}.ipynb"
    in_exercises(path.parent)
    found = run_notebook(path)
    assert found.keys() == checks_of(name).keys()
    faults = [
        f"{check}: {verdict}"
        for check, verdicts in found.items()
        for verdict in verdicts
        if not verdict.right
    ]
    assert not faults, listed(faults)
    outputs = [output for cell in cells(path) for output in cell["outputs"]]
    values = [
        "".join(output["data"]["text/plain"])
        for output in outputs
        if output["output_type"] == "execute_result"
    ]
    saved = sum(text.startswith("Right. ") for text in values)
    assert saved == sum(map(len, found.values())), "run tools/notebooks.py on it"


def faults_of_check(check, answers) -> list[str]:
    "What is wrong with how a check takes wrong answers."
    verdicts = [check(*parts_of(answer)) for answer in answers]
    messages = [verdict.message for verdict in verdicts]
    faults = [f"accepts a wrong answer: {one}" for one in verdicts if one.right]
    if len(set(messages)) < 2 or checks.UNANSWERED in messages:
        faults.append(f"does not say what is wrong: {messages}")
    if sum(verdict.error is None for verdict in verdicts) < 2:
        faults.append(f"says of too many answers that they raised an error: {messages}")
    return faults


@pytest.mark.parametrize("name", NAMES)
def test_wrong_answers_are_rejected_and_told_why(name):
    wrong, own = module_of("wrong_answers", name).WRONG, checks_of(name)
    assert wrong.keys() == own.keys()
    faults = [
        f"{check} {fault}"
        for check, answers in wrong.items()
        for fault in faults_of_check(own[check], answers)
    ]
    assert not faults, listed(faults)


def parts_of(answer) -> tuple:
    "The parts of an answer: most have one."
    return answer if isinstance(answer, tuple) else (answer,)


@pytest.mark.parametrize("name", NAMES)
def test_unusual_right_answers_are_accepted(name):
    right, own = module_of("right_answers", name).RIGHT, checks_of(name)
    assert right.keys() == own.keys()
    faults = []
    for check, answers in right.items():
        for answer in answers:
            verdict = own[check](*parts_of(answer))
            if not verdict.right:
                faults.append(f"{check} says of {answer}: {verdict}")
    assert not faults, listed(faults)


def attacks(right: tuple) -> Iterator[tuple[str, tuple]]:
    "Answers of other kinds in place of each part of a right answer, and of all parts."
    for what, odd in ODD.items():
        yield f"{what} for all", tuple(odd() for _ in right)
        for i, part in enumerate(right):
            yield f"{what} for part {i}", (*right[:i], odd(), *right[i + 1 :])
            if inspect.isroutine(part) or isinstance(part, type):
                returns = (lambda value: lambda *_, **__: value)(odd())
                yield f"returning {what} in part {i}", (*right[:i], returns, *right[i + 1 :])
    for function in ODD_FUNCTIONS:
        for i in range(len(right)):
            name = f"{function.__name__} for part {i}"
            yield name, (*right[:i], function, *right[i + 1 :])


def fault_of_message(verdict) -> str | None:
    "What is wrong with what is said of an answer of another kind."
    message = verdict.message
    if verdict.right:
        return "accepts it"
    if checks.UNFORESEEN in message or message == checks.UNANSWERED:
        return "did not expect it"
    if not 10 < len(message) < 500 or "\n" in message or message[-1] not in ".?)…":
        return "does not say in a sentence what is wrong"
    return None


CASES = [
    pytest.param(name, check, id=f"{name}-{check}") for name in NAMES for check in checks_of(name)
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, check", CASES)
def test_a_check_takes_any_object(name, check, capsys):
    "Whatever is handed in, or returned or raised by what is handed in, gets one sentence."
    right = parts_of(module_of("right_answers", name).RIGHT[check][0])
    tried = list(attacks(right))
    assert len(tried) >= 30
    faults = []
    for what, answer in tried:
        verdict = checks_of(name)[check](*answer)
        fault = fault_of_message(verdict)
        if fault:
            faults.append(f"{what}: {fault}: {verdict.message}")
    assert not faults, listed(faults)


def test_an_error_names_the_line_of_the_reader(tmp_path):
    "And the traceback is kept."
    source = "def mine(*_):\n    return other(3)\n\n\ndef other(n):\n    return [][n]\n"
    path = tmp_path / "cell.py"
    path.write_text(source, encoding="utf-8")
    space: dict = {}
    exec(compile(source, str(path), "exec"), space)
    faults = []
    for name in NAMES:
        for check, answers in module_of("right_answers", name).RIGHT.items():
            parts = parts_of(answers[0])
            for i, part in enumerate(parts):
                if not (inspect.isroutine(part) or isinstance(part, type)):
                    continue
                verdict = checks_of(name)[check](*parts[:i], space["mine"], *parts[i + 1 :])
                said = repr(verdict)
                if "Line 6 of your code, `return [][n]`, raised IndexError" not in said:
                    faults.append(f"{check}: {said}")
                if "line 2: return other(3)" not in said or verdict.error is None:
                    faults.append(f"{check} does not show the way to the line: {said}")
    assert not faults, listed(faults)


def test_a_check_leaves_the_random_state_and_the_gradient_mode():
    def careless(maps):
        torch.manual_seed(5)
        torch.set_grad_enabled(False)
        return maps

    before = torch.get_rng_state()
    checks_of("drawing_canvas")["check_shades"](careless)
    assert torch.equal(torch.get_rng_state(), before) and torch.is_grad_enabled()


def quizzes() -> dict[Path, tuple]:
    "The questions of the quizzes by the page that asks them."
    found = {}
    for path in pages.course():
        module = EXERCISES / "checks" / f"{pages.topic(path)}.py"
        quiz = getattr(module_of("checks", path.stem), "quiz", None) if module.is_file() else None
        if quiz:
            found[path] = quiz.questions
    return found


def test_a_quiz_accepts_one_letter_of_each_question():
    quiz = checks.make_quiz(("b", {"a": "No.", "b": "Yes."}), ("a", {"a": "So.", "b": "Not so."}))
    assert [quiz(1, letter).right for letter in ("a", "b", " B")] == [False, True, True]
    assert quiz(2, "a").message == "So." and quiz(2, "b").message == "Not so."
    assert quiz(1, ...).message == checks.UNANSWERED
    assert "a, b" in quiz(1, "c").message and not quiz(1, "c").right
    assert "2 questions" in quiz(3, "a").message and not quiz(0, "a").right


def test_quizzes_have_the_questions_and_letters_of_their_pages():
    found = quizzes()
    assert len(found) >= 2
    faults = []
    for path, questions in found.items():
        text = "\n\n".join(cell["source"] for cell in pages.cells(path, "markdown"))
        asked = re.findall(r"^\*\*(\d)\.\*\* .+\n\n((?:- \w: .+\n?)+)", text, re.M)
        letters = [re.findall(r"^- (\w): ", options, re.M) for _, options in asked]
        if letters != [list(reasons) for _, reasons in questions]:
            faults.append(f"{path.name} has the letters {letters}")
        if [int(number) for number, _ in asked] != list(range(1, len(questions) + 1)):
            faults.append(f"{path.name} does not count its questions from 1")
        for correct, reasons in questions:
            if correct not in reasons or len(set(reasons.values())) < len(reasons):
                faults.append(f"{path.name}: {reasons}")
    assert not faults, listed(faults)

"""Every exercise can be solved, and every check rejects wrong answers and says why.

Each test is one rule. It collects all faults and names them.
"""

import ast
import functools
import importlib
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import matplotlib
import pytest

ROOT = Path(__file__).resolve().parent.parent
EXERCISES = ROOT / "exercises"
sys.path[:0] = [str(EXERCISES), str(ROOT / "tests"), str(ROOT / "tools")]
import checks  # noqa: E402
import pages  # noqa: E402

PATHS = pages.exercises()
NAMES = [path.stem for path in PATHS]
WITHOUT = {  # lessons without exercises
    "layer_table_tools",
    "learned_representations",
}
ODD = (None, "a", float("nan"), float("inf"), 10**400, -1, [], {}, object())


def listed(faults) -> str:
    "Faults as the message of an assertion, one a line."
    return "\n".join(["", *faults])


def cells(path: Path, kind: str = "code") -> list[dict]:
    "The cells of a notebook, without hidden ones and the one for Colab."
    return [
        cell for cell in pages.cells(path, kind) if "hide" not in pages.directives(cell["source"])
    ]


def run_cell(source: str, space: dict):
    "Run a cell; the value of its last line, if that is an expression."
    *body, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        body, last = [*body, last], None
    exec(compile(ast.Module(body, []), "a cell", "exec"), space)
    return eval(compile(ast.Expression(last.value), "a cell", "eval"), space) if last else None


def run_notebook(path: Path) -> dict[str, list]:
    "Run a notebook's visible cells; the verdicts of each check whose call ends a cell."
    space: dict = {"__name__": "__main__"}
    found: dict[str, list] = {}
    for cell in cells(path):
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
    verdicts = []
    for answer in answers:
        arguments = answer if isinstance(answer, tuple) else (answer,)
        verdicts.append(check(*arguments))
    messages = [verdict.message for verdict in verdicts]
    faults = [f"accepts a wrong answer: {one}" for one in verdicts if one.right]
    if len(set(messages)) < 2 or checks.UNANSWERED in messages:
        faults.append(f"does not say what is wrong: {messages}")
    if sum("could not be used" not in message for message in messages) < 2:
        faults.append(f"says of too many answers that they could not be used: {messages}")
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


def fails(*_):
    "An answer that raises."
    raise ZeroDivisionError("division by zero")


def gives_nothing(*_):
    "An answer that returns None."


@pytest.mark.parametrize("name", NAMES)
def test_no_check_is_upset_by_an_odd_answer(name):
    "Whatever is handed in, a check says in a sentence that it is not right."
    faults = []
    for check in checks_of(name).values():
        for odd in (*ODD, fails, gives_nothing):
            verdict = check(*[odd] * len(inspect.signature(check).parameters))
            if verdict.right or not verdict.message:
                faults.append(f"{check.__name__} says of {odd!r}: {verdict}")
    assert not faults, listed(faults)


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

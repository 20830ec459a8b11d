"Every exercise can be solved, and every check rejects what one might wrongly answer, and says why."

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).resolve().parent.parent
EXERCISES = ROOT / "exercises"
sys.path[:0] = [str(EXERCISES), str(ROOT / "tests"), str(ROOT / "tools")]
import budgets  # noqa: E402
import checks  # noqa: E402

LESSONS = [
    path.stem
    for path in sorted((ROOT / "nbs").glob("*.ipynb"))
    if path.stem not in budgets.NO_LESSONS
]


def cells(path: Path, kind="code") -> list[dict]:
    "The cells of a notebook, without hidden ones."
    return [cell for cell in budgets.cells(path, kind) if not cell["source"].startswith("#| hide")]


def verdicts(path: Path, monkeypatch) -> list:
    "Run a notebook's visible cells; the name of each check whose call ends one, with its verdict."
    monkeypatch.chdir(path.parent)
    matplotlib.use("agg")
    space, found = {"__name__": "__main__"}, []
    for cell in cells(path):
        *body, last = ast.parse(cell["source"]).body
        exec(compile(ast.Module(body, []), path.name, "exec"), space)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), path.name, "eval"), space)
        else:
            exec(compile(ast.Module([last], []), path.name, "exec"), space)
        if isinstance(last, ast.Expr) and isinstance(value, checks.Verdict):
            found.append((last.value.func.id, value))
    return found


def headings(path: Path) -> list[str]:
    return [
        line
        for cell in cells(path, "markdown")
        for line in cell["source"].splitlines()
        if line.startswith("## ")
    ]


def checks_of(name: str) -> dict:
    "The checks of a lesson by name."
    module = importlib.import_module(f"checks.{name.split('_', 1)[1]}")
    return {
        key: value
        for key, value in vars(module).items()
        if key.startswith("check_") and inspect.isfunction(value)
    }


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_has_three_exercises_with_hints(name):
    path = EXERCISES / f"{name}.ipynb"
    asked = [cell["source"] for cell in cells(path, "markdown") if cell["source"].startswith("## ")]
    assert len(asked) >= 3 and headings(path) == headings(EXERCISES / "solutions" / path.name)
    for source in asked:
        assert (
            re.search(r"^\*About \d+ minutes?\.\*", source, re.M)
            and "<details><summary>Hint 1</summary>" in source
        )
    assert not any(cell["outputs"] for cell in cells(path))


@pytest.mark.parametrize("name", LESSONS)
def test_what_is_not_answered_is_told_so(name, monkeypatch):
    found = verdicts(EXERCISES / f"{name}.ipynb", monkeypatch)
    assert {check for check, _ in found} == set(checks_of(name))
    for check, verdict in found:
        assert not verdict.right and verdict.message == checks.UNANSWERED, check


@pytest.mark.parametrize("name", LESSONS)
def test_solutions_are_right(name, monkeypatch):
    path = EXERCISES / "solutions" / f"{name}.ipynb"
    found = verdicts(path, monkeypatch)
    assert {check for check, _ in found} == set(checks_of(name))
    for check, verdict in found:
        assert verdict.right, f"{check}: {verdict}"
    said = [
        "".join(output["data"]["text/plain"])
        for cell in cells(path)
        for output in cell["outputs"]
        if output["output_type"] == "execute_result"
    ]
    assert sum(text.startswith("Right. ") for text in said) == len(found), (
        "run tools/notebooks.py on it"
    )


@pytest.mark.parametrize("name", LESSONS)
def test_wrong_answers_are_rejected_and_told_why(name):
    wrong, lesson = (
        importlib.import_module(f"wrong_answers.{name.split('_', 1)[1]}").WRONG,
        checks_of(name),
    )
    assert set(wrong) == set(lesson)
    for check, answers in wrong.items():
        said = [
            lesson[check](*(answer if isinstance(answer, tuple) else (answer,)))
            for answer in answers
        ]
        assert len(said) >= 2 and not any(verdict.right for verdict in said), (check, said)
        assert len({verdict.message for verdict in said}) >= 2 and checks.UNANSWERED not in {
            verdict.message for verdict in said
        }, (check, said)
        assert sum("could not be used" in verdict.message for verdict in said) <= len(said) - 2, (
            check,
            said,
        )


def fails(*_):
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize("name", LESSONS)
def test_no_check_is_upset_by_an_odd_answer(name):
    "Whatever is handed in, a check says in a sentence that it is not right."
    for check in checks_of(name).values():
        for odd in (
            None,
            "a",
            float("nan"),
            float("inf"),
            10**400,
            -1,
            [],
            {},
            object(),
            fails,
            lambda *_: None,
        ):
            verdict = check(*[odd] * len(inspect.signature(check).parameters))
            assert not verdict.right and verdict.message, (check.__name__, odd)

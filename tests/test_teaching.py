"""What a teacher uses: slides, a copy without solutions, and the grading of what is handed in."""

import re
import sys
from html import unescape
from pathlib import Path

import nbformat
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "docs")]
import grade  # noqa: E402
import handout  # noqa: E402
import links  # noqa: E402
import pages  # noqa: E402
import slides  # noqa: E402


def test_slides_show_each_heading_and_load_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("sphinx_revealjs", reason="the slides need the extra docs")
    names = slides.build(tmp_path)
    assert names == [path.stem for path in pages.course()]
    read = links.read(tmp_path)
    assert not links.loaded_from_elsewhere(tmp_path, read)
    for path in pages.course():
        html = unescape((tmp_path / f"{path.stem}.html").read_text(encoding="utf-8"))
        texts = [
            cell["source"] for cell in pages.all_cells(path) if cell["cell_type"] == "markdown"
        ]
        headings = len(re.findall(r"^##? ", "\n".join(texts), re.M))
        assert html.count("<section>") >= headings > 1
        assert "reveal.js/dist/reveal.js" in html
        assert not re.search(r'<img(?![^>]* alt="[^"]{20})', html), "an image without a description"


def test_formulas_of_slides_are_mathml():
    assert "<math" in slides.with_mathml("The loss is $-\\log p$ of the label.")
    for text in ("It costs $5.", "`a$b$c` is code"):
        assert slides.with_mathml(text) == text


def test_the_handout_has_the_exercises_and_no_solutions(tmp_path):
    assert handout.main(["--out", str(tmp_path / "copy")]) == 0
    copied = {path.name for path in (tmp_path / "copy" / "exercises").glob("*.ipynb")}
    assert copied == {path.name for path in pages.exercises()}
    assert not list((tmp_path / "copy").rglob("solutions"))
    assert not (tmp_path / "copy" / "tests").exists()


def test_the_handout_does_not_mix_with_other_files(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert handout.main(["--out", str(tmp_path)]) == 1
    assert "is not an empty folder" in capsys.readouterr().err
    assert handout.main(["--out", str(tmp_path / "mine.txt")]) == 1
    assert "is not an empty folder" in capsys.readouterr().err


def hand_in(folder: Path, source: Path, wrong: str = "") -> None:
    "Hand in a solution, or with `wrong` in place of the first answer."
    folder.mkdir(parents=True)
    notebook = nbformat.read(source, as_version=4)
    answers = [cell for cell in notebook.cells if grade.check_called(cell.get("source", ""))]
    if wrong:
        answers[0].source = wrong
    nbformat.write(notebook, folder / source.name)


def test_a_right_and_a_wrong_hand_in_are_told_apart(tmp_path, capsys):
    source = ROOT / "exercises" / "solutions" / "10_cli.ipynb"
    hand_in(tmp_path / "right", source)
    name = next(filter(None, map(grade.check_called, sources(source))))
    hand_in(tmp_path / "wrong", source, f"{name}(object())")
    table = tmp_path / "table.csv"
    assert grade.main([str(tmp_path), "--csv", str(table)]) == 0
    graded = pd.read_csv(table).set_index(["handed in", "check"])
    assert graded.loc["right", "right"].all()
    assert not graded.loc[("wrong", name), "right"]
    assert graded.loc["wrong", "right"].sum() == len(graded.loc["wrong"]) - 1


def sources(path: Path) -> list[str]:
    "The code of a notebook, cell by cell."
    return [cell["source"] for cell in pages.cells(path)]


@pytest.mark.parametrize("content", ["", "no JSON", '{"cells": 3}', "[]", '{"nbformat": 4}'])
def test_a_file_that_is_no_notebook_gets_no_marks_and_no_traceback(content, tmp_path, capsys):
    (tmp_path / "10_cli.ipynb").write_text(content, encoding="utf-8")
    assert grade.main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "the file is not a notebook" in printed and "\n0 of " in printed


def test_slides_into_a_file_or_at_no_port_are_refused(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sphinx_revealjs", reason="the slides need the extra docs")
    file = tmp_path / "file"
    file.touch()
    assert slides.main(["--out", str(file)]) == 1
    monkeypatch.setattr(slides, "build", lambda out: [])
    assert slides.main(["--out", str(tmp_path), "--serve", "99999"]) == 1
    assert capsys.readouterr().err.count("Error: ") == 2


def test_a_folder_without_exercises_is_refused(tmp_path, capsys):
    assert grade.main([str(tmp_path)]) == 1
    assert "named like an exercise" in capsys.readouterr().err


def minutes(path: Path) -> float:
    "What a page takes, exercises included."
    return pages.reading_minutes(path) + pages.exercise_minutes(path)


def test_a_course_page_takes_30_to_about_60_minutes():
    found = {path.stem: round(minutes(path)) for path in pages.course()}
    assert not {name: taken for name, taken in found.items() if not 30 <= taken <= 65}


def test_the_page_for_teachers_has_goals_and_minutes_of_every_page():
    text = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[\d\d [^\]]+\]\(nbs/(\w+)\.ipynb\) \| (\d+) \| \S", text, re.M)
    assert [name for name, _ in rows] == [path.stem for path in pages.course()]
    stated = {name: int(taken) for name, taken in rows}
    found = {path.stem: minutes(path) for path in pages.course()}
    wrong = {name: taken for name, taken in found.items() if abs(taken - stated[name]) > 3}
    assert not wrong


def test_headings_that_the_page_for_teachers_names_are_there():
    text = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
    named = re.findall(r"\[[^\]]+\]\((nbs/[\w/]+\.ipynb)\), \"([^\"]+)\"", text)
    assert len(named) > 5
    missing = []
    for place, heading in named:
        texts = [cell["source"] for cell in pages.cells(ROOT / place, "markdown")]
        if not re.search(rf"^## {re.escape(heading)}$", "\n".join(texts), re.M):
            missing.append(f"{place}: {heading}")
    assert not missing


def test_a_course_page_ends_with_what_to_remember_and_a_quiz_of_five():
    faults = []
    for path in pages.course():
        texts = [cell["source"] for cell in pages.cells(path, "markdown")]
        headings = re.findall(r"^## (.+)", "\n".join(texts), re.M)
        if headings[-2:] != ["What to remember", "Quiz"]:
            faults.append(f"{path.stem} ends with {headings[-2:]}")
        asked = [source for source in sources(path) if source.startswith("quiz(")]
        if len(asked) != 5:
            faults.append(f"{path.stem} has {len(asked)} questions")
    assert not faults

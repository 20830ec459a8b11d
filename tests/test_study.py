"A study is made of a finished sweep."

import json
import shutil
import sys
from pathlib import Path

import pytest

from s6erav3.training.record import read_record, read_study

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import study  # noqa: E402

RUNS = ("original-seed0", "original-seed1")
COMMAND = "s6erav3 sweep --recipe original --seeds 0-1"


@pytest.fixture
def sweep(tmp_path):
    "A folder as a sweep leaves it."
    for run in RUNS:
        (tmp_path / "runs" / run).mkdir(parents=True)
        shutil.copy(ROOT / "results" / f"{run}.json", tmp_path / "runs" / run / "record.json")
    return tmp_path / "runs"


def test_a_study_holds_the_command_and_every_record(sweep, tmp_path):
    output = tmp_path / "original.jsonl"
    assert study.main([str(sweep), str(output), "--command", COMMAND]) == 0
    head = json.loads(output.read_text(encoding="utf-8").splitlines()[0])
    assert head == {"command": COMMAND, "runs": 2}
    assert read_study(output) == [read_record(ROOT / "results" / f"{run}.json") for run in RUNS]


def test_a_sweep_that_is_not_finished_makes_no_study(sweep, tmp_path, capsys):
    output = tmp_path / "original.jsonl"
    (sweep / "original-seed1" / "record.json").unlink()
    for folder, reason in ((sweep, "original-seed1 has no record"), (tmp_path / "no", "no run in")):
        assert study.main([str(folder), str(output), "--command", COMMAND]) == 1
        error = capsys.readouterr().err
        assert error.startswith("Error: ") and reason in error and error.count("\n") == 1
    assert not output.exists()


def test_a_damaged_record_makes_no_study(sweep, tmp_path, capsys):
    (sweep / "original-seed1" / "record.json").write_text("{", encoding="utf-8")
    assert study.main([str(sweep), str(tmp_path / "study.jsonl"), "--command", COMMAND]) == 1
    assert "original-seed1" in capsys.readouterr().err


def test_a_study_without_its_first_line_is_refused(tmp_path):
    "A record in its place would be lost without a word."
    lines = (ROOT / "results" / "frontier.jsonl").read_text(encoding="utf-8").splitlines(True)
    for name, kept in (("headless", lines[1:]), ("cut off", lines[:-1]), ("empty", [])):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(kept), encoding="utf-8")
        with pytest.raises(ValueError, match="line 1 of"):
            read_study(path)

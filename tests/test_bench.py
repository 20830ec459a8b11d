"The command that times training loops."

import json

import numpy as np
import pytest

from running import call, check_error, run
from s6erav3.bench import paired_ratio, timing_table

KEYS = (
    "name",
    "seconds_per_epoch",
    "spread",
    "ratio_to_published",
    "low",
    "high",
    "seconds",
)


@pytest.mark.thorough
def test_bench_writes_its_table(tmp_path, capsys):
    path = tmp_path / "new" / "bench.json"
    args = ("--dataset", "digits", "--batches", 2, "--repeats", 2, "--json", path)
    status, printed, error = call(capsys, "bench", *args)
    assert status == 0, error
    written = json.loads(path.read_text(encoding="utf-8"))
    rows = written["rows"]
    assert (written["batches"], written["repeats"]) == (2, 2)
    assert written["machine"].keys() == {"processor", "threads", "device", "torch"}
    assert rows[0]["name"] == "published loop", f"the first row is {rows[0]['name']}"
    for row in rows:
        assert tuple(row) == KEYS, f"the columns of {row['name']} are {sorted(row)}"
        assert row["name"] in printed, f"{row['name']} is not printed"
    assert "Evaluating 250 images" in printed, f"no time of an evaluation: {printed}"


@pytest.mark.parametrize("place", ["file/bench.json", "."])
def test_a_table_that_cannot_be_written_is_refused(place, tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    args = ("--dataset", "digits", "--json", tmp_path / place)
    status, _, error = call(capsys, "bench", *args)
    assert status == 1, f"exit status {status}"
    check_error(error, "cannot write into ")
    assert "--json" in error, f"no word of --json: {error!r}"


def test_no_batches_is_a_wrong_call(capsys):
    status, _, error = call(capsys, "bench", "--batches", 0)
    assert status == 2, f"exit status {status}"
    check_error(error, "--batches")


def test_loops_are_compared_within_each_round():
    slow_rounds = np.array([1.0, 5.0, 1.0, 3.0, 2.0] * 4)
    noise = np.linspace(0.95, 1.05, 20)
    ratio, low, high = paired_ratio(3 * slow_rounds * noise, slow_rounds)
    assert 2.9 < low < ratio < high < 3.1
    assert paired_ratio(slow_rounds, slow_rounds) == (1, 1, 1)


def test_a_single_round_has_no_interval():
    assert paired_ratio([3.0], [2.0]) == (1.5, None, None)


def test_the_table_leaves_out_the_single_times():
    row = dict(zip(KEYS, ["ours", 7.123, 1.5, 3.456, 3.2, 3.6, [7.0, 8.0]]))
    table = timing_table([row])
    assert table.loc["ours"].to_dict() == {
        "seconds per epoch": 7.12,
        "spread": 1.5,
        "times as fast as published": 3.46,
        "low": 3.2,
        "high": 3.6,
    }


@pytest.mark.thorough
def test_progress_is_reported_in_a_log_file():
    done = run("bench", "--dataset", "digits", "--batches", 1, "--repeats", 2)
    lines = [line for line in done.stdout.splitlines() if line.startswith("timing ")]
    total = int(lines[0].split(",")[0].split()[-1])  # a warm-up and a timing of each loop
    assert [line.split(",")[0] for line in lines] == [
        f"timing {n * total // 3} of {total}" for n in (1, 2, 3)
    ]
    assert lines[-1].endswith(", 0 s left"), done.stdout

"The command that times training loops."

import json

import pytest

from running import call, check_error, run
from s6erav3.bench import timing_table

TABLE_COLUMNS = ["seconds per epoch", "spread", "times as fast as published"]
KEYS = {"name", "seconds_per_epoch", "spread", "ratio_to_published", "seconds"}


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
        assert row.keys() == KEYS, f"the columns of {row['name']} are {sorted(row)}"
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


def row(name, seconds, spread, published=20.0):
    "A row of `bench`."
    ratio = published / seconds
    fields = {"name": name, "seconds_per_epoch": seconds, "spread": spread}
    return {**fields, "ratio_to_published": ratio}


ROWS = {  # seconds and spread: the three texts beside a published loop of 20 seconds, spread 3
    (18.456, 2.111): ["18", "2", "about 1"],
    (5.913, 0.593): ["5.9", "0.6", "3.4"],
    (0.25, 0.0234): ["0.25", "0.02", "80"],
    (5.0, 0.0): ["5.00", "0.00", "4.0"],
}


@pytest.mark.parametrize("times", ROWS, ids=str)
def test_no_more_decimals_than_the_spread_allows(times):
    table = timing_table([row("published loop", 20.0, 3.0), row("other", *times)])
    assert list(table.columns) == TABLE_COLUMNS
    assert table.loc["published loop"].tolist() == ["20", "3", "1"]
    assert table.loc["other"].tolist() == ROWS[times]


@pytest.mark.thorough
def test_progress_is_reported_in_a_log_file():
    done = run("bench", "--dataset", "digits", "--batches", 1, "--repeats", 2)
    lines = [line for line in done.stdout.splitlines() if line.startswith("timing ")]
    total = int(lines[0].split(",")[0].split()[-1])  # a warm-up and a timing of each loop
    assert [line.split(",")[0] for line in lines] == [
        f"timing {n * total // 3} of {total}" for n in (1, 2, 3)
    ]
    assert lines[-1].endswith(", 0 s left"), done.stdout

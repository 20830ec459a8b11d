"The command that times training loops."

import json

import pytest

from running import call, check_error

KEYS = {"name", "seconds_per_epoch", "spread", "ratio_to_published"}


@pytest.mark.thorough
def test_bench_writes_its_table(tmp_path, capsys):
    path = tmp_path / "new" / "bench.json"
    args = ("--dataset", "digits", "--batches", 2, "--repeats", 2, "--json", path)
    status, printed, error = call(capsys, "bench", *args)
    assert status == 0, error
    rows = json.loads(path.read_text(encoding="utf-8"))
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

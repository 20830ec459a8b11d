"""Files from strangers: whatever they contain, a reader gives its result or one line.

Each reader gets damaged copies of good files, the same in every session, and files that were made
by hand to do harm. The tests marked `thorough` take many more of the first, and give the second to
a process that may have 1 GB more than it has at its start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzzing.pictures import encoded, seven
from fuzzing.readers import READERS, hang_guard, read
from fuzzing.session import HOSTILE, LARGE_HOSTILE, fuzz, peak_megabytes
from running import DAMAGED_FILES

thorough = pytest.mark.thorough
COUNTS = [200, pytest.param(DAMAGED_FILES, marks=thorough)]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("reader", READERS)
def test_damaged_files(reader, count, tmp_path, capfd, caplog, keep):
    before = peak_megabytes()
    found = fuzz(reader, count, 0, tmp_path)
    assert found["n"] >= count, f"only {found['n']} files"
    check_silence(capfd, caplog)
    check_no_file_is_made(tmp_path, ["file"])
    if count == DAMAGED_FILES:
        memory = {"megabytes_before": before, "megabytes_at_most": peak_megabytes()}
        keep("damaged_files", reader, {**found, **memory})


def check_silence(capfd, caplog):
    "Nothing was printed, and nothing was logged except by Pillow, for its caller."
    printed = capfd.readouterr()
    assert not printed.err, f"on stderr: {printed.err[:2_000]}"
    assert not printed.out, f"on stdout: {printed.out[:2_000]}"
    records = [record for record in caplog.records if not record.name.startswith("PIL.")]
    assert not records, f"logged: {caplog.text[:2_000]}"


def check_no_file_is_made(folder: Path, names: list[str]):
    found = sorted(os.listdir(folder))
    assert found == sorted(names), f"the folder holds {found}"


# harmless: numbers that the optimiser refuses later, a name that occurs twice in a header (its last
# entry counts), and a picture whose second page is not read
READABLE = {
    "student_momentum",
    "student_schedule",
    "safetensors_json_two_equal_entries",
    "loop",
}


@pytest.mark.parametrize("reader", READERS)
def test_hostile_files(reader, tmp_path, capfd, caplog):
    files = HOSTILE[reader]()
    capfd.readouterr()
    caplog.clear()
    path = tmp_path / "file"
    for name, content in files.items():
        path.write_bytes(content)
        try:
            with hang_guard():
                message = read(reader, path).message
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error
        assert message or name in READABLE, f"{name} was read"
    check_silence(capfd, caplog)
    check_no_file_is_made(tmp_path, ["file"])


FOR_SPECIAL_FILES = [name for name in READERS if name != "idx"]  # its files are read by their size


@pytest.mark.parametrize("reader", FOR_SPECIAL_FILES)
def test_special_files_are_refused(reader, tmp_path):
    for path in special_files(tmp_path):
        with hang_guard():
            outcome = read(reader, path)
        assert outcome.message, f"{path.name} was read"


def special_files(folder: Path) -> list[Path]:
    "A folder; where the system has them, a file of 10 GB that takes no room, a pipe, a device."
    special = folder / "folder"
    special.mkdir()
    if os.name == "nt":
        return [special]  # a file of 10 GB takes 10 GB there
    hole = folder / "hole"
    with open(hole, "wb") as file:
        file.write(encoded(seven(48), "WEBP"))
        file.truncate(10**10)
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    device = folder / "device"
    device.symlink_to("/dev/zero")
    return [hole, special, pipe, device]


@thorough
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the memory of a process")
@pytest.mark.parametrize("reader", READERS)
def test_hostile_files_in_little_memory(reader, tmp_path, keep):
    for name, content in {**HOSTILE[reader](), **LARGE_HOSTILE[reader]()}.items():
        (tmp_path / name).write_bytes(content)
    if reader in FOR_SPECIAL_FILES:
        special_files(tmp_path)
    names = sorted(os.listdir(tmp_path))
    rows = read_in_little_memory(reader, DAMAGED_FILES // 4, names, tmp_path)
    check_no_file_is_made(tmp_path, names)
    *files, last = rows
    keep(
        "harmful_files",
        reader,
        {
            "files": len(files),
            "refused": sum(bool(row["message"]) for row in files),
            "slowest": max(round(row["seconds"], 2) for row in files),
            "damaged_files": last["fuzz"]["n"],
            "megabytes_before": last["before"],
            "megabytes_at_most": last["peak"],
        },
    )


def read_in_little_memory(reader: str, count: int, names: list[str], folder: Path) -> list[dict]:
    "What `python -m fuzzing` prints; an error where it fails, or prints anything else."
    tests = str(Path(__file__).resolve().parent)
    paths = os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "fuzzing", reader, str(count), *names]
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8"
    )
    lines = done.stdout.splitlines()
    last = lines[-1:]
    assert done.returncode == 0, (
        f"exit status {done.returncode} after {last}; {done.stderr[-3_000:]}"
    )
    assert not done.stderr, f"on stderr: {done.stderr[-3_000:]}"
    return [json.loads(line) for line in lines]

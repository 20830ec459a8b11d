"Atomic writes and locks: edge cases beside those of nbs/internals/files.ipynb."

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from s6erav3.files import LOCK_FILE, atomic_write, exclusive_lock


def test_a_failed_write_changes_nothing(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as part:
        part.write_text("ne", encoding="utf-8")
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    (tmp_path / "plain.txt").touch()
    with atomic_write(tmp_path / "poem.txt") as part:
        part.write_text("new", encoding="utf-8")
    assert (tmp_path / "poem.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode


def test_permissions_follow_the_umask_which_is_not_set(tmp_path, monkeypatch):
    "It belongs to the whole process: files that another thread makes would get another one."
    before = os.umask(0o077)
    try:
        (tmp_path / "plain.txt").touch()
        with monkeypatch.context() as patch:
            patch.delattr(os, "umask")
            with atomic_write(tmp_path / "poem.txt") as part:
                assert part.stat().st_mode == (tmp_path / "plain.txt").stat().st_mode
    finally:
        os.umask(before)
    assert (tmp_path / "poem.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode


def test_a_folder_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "no" / "poem.txt"
    with pytest.raises(FileNotFoundError, match=f"cannot write {path} "), atomic_write(path):
        raise AssertionError("there is no file to write")


def test_a_lock_removes_temporary_files_only(tmp_path):
    for name in (".poem.txt.abc.part.txt", ".hidden", "a.part"):
        (tmp_path / name).touch()
    with exclusive_lock(tmp_path) as folder:
        assert folder == Path(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".hidden", "a.part"}


# Locks

LOCK_AND_WAIT = """
import sys
from s6erav3.files import exclusive_lock

with exclusive_lock(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_lock_held_by_a_process_that_is_killed(tmp_path):
    command = [sys.executable, "-c", LOCK_AND_WAIT, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"locked")
        start = time.monotonic()
        message = f"another run is writing into {tmp_path}; "
        with pytest.raises(BlockingIOError, match=message), exclusive_lock(tmp_path):
            raise AssertionError("both hold the lock")
        assert time.monotonic() - start < 5, "it has waited for the lock"
        process.kill()
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]
    with exclusive_lock(tmp_path):
        pass
    assert not list(tmp_path.iterdir()), "the lock file stays"


def test_a_lock_file_is_no_lock(tmp_path):
    (tmp_path / LOCK_FILE).write_text("locked", encoding="utf-8")
    with exclusive_lock(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_failed_block_releases_the_lock(tmp_path):
    with pytest.raises(KeyboardInterrupt), exclusive_lock(tmp_path):
        raise KeyboardInterrupt
    with exclusive_lock(tmp_path):
        pass


def test_a_folder_that_is_not_there_cannot_be_locked(tmp_path):
    folder = tmp_path / "no"
    with pytest.raises(OSError, match=f"there is no folder {folder}"), exclusive_lock(folder):
        raise AssertionError("there is no folder to lock")
    assert not folder.exists()


def test_one_holder_at_a_time(tmp_path):
    "Many locks and releases at once: the lock file is removed and made again all the time."
    count = tmp_path / "count.txt"
    count.write_text("0", encoding="utf-8")

    def add(n: int):
        while n:
            try:
                with exclusive_lock(tmp_path):
                    found = int(count.read_text(encoding="utf-8"))
                    time.sleep(0.001)
                    count.write_text(str(found + 1), encoding="utf-8")
                n -= 1
            except BlockingIOError:
                time.sleep(0.0005)

    threads = [threading.Thread(target=add, args=(50,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count.read_text(encoding="utf-8") == "200"
    assert [path.name for path in tmp_path.iterdir()] == ["count.txt"]

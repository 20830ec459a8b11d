"Atomic writes: edge cases beside those of nbs/internals/files.ipynb."

from pathlib import Path

import pytest

from s6erav3.files import atomic_write, exclusive_lock


def test_a_failed_write_changes_nothing(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as part:
        part.write_text("ne")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    (tmp_path / "plain.txt").touch()
    with atomic_write(tmp_path / "poem.txt") as part:
        part.write_text("new")
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

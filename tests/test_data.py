"Data that is missing, damaged, or slow to come."

import gzip
import os
import struct
import time

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s6erav3 import data
from s6erav3.data import MNIST_FILES, RAW, load_splits, parse_idx, read_mnist, read_verified

LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture
def broken(tmp_path):
    "A folder with files of MNIST's names and sizes, but not its contents."
    (tmp_path / RAW).mkdir(parents=True)
    for name, (size, _) in MNIST_FILES.items():
        (tmp_path / RAW / name).write_bytes(bytes(size))
    return tmp_path


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist; make it with `s6erav3 data"):
        load_splits(data_dir=tmp_path / "no")


def test_a_file_that_is_missing(broken):
    (broken / RAW / LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=f"lacks {LABELS}; run"):
        load_splits("auto", broken)


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_wrong_content_is_never_replaced(broken, dataset):
    name = next(iter(MNIST_FILES))
    with pytest.raises(ValueError, match=f"{name} is damaged.*{MNIST_FILES[name][1]}"):
        load_splits(dataset, broken)


def test_one_byte_short(broken):
    (broken / RAW / LABELS).write_bytes(bytes(10_007))
    with pytest.raises(ValueError, match="10,007 bytes"):
        read_verified(broken / RAW / LABELS)


def test_gzipped(broken):
    (broken / RAW / LABELS).write_bytes(gzip.compress(bytes(10_008)))
    with pytest.raises(ValueError, match="still gzipped"):
        read_verified(broken / RAW / LABELS)


def test_one_flipped_byte_of_the_real_thing(mnist_dir, tmp_path):
    content = bytearray((mnist_dir / RAW / LABELS).read_bytes())
    assert read_verified(mnist_dir / RAW / LABELS) == bytes(content)
    content[5_000] ^= 1
    (tmp_path / LABELS).write_bytes(content)
    with pytest.raises(ValueError, match="is damaged: 10,008 bytes"):
        read_verified(tmp_path / LABELS)


def test_fallback_is_loud_and_mnist_never_falls_back(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("S6ERAV3_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "not MNIST" in load_splits("auto").dataset
    assert "These are not MNIST." in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match="by hand"):
        load_splits("mnist")


def test_env_variable_and_clone_are_searched(tmp_path, monkeypatch):
    monkeypatch.setenv("S6ERAV3_DATA", str(tmp_path))
    assert data.find_data_dir() == (tmp_path, True)
    monkeypatch.delenv("S6ERAV3_DATA")
    (tmp_path / "settings.ini").touch()
    (tmp_path / "s6erav3").mkdir()
    (tmp_path / "nbs").mkdir()
    monkeypatch.chdir(tmp_path / "nbs")
    assert data.find_data_dir() == (tmp_path / "data", False)


def test_split_is_the_same_everywhere(mnist_dir):
    splits = load_splits("mnist", mnist_dir)
    assert splits.valid.labels[:10].tolist() == [3, 6, 6, 6, 0, 3, 6, 2, 5, 6]
    both = torch.cat([splits.train.labels, splits.valid.labels])
    assert torch.equal(both.bincount(), read_mnist(mnist_dir)[0].labels.bincount())


IDX = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + bytes(range(24))


def with_shape(*shape, n=24):
    "An IDX file whose header promises `shape`, with `n` bytes behind it."
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(n)


def test_idx():
    assert np.array_equal(parse_idx(IDX), np.arange(24).reshape(2, 3, 4)) and parse_idx(
        with_shape(0, 28, 28, n=0)
    ).shape == (0, 28, 28)


HUGE = 2**32 - 1
LIES = {
    "empty": (b"", "begins with '', not with '00 00 08'"),
    "three bytes": (b"\0\0\x08", "promises 0 dimensions"),
    "magic": (b"\x1f\x8b\x08" + IDX[3:], "begins with '1f 8b 08'"),
    "type code": (b"\0\0\x0d" + IDX[3:], "begins with '00 00 0d'"),
    "no dimensions": (with_shape(n=1), "promises 0 dimensions"),
    "200 dimensions": (with_shape(*[1] * 200, n=1), "promises 200 dimensions; 1 to 32 can be read"),
    "cut-off header": (IDX[:10], "cut off: 10 of its 16 bytes are there"),
    "one more": (with_shape(2, 3, 4, n=25), "promises 2 × 3 × 4 numbers, but 25 follow"),
    "one less": (with_shape(2, 3, 4, n=23), "but 23 follow"),
    "count": (with_shape(HUGE, 3, 4), "promises 4294967295 × 3 × 4 numbers, but 24 follow"),
    "everything": (with_shape(*[HUGE] * 32), "but 24 follow"),
    "nothing, at great length": (
        with_shape(0, *[HUGE] * 9, n=0),
        "array is too big|too large|Maximum allowed",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_idx_header_that_lies(lie):
    content, fault = LIES[lie]
    with pytest.raises(ValueError, match=fault) as error:
        parse_idx(content)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("kind", ["hole", "pipe", "device", "folder"])
def test_what_is_no_file_or_too_large_is_not_read(kind, tmp_path):
    path = tmp_path / LABELS
    if kind == "hole":
        with open(path, "wb") as file:
            file.truncate(10**11)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(ValueError, match="no file, or one of more than MNIST's 10,008 bytes"):
        read_verified(path)


@st.composite
def mutated(draw):
    "An IDX file that was whole, with bytes changed, cut, inserted or doubled."
    content = bytearray(
        draw(
            st.sampled_from([IDX, with_shape(24), with_shape(1, 1, 24), with_shape(*[1] * 31, 24)])
        )
    )
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, min(len(content), draw(st.sampled_from([8, 200])))))
        cut = draw(st.integers(0, 4))
        content[at : at + cut] = draw(
            st.one_of(
                st.binary(max_size=8),
                st.just(bytes(content[:at])),
                st.sampled_from([b"\xff" * 4, bytes(4)]),
            )
        )
    return bytes(content)


@settings(
    max_examples=int(os.environ.get("S6ERAV3_STRESS", 200)),
    derandomize="S6ERAV3_STRESS" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.one_of(mutated(), mutated(), st.binary(max_size=64)))
def test_any_bytes_give_an_array_or_one_line(content):
    start = time.monotonic()
    try:
        array = parse_idx(content)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert array.nbytes <= len(content) and array.tobytes() == content[4 + 4 * content[3] :]
    assert time.monotonic() - start < 5

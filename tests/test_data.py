"Data that is missing or damaged, splits, and augmentation."

import gzip
import hashlib
import os
import struct

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s6erav3.data import mnist as data
from s6erav3.data.augment import Augmentation, affine, augment, elastic_displacement
from s6erav3.data.mnist import MNIST_FILES, RAW, load_splits, parse_idx, read_checked, read_mnist

LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture
def broken(tmp_path):
    "A folder with files of MNIST's names and sizes, but not its contents."
    (tmp_path / RAW).mkdir(parents=True)
    for name, (size, _) in MNIST_FILES.items():
        (tmp_path / RAW / name).write_bytes(bytes(size))
    return tmp_path


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist; make it with `s6erav3 download"):
        load_splits(data_dir=tmp_path / "no")


def test_a_file_that_is_missing(broken):
    (broken / RAW / LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=f"lacks {LABELS}; run"):
        load_splits("auto", broken)


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_wrong_content_is_never_replaced(broken, dataset):
    name = next(iter(MNIST_FILES))
    with pytest.raises(ValueError, match=f"{name} is not MNIST's.*{MNIST_FILES[name][1]}"):
        load_splits(dataset, broken)


def test_one_byte_short(broken):
    (broken / RAW / LABELS).write_bytes(bytes(10_007))
    with pytest.raises(ValueError, match="10,007 bytes"):
        read_checked(broken / RAW / LABELS)


def test_both_checksums_are_named(broken):
    with pytest.raises(ValueError) as error:
        read_checked(broken / RAW / LABELS)
    assert hashlib.md5(bytes(10_008)).hexdigest() in str(error.value)
    assert MNIST_FILES[LABELS][1] in str(error.value)


def test_gzipped(broken):
    (broken / RAW / LABELS).write_bytes(gzip.compress(bytes(10_008)))
    with pytest.raises(ValueError, match="still gzipped"):
        read_checked(broken / RAW / LABELS)


def test_one_flipped_byte_of_the_real_thing(mnist_dir, tmp_path):
    content = bytearray((mnist_dir / RAW / LABELS).read_bytes())
    assert read_checked(mnist_dir / RAW / LABELS) == bytes(content)
    content[5_000] ^= 1
    (tmp_path / LABELS).write_bytes(content)
    with pytest.raises(ValueError, match="is not MNIST's: 10,008 bytes"):
        read_checked(tmp_path / LABELS)


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


def as_set(digits):
    "All different images."
    return {image.numpy().tobytes() for image in digits.images}


def test_folds_of_the_fallback_data_set_do_not_overlap():
    folds = [load_splits("digits", fold=k) for k in range(6)]
    validation_sets = [as_set(splits.valid) for splits in folds]
    assert len(set.union(*validation_sets)) == sum(map(len, validation_sets))
    for splits in folds:
        assert len(splits.valid.labels) == 250
        assert as_set(splits.train).isdisjoint(as_set(splits.test))
        assert as_set(splits.train).isdisjoint(as_set(splits.valid))


def test_sizes_of_splits():
    assert load_splits("digits", val_size=0).valid is None
    assert len(load_splits("digits", val_size=0).train.labels) == 1_547
    assert len(load_splits("digits", val_size=1_546).train.labels) == 1
    few = load_splits("digits", train_size=7).train
    assert torch.equal(few.images, load_splits("digits").train.images[:7])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"val_size": 1_547}, "cannot hold out 1,547 of 1,547 images for validation"),
        ({"val_size": -1}, "cannot hold out -1"),
        ({"train_size": 0}, "cannot train on the first 0 of 1,297 images"),
        ({"train_size": 1_298}, "cannot train on the first 1,298 of 1,297 images"),
        ({"fold": 6}, "there is no fold 6 of 250 in 1,547 images"),
        ({"fold": -1}, "there is no fold -1"),
    ],
)
def test_impossible_splits(options, message):
    with pytest.raises(ValueError, match=message):
        load_splits("digits", **options)


@pytest.mark.parametrize("n, fold", [(1_000, -1), (1_000, 1), (1_798, 0), (-5, 0)])
def test_parts_that_are_not_there(n, fold):
    with pytest.raises(ValueError, match=f"there is no fold {fold} of {n:,} in 1,797 images"):
        data.holdout_split(data.load_sklearn_digits(), n, fold)


def test_an_unknown_data_set():
    with pytest.raises(ValueError, match="no data set 'emnist'; choose one of auto, mnist, digits"):
        load_splits("emnist")


def test_elastic_displacement_is_bicubic_interpolation():
    field = elastic_displacement(1_000, 28, 28, 1, torch.Generator().manual_seed(0))
    points = torch.randn(1_000, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(field, F.interpolate(points, size=(28, 28), mode="bicubic"), atol=1e-5)
    assert 0.5 < field.std() < 1
    assert field.diff(dim=3).std() < 0.3
    assert field.mean().abs() < 0.02


def test_a_displacement_is_added_to_where_a_pixel_is_read():
    images = torch.rand(4, 1, 20, 28, generator=torch.Generator().manual_seed(0))
    displacement = torch.zeros(4, 2, 20, 28)
    displacement[:, 0] = 3
    zeros = torch.zeros(4)
    moved = affine(images, zeros, torch.ones(4), torch.zeros(4, 2), zeros, displacement)
    assert torch.allclose(moved[..., :-3], images[..., 3:], atol=1e-5)


def test_augmentation_by_one_amount_at_a_time():
    "Each amount has an effect of its own, and random numbers are drawn from the generator only."
    images = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    amounts = {"rotation": 10, "scale": 0.1, "translate": 0.1, "shear": 10, "elastic_std": 1}
    assert Augmentation().is_identity
    state = torch.get_rng_state()
    results = [augment(images, Augmentation(), torch.Generator().manual_seed(1))]
    assert torch.allclose(results[0], images, atol=1e-4)
    for name, amount in amounts.items():
        augmentation = Augmentation(**{name: amount})
        assert not augmentation.is_identity
        results.append(augment(images, augmentation, torch.Generator().manual_seed(1)))
    for i, one in enumerate(results):
        assert not any(torch.allclose(one, other, atol=0.05) for other in results[:i])
    assert torch.equal(torch.get_rng_state(), state)


IDX = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + bytes(range(24))


def with_shape(*shape, n=24):
    "An IDX file whose header declares `shape`, with `n` bytes behind it."
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(n)


def test_idx():
    assert np.array_equal(parse_idx(IDX), np.arange(24).reshape(2, 3, 4))
    assert parse_idx(with_shape(0, 28, 28, n=0)).shape == (0, 28, 28)


HUGE = 2**32 - 1
LIES = {
    "empty": (b"", "begins with '', not with '00 00 08'"),
    "three bytes": (b"\0\0\x08", "declares 0 dimensions"),
    "magic": (b"\x1f\x8b\x08" + IDX[3:], "begins with '1f 8b 08'"),
    "type code": (b"\0\0\x0d" + IDX[3:], "begins with '00 00 0d'"),
    "no dimensions": (with_shape(n=1), "declares 0 dimensions"),
    "200 dimensions": (with_shape(*[1] * 200, n=1), "declares 200 dimensions; 1 to 32 can be read"),
    "cut-off header": (IDX[:10], "cut off: 10 of its 16 bytes are there"),
    "one more": (with_shape(2, 3, 4, n=25), "declares 2 × 3 × 4 numbers, but 25 follow"),
    "one less": (with_shape(2, 3, 4, n=23), "but 23 follow"),
    "count": (with_shape(HUGE, 3, 4), "declares 4294967295 × 3 × 4 numbers, but 24 follow"),
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


NOT_ON_WINDOWS = pytest.mark.skipif(os.name == "nt", reason="Windows has no such file")


@pytest.mark.parametrize(
    "kind",
    [*(pytest.param(kind, marks=NOT_ON_WINDOWS) for kind in ("hole", "pipe", "device")), "folder"],
)
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
    with pytest.raises(ValueError, match="not a file, or has more than MNIST's 10,008 bytes"):
        read_checked(path)


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
    try:
        array = parse_idx(content)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert array.nbytes <= len(content)
        assert array.tobytes() == content[4 + 4 * content[3] :]

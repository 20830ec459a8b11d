"Data sets other than MNIST: what is read, and what is refused."

import errno
import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from s6erav3.data.mnist import MNIST_FILES, RAW, load_splits
from s6erav3.data.sets import FASHION_CLASSES, read_fashion, read_idx_set, read_image_folder

NAMES = list(MNIST_FILES)
N = 120


def idx(array) -> bytes:
    "An array of bytes as an IDX file."
    array = np.asarray(array, dtype=np.uint8)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def drawn(n=N, n_classes=3, first=0, size=28, seed=0):
    "Images whose class is the place of a bright bar, and their labels."
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    images = rng.integers(0, 60, (n, size, size))
    width = size // n_classes
    for image, label in zip(images, labels):
        image[:, width * label : width * (label + 1)] += 150
    return images.astype(np.uint8), (labels + first).astype(np.uint8)


def write_idx(folder, n=N, names=NAMES, pack=bytes, **options):
    "The four files of a data set; `pack` is `gzip.compress` for packed ones."
    folder.mkdir(parents=True, exist_ok=True)
    for (image_name, label_name), size, seed in ((names[:2], n, 0), (names[2:], 30, 1)):
        images, labels = drawn(size, seed=seed, **options)
        (folder / image_name).write_bytes(pack(idx(images)))
        (folder / label_name).write_bytes(pack(idx(labels)))
    return folder


def test_idx_files(tmp_path):
    found = read_idx_set(write_idx(tmp_path / "bars"))
    assert found.name == "bars (not MNIST)" and found.classes == ("0", "1", "2")
    assert found.train.images.shape == (N, 1, 28, 28) and found.train.images.dtype == torch.uint8
    assert torch.equal(found.train.images[:, 0], torch.from_numpy(drawn()[0]))
    assert found.train.labels.tolist() == drawn()[1].tolist() and len(found.test.labels) == 30


def test_packed_files_and_labels_from_1_with_names(tmp_path):
    names = [
        f"emnist-letters-{part}-ubyte.gz" for part in ("train-images-idx3", "train-labels-idx1")
    ]
    names += [name.replace("train", "test") for name in names]
    write_idx(tmp_path, names=names, pack=gzip.compress, first=1)
    mapping = "1 65 97\n2 66 98\n3 67 99\n"
    (tmp_path / "emnist-letters-mapping.txt").write_text(mapping, encoding="utf-8")
    found = read_idx_set(tmp_path)
    assert found.classes == ("A", "B", "C") and found.train.labels.unique().tolist() == [0, 1, 2]
    turned = torch.from_numpy(drawn(first=1)[0]).mT
    assert torch.equal(found.train.images[:, 0], turned), "EMNIST's images are mirrored"


def test_names_in_a_file(tmp_path):
    write_idx(tmp_path)
    (tmp_path / "classes.txt").write_text("left\nmiddle\nright\n", encoding="utf-8")
    assert read_idx_set(tmp_path).classes == ("left", "middle", "right")
    (tmp_path / "classes.txt").write_text("left\nright\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has 2 names for 3 labels"):
        read_idx_set(tmp_path)


def test_images_of_another_size_are_resized(tmp_path):
    found = read_idx_set(write_idx(tmp_path, size=42))
    assert found.train.images.shape == (N, 1, 28, 28)
    left = found.train.images[0, 0, :, :8].float().mean()
    assert left > found.train.images[0, 0, :, 12:].float().mean() + 100


def test_without_test_files_a_sixth_is_split_off(tmp_path):
    write_idx(tmp_path)
    for name in NAMES[2:]:
        (tmp_path / name).unlink()
    splits = load_splits("idx", tmp_path)
    sizes = [len(part.labels) for part in (splits.train, splits.valid, splits.test)]
    assert sizes == [90, 10, 20]


def cut_off(folder):
    path = folder / NAMES[0]
    path.write_bytes(path.read_bytes()[:-5])


def no_labels(folder):
    (folder / NAMES[1]).unlink()


def two_sets(folder):
    (folder / "digits-train-images-idx3").write_bytes(b"")


def other_length(folder):
    (folder / NAMES[1]).write_bytes(idx(drawn(40)[1]))


def new_class(folder):
    (folder / NAMES[3]).write_bytes(idx([7] * 30))


def broken_gzip(folder):
    (folder / NAMES[0]).write_bytes(gzip.compress(idx(drawn()[0]))[:-20])


FAULTS = {
    cut_off: "train-images-idx3-ubyte cannot be read: the IDX header declares",
    broken_gzip: "train-images-idx3-ubyte cannot be read: Compressed file ended",
    no_labels: "has no training images and labels in IDX files",
    two_sets: "has images of several data sets.*into a folder of its own",
    other_length: r"of shape \(120, 28, 28\) and labels of shape \(40,\) do not belong together",
    new_class: "the test labels have classes that the training labels lack",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_of_idx_files(fault, tmp_path):
    fault(write_idx(tmp_path))
    with pytest.raises((ValueError, OSError), match=FAULTS[fault]) as error:
        read_idx_set(tmp_path)
    assert "delete" not in str(error.value) and "MNIST" not in str(error.value)


def test_fashion_mnist(tmp_path):
    write_idx(tmp_path / "FashionMNIST" / "raw", n=100, n_classes=10)
    found = read_fashion(tmp_path)
    assert found.classes == FASHION_CLASSES and "not MNIST" in found.name
    write_idx(tmp_path / "FashionMNIST" / "raw")
    with pytest.raises(ValueError, match="has 3 classes, but Fashion-MNIST has 10"):
        read_fashion(tmp_path)
    with pytest.raises(FileNotFoundError, match="Fashion-MNIST is not in .*; fetch it with"):
        load_splits("fashion", tmp_path / "no")


def test_another_data_set_in_the_place_of_mnist_is_not_called_damaged(tmp_path):
    write_idx(tmp_path / RAW, n=200)
    for dataset in ("auto", "mnist"):
        with pytest.raises(
            ValueError, match="is not MNIST's.*use --dataset idx or fashion"
        ) as error:
            load_splits(dataset, tmp_path)
        assert "delete" not in str(error.value)
    assert load_splits("idx", tmp_path / RAW).dataset == "raw (not MNIST)"


def write_images(
    folder, n=30, mode="L", suffix="png", names=("left", "middle", "right"), dark=False
):
    "A folder for each class with image files."
    images, labels = drawn(n, size=30)
    for i, (image, label) in enumerate(zip(images, labels)):
        place = folder / names[label]
        place.mkdir(parents=True, exist_ok=True)
        pixels = 255 - image if dark else image
        Image.fromarray(pixels).convert(mode).save(place / f"{i}.{suffix}")
    return folder


@pytest.mark.parametrize("mode, suffix", [("L", "png"), ("RGB", "JPG"), ("P", "gif"), ("1", "bmp")])
def test_a_folder_for_each_class(mode, suffix, tmp_path):
    found = read_image_folder(write_images(tmp_path / "bars", mode=mode, suffix=suffix))
    assert found.classes == ("left", "middle", "right") and found.test is None
    assert found.train.images.shape == (30, 1, 28, 28)
    for label in range(3):
        columns = found.train.images[found.train.labels == label].float().mean(dim=(0, 1, 2))
        assert columns.argmax() // (28 / 3) == label


def test_dark_on_white_becomes_bright_on_black(tmp_path):
    dark = read_image_folder(write_images(tmp_path / "dark", dark=True)).train.images
    bright = read_image_folder(write_images(tmp_path / "bright")).train.images
    assert (dark.int() - bright.int()).abs().max() <= 1


def deep(pixels, bits):
    "Bytes as a picture of 16 or 32 bits, or of floats from 0 to 1."
    if bits == 16:
        return Image.fromarray(pixels.astype(np.uint16) * 257)
    if bits == 32:
        return Image.fromarray(pixels.astype(np.int32) * 257)
    return Image.fromarray(pixels.astype(np.float32) / 255)


@pytest.mark.parametrize("bits, suffix", [(16, "png"), (16, "tif"), (32, "tif"), (0.5, "tif")])
def test_deep_pictures_keep_their_grey_levels(bits, suffix, tmp_path):
    write_images(tmp_path / "bytes")
    expected = read_image_folder(tmp_path / "bytes").train.images
    for path in sorted((tmp_path / "bytes").rglob("*.png")):
        picture = deep(np.asarray(Image.open(path)), bits)
        path.unlink()
        picture.save(path.with_suffix(f".{suffix}"))
    found = read_image_folder(tmp_path / "bytes").train.images
    assert (found.int() - expected.int()).abs().max() <= 2


def with_transparent_ground(folder, ink):
    "Bars of one colour on a transparent ground, two of each class."
    for label, name in enumerate(("left", "middle", "right")):
        pixels = np.zeros((30, 30, 4), np.uint8)
        pixels[..., :3] = ink
        pixels[:, 10 * label : 10 * label + 10, 3] = 255
        (folder / name).mkdir(parents=True)
        for i in range(2):
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


@pytest.mark.parametrize("ink", [(0, 0, 0), (255, 255, 255), (250, 240, 0)], ids=str)
def test_ink_on_a_transparent_ground_becomes_bright_on_black(ink, tmp_path):
    train = read_image_folder(with_transparent_ground(tmp_path, ink)).train
    for image, label in zip(train.images[:, 0].float(), train.labels.tolist()):
        columns = image.mean(dim=0)
        bar = slice(10 * label, 10 * label + 8)
        assert columns[bar].mean() > 200 and columns.sum() < 12 * 255


def test_an_image_that_its_ground_would_hide_is_an_error(tmp_path):
    with_transparent_ground(tmp_path, (0, 0, 0))
    white = with_transparent_ground(tmp_path / ".other", (255, 255, 255))
    (white / "left" / "0.png").rename(tmp_path / "left" / "white.png")
    with pytest.raises(ValueError, match="1 of the images is blank on white, on which the others"):
        read_image_folder(tmp_path)


def test_small_pictures_are_read(tmp_path):
    with_transparent_ground(tmp_path, (0, 0, 0))
    for path in tmp_path.rglob("*.png"):
        Image.open(path).resize((8, 8)).save(path)
    assert read_image_folder(tmp_path).train.images.shape == (6, 1, 28, 28)


def test_a_class_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    "The system's refusal is imitated: an administrator may read every folder."
    write_images(tmp_path)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "middle":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match=r"the folder .*middle cannot be read \(Permission"):
        read_image_folder(tmp_path)


def test_folders_train_and_test(tmp_path):
    write_images(tmp_path / "train")
    write_images(tmp_path / "test", n=9)
    (tmp_path / "train" / "left" / "notes.txt").write_text("no image", encoding="utf-8")
    splits = load_splits("folder", tmp_path)
    sizes = [len(part.labels) for part in (splits.train, splits.valid, splits.test)]
    assert sizes == [27, 3, 9] and splits.classes == ("left", "middle", "right")


def one_class(folder):
    for name in ("middle", "right"):
        (folder / name).rename(folder / f".{name}")


def no_image(folder):
    (folder / "left" / "0.png").write_bytes(b"nothing")


def unknown_test_class(folder):
    for name in ("left", "middle", "right"):
        (folder / "train").mkdir(exist_ok=True)
        (folder / name).rename(folder / "train" / name)
    write_images(folder / "test", n=3, names=("left", "middle", "wrong"))


FOLDER_FAULTS = {
    one_class: "has 1 folders with images; make a folder for each class",
    no_image: r"0\.png is not a picture; convert it, or move it elsewhere",
    unknown_test_class: "wrong is a class that the training images lack",
}


@pytest.mark.parametrize("fault", FOLDER_FAULTS, ids=lambda fault: fault.__name__)
def test_faults_of_folders(fault, tmp_path):
    fault(write_images(tmp_path))
    with pytest.raises(ValueError, match=FOLDER_FAULTS[fault]) as error:
        read_image_folder(tmp_path)
    assert "delete" not in str(error.value) and "\n" not in str(error.value)


def test_a_folder_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        load_splits("folder", tmp_path / "no")
    monkeypatch.delenv("S6ERAV3_DATA", raising=False)
    for dataset in ("idx", "folder"):
        with pytest.raises(FileNotFoundError, match=f"--dataset {dataset} needs --data-dir"):
            load_splits(dataset)

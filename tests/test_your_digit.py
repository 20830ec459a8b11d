"Pictures as people send them, and pictures that are none."

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pictures
import pytest
from PIL import Image, ImageDraw

from s6erav3.data import load_splits
from s6erav3.your_digit import open_picture, plot_reading, predict, read_picture

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def splits(mnist_dir):
    return load_splits("mnist", mnist_dir)


def draw_seven(size=200, ink=0, paper=255, mode="L") -> Image.Image:
    picture = Image.new(mode, (size, size), paper)
    ImageDraw.Draw(picture).line(
        [(0.3 * size, 0.2 * size), (0.7 * size, 0.2 * size), (0.5 * size, 0.8 * size)],
        fill=ink,
        width=size // 16,
        joint="curve",
    )
    return picture


def read_files(files, tmp_path):
    "What `predict` says of files that hold these bytes: a table, and the errors."
    paths, errors = [tmp_path / f"{i:04}" for i in range(len(files))], []
    for path, content in zip(paths, files):
        path.write_bytes(content)
    return (
        predict(paths, on_error=errors.append).set_index("file"),
        errors,
        [str(path) for path in paths],
    )


def test_pictures_made_from_test_digits(splits, tmp_path):
    "At least 97 %, and 85 % of the forty of each kind; those that are refused count as wrong."
    generator = np.random.default_rng(2)
    chosen = generator.integers(0, 10_000, 40 * len(pictures.KINDS))
    kinds = np.array(sorted(pictures.KINDS * 40))
    files = [
        pictures.make(splits.test.images[i, 0].numpy(), kind, generator)
        for i, kind in zip(chosen.tolist(), kinds)
    ]
    table, _, paths = read_files(files, tmp_path)
    digits = [
        table.loc[[path], "digit"].tolist() if path in table.index else None for path in paths
    ]
    right = np.array(
        [found == [label] for found, label in zip(digits, splits.test.labels[chosen].tolist())]
    )
    assert len(right) >= 300 and right.mean() >= 0.97, right.mean()
    for kind in pictures.KINDS:
        assert right[kinds == kind].mean() >= 0.85, (kind, right[kinds == kind].mean())


def test_pairs_that_stand_apart(splits, tmp_path):
    generator = np.random.default_rng(3)
    chosen = generator.integers(0, 10_000, (40, 2)).tolist()
    files = [
        pictures.pair(*(splits.test.images[i, 0].numpy() for i in two), False, generator)
        for two in chosen
    ]
    table, _, paths = read_files(files, tmp_path)
    right = [
        path in table.index
        and table.loc[[path], "digit"].tolist() == splits.test.labels[two].tolist()
        for path, two in zip(paths, chosen)
    ]
    assert np.mean(right) >= 0.9


def test_pages_without_ink(tmp_path):
    generator = np.random.default_rng(4)
    table, errors, _ = read_files([pictures.blank(generator) for _ in range(60)], tmp_path)
    assert len(errors) == 60 and table.empty
    assert all("\n" not in str(error) for error in errors)


@pytest.mark.parametrize("kind", pictures.KINDS)
def test_the_generator_makes_files_that_open(kind):
    generator = np.random.default_rng(5)
    digit = np.asarray(draw_seven(28, 255, 0))
    for _ in range(3):
        Image.open(io.BytesIO(pictures.make(digit, kind, generator))).load()


@pytest.mark.parametrize("tag", range(1, 9))
def test_exif_orientation(tag, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = tag
    stored = (
        draw_seven(mode="RGB")
        if tag == 1
        else draw_seven(mode="RGB").transpose(pictures.TURNS[tag])
    )
    stored.save(tmp_path / "seven.jpg", exif=exif)
    assert predict(tmp_path / "seven.jpg")["digit"].tolist() == [7]


@pytest.mark.parametrize("size", [(60, 2700), (2700, 60), (60, 18_000)])
def test_long_strips(size):
    strip = Image.new("L", size, 255)
    strip.paste(draw_seven(60), tuple(side // 2 if side > 60 else 0 for side in size))
    assert predict(strip)["digit"].tolist() == [7]


@pytest.mark.parametrize(
    "array",
    [
        np.full((28, 28), 1, np.int64),
        np.zeros((4, 28, 28), np.uint8),
        np.zeros((28, 28, 1), np.uint8),
    ],
)
def test_arrays_that_are_no_pictures(array):
    errors = []
    assert predict([array, draw_seven()], on_error=errors.append)["digit"].tolist() == [
        7
    ] and "array" in str(errors[0])


def test_deep_numbers():
    seven = np.asarray(draw_seven())
    for bits in (10, 12, 16):
        assert predict(Image.fromarray(seven.astype(np.uint16) * ((2**bits - 1) // 255)))[
            "digit"
        ].tolist() == [7]
    floats = seven.astype(np.float32) / 250
    floats[0, 0] = np.inf
    assert predict(Image.fromarray(floats))["digit"].tolist() == [7]


@pytest.mark.parametrize("pixels", [1, 3])
def test_what_is_not_of_mnists_form_is_not_taken_for_it(pixels):
    faint = np.zeros((28, 28), np.uint8)
    faint[4 : 4 + pixels, 14] = 1
    assert "no ink" in message(read_picture, faint)


def test_a_damaged_exif_note(tmp_path):
    draw_seven().save(tmp_path / "seven.png", exif=b"Exif\0\0garbage!!")
    assert predict(tmp_path / "seven.png")["digit"].tolist() == [7]


@pytest.mark.parametrize("size", [(12, 12), (12, 500), (28, 28), (3000, 2000)])
def test_any_size(size):
    picture = Image.new("L", size, 255)
    ImageDraw.Draw(picture).line(
        [(size[0] // 2, size[1] * 0.2), (size[0] // 2, size[1] * 0.8)],
        fill=0,
        width=max(2, min(size) // 10),
    )
    assert predict(picture)["digit"].tolist() == [1]


def message(call, *args) -> str:
    with pytest.raises((OSError, ValueError)) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_are_no_pictures(tmp_path):
    whole = pictures.saved(draw_seven(mode="RGB"), "JPEG")
    contents = {
        "truncated.jpg": (whole[: len(whole) // 2], "truncated"),
        "empty.png": (b"", "is empty"),
        "poem.png": (b"not a picture", "not a picture"),
        "script.eps": (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n",
            "PostScript",
        ),
    }
    for name, (content, says) in contents.items():
        (tmp_path / name).write_bytes(content)
        said = message(open_picture, tmp_path / name)
        assert name in said and says in said
    os.mkfifo(tmp_path / "pipe")
    for name, says in (
        ("missing.png", "no file"),
        (".", "is a folder"),
        ("pipe", "not a file that can be opened"),
    ):
        assert says in message(open_picture, tmp_path / name)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    "300 kB in the file, 2.5 GB in memory. Refused where only 1 GB more may be had."
    (tmp_path / "bomb.png").write_bytes(pictures.bomb(50_000))
    code = (
        "import resource, sys; from s6erav3.your_digit import open_picture; used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 10**9,) * 2)\n"
        "try: open_picture(sys.argv[1])\nexcept ValueError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "bomb.png"], capture_output=True, text=True
    )
    assert "too large" in done.stdout, done.stderr


def test_what_is_clearly_no_row_of_digits():
    page = Image.new("L", (300, 300), 255)
    pen = ImageDraw.Draw(page)
    pen.line([(20, 150), (280, 150)], fill=0, width=12)
    assert "too wide" in message(read_picture, page)
    for y in (20, 190):
        page.paste(draw_seven(100), (100, y))
    page.paste(255, (0, 130, 300, 170))
    assert "above another" in message(read_picture, page)
    stack = Image.new("L", (200, 420), 255)
    for y in (0, 210):
        stack.paste(draw_seven(), (0, y))
    assert "above another" in message(read_picture, stack)
    page.paste(255, (0, 0, 300, 300))
    for x in range(4, 296, 12):
        pen.line([(x, 140), (x, 160)], fill=0, width=3)
    assert "at most 20" in message(read_picture, page)


def test_errors_of_some_do_not_keep_others_from_being_read(tmp_path):
    draw_seven().save(tmp_path / "seven.png")
    errors = []
    table = predict(
        [tmp_path / "no.png", tmp_path / "seven.png", tmp_path, draw_seven(ink=255, paper=0)],
        on_error=errors.append,
    )
    assert (
        table["digit"].tolist() == [7, 7]
        and table["file"].tolist() == [str(tmp_path / "seven.png"), "picture 4"]
        and len(errors) == 2
    )
    with pytest.raises(FileNotFoundError):
        predict([tmp_path / "no.png", tmp_path / "seven.png"])


def test_figure_has_a_row_for_each_digit():
    row = Image.new("L", (420, 200), 255)
    for i in range(2):
        row.paste(draw_seven(), (200 * i, 0))
    assert (
        len(plot_reading([row, draw_seven()]).axes) == 3 * 4
        and len(plot_reading([row] * 9).axes) == 12 * 4
    )


def test_record_of_pictures():
    record = json.loads(
        (ROOT / "results" / "pictures" / "pictures.json").read_text(encoding="utf-8")
    )
    assert [row["kind"] for row in record["test"]] == list(pictures.KINDS) and [
        row["kind"] for row in record["pairs"]
    ] == ["apart", "touching"]
    for row in (*record["test"], *record["pairs"], record["blank_pages"]):
        assert (
            row["sure_and_right"] <= min(row["sure"], row["right"])
            and max(row["sure"], row["right"]) + row["refused"] <= row["n"]
        )
        assert sum(row["refused_because"].values()) == row["refused"]
    assert sum(row["right"] for row in record["test"]) >= 0.97 * sum(
        row["n"] for row in record["test"]
    )
    pad = json.loads((ROOT / "results" / "pictures" / "pad.json").read_text(encoding="utf-8"))
    assert (
        0 < pad["median_ms"] <= pad["max_ms"]
        and pad["median_ms"] < 100
        and record["times"]["digits_per_second"] >= 5_000
        and record["times"]["prepare_ms"] < 10
    )

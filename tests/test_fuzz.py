"""Files from strangers: whatever is in them, a reader gives its result or one line, soon, in bounded memory.

Each reader gets damaged copies of good files: S6ERAV3_STRESS of them (200 if it is not set), the same in every run, and another quarter
of that, with some files made by hand to do harm, in a process of its own that may have 1 GB more. `python tests/test_fuzz.py READER COUNT [FILE...]` is what such a process does."""

import copy
import functools
import io
import json
import math
import os
import pickle
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import hypothesis.configuration
import pictures
import pytest
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from torch import nn

from s6erav3.data import parse_idx
from s6erav3.models.model import MNISTModel, load_weights
from s6erav3.training.checkpoint import Progress, Stages, write_checkpoint
from s6erav3.training.train import _Average, read_record, recipe_of
from s6erav3.your_digit import read_picture

hypothesis.configuration.set_hypothesis_home_dir(
    tempfile.gettempdir()
)  # or it would make a folder here
ROOT = Path(__file__).resolve().parent.parent
COUNT = int(os.environ.get("S6ERAV3_STRESS", 200))
DEADLINE = 5  # seconds of the processor for one file; what waits for anything else is ended after ten times as many
MORE = 10**9  # bytes that a process of its own may have beside what it has at its start
RUN = {
    "recipe": {"name": "best", "learning_rate": 0.1, "channels": [8, 12]},
    "seed": 0,
    "threads": 1,
}


def progress() -> Progress:
    "That of a small network at its beginning."
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return Progress(
        model,
        optimizer,
        torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 10),
        _Average(model, 0.9),
        torch.Generator(),
    )


def go_on(path):
    "Go on from a checkpoint."
    progress().load_state_dict(Stages(path, True, RUN).of("pupil")["resume"])


READERS = {
    "weights": lambda path: load_weights(MNISTModel(), path),
    "checkpoint": go_on,
    "record": lambda path: recipe_of(read_record(path)),
    "picture": read_picture,
    "idx": lambda path: parse_idx(Path(path).read_bytes()),
}


def attempt(reader: str, path) -> str:
    "What a reader says of a file, in one line, or nothing where it can read it. Anything else that happens is an error of the test."
    said, start = "", time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            READERS[reader](path)
        except (OSError, ValueError) as error:
            said = str(error) or type(error).__name__
    seconds = time.process_time() - start
    assert said.isprintable() and len(said) < 1_000, said[:2_000]
    assert seconds < DEADLINE, seconds
    return said


# Damage

EDGES = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
KINDS = ("flip", "cut", "drop", "double", "insert", "number", "number", "splice")


@st.composite
def steps_of_damage(draw) -> list:
    "Up to five of a kind, a place and a value. (Drawn one by one they would repeat themselves more often.)"
    chance = random.Random(draw(st.integers(0, 2**48)))
    return [
        (chance.choice(KINDS), chance.randrange(2**16), chance.randrange(2**16))
        for _ in range(draw(st.integers(0, 5)))
    ]


STEPS = steps_of_damage()


def damaged(content: bytes, other: bytes, tokens: list, steps: list) -> bytes:
    "`content` after these steps of damage, a kind, a place and a value each; half of the places are near the beginning."
    data = bytearray(content)
    for kind, place, value in steps:
        i = (place * len(data) >> 16) if place % 2 else (place * place * len(data) >> 32)
        n = 1 + value % 64
        if kind == "flip":
            data[i : i + 1] = bytes(byte ^ 1 << value % 8 for byte in data[i : i + 1])
        elif kind == "cut":
            del data[i:]
        elif kind == "drop":
            del data[i : i + n]
        elif kind == "double":
            data[i:i] = data[i : i + n] * (1 + value % 7)
        elif kind == "insert":
            data[i:i] = tokens[value % len(tokens)]
        elif kind == "number":
            data[i : i + (1 << value % 4)] = _number(
                EDGES[value // 8 % len(EDGES)], 1 << value % 4, value // 4 % 2
            )
        else:
            data[i:] = other[value * len(other) >> 16 :]
    return bytes(data)


def _number(number, size, big) -> bytes:
    return (number % 256**size).to_bytes(size, "big" if big else "little")


# Weights

FUNCTIONS = (
    "posix mkdir",
    "builtins bytearray",
    "collections Counter",
    "torch Size",
    "torch.nn.parameter Parameter",
    "torch._utils _rebuild_sparse_tensor",
    "torch._utils _rebuild_qtensor",
    "torch._utils _rebuild_meta_tensor_no_storage",
    "torch ComplexFloatStorage",
    "torch DoubleStorage",
    "torch Tensor",
)
STEPS_OF_PICKLES = [
    *(bytes([code]) for code in b"(.}])tuRQXcqhjrJKMNbs\x80\x81\x85\x86\x87\x88\x89\x8a\x8bGaeB20"),
    b"h\x00",
    b"h\x03",
    b"\x8a\x08" + b"\xff" * 7 + b"\x7f",
    b"\x85" * 1_000,
    *("c{}\n{}\n".format(*name.split()).encode() for name in FUNCTIONS),
]


def saved(state, **options) -> bytes:
    file = io.BytesIO()
    torch.save(state, file, **options)
    return file.getvalue()


def zipped(parts, method=zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


@functools.cache
def good_weights() -> list[dict]:
    "The records of good files, by name."
    torch.manual_seed(0)
    plain = dict(MNISTModel().state_dict())
    files = [
        saved(state)
        for state in (
            plain,
            MNISTModel().state_dict(),
            MNISTModel((4, 5, 4, 6, 7, 9)).state_dict(),
            MNISTModel().state_dict(keep_vars=True),
        )
    ]
    return records_of(files)


def records_of(files) -> list[dict]:
    return [
        {name: archive.read(name) for name in archive.namelist()}
        for archive in map(zipfile.ZipFile, map(io.BytesIO, files))
    ]


@functools.cache
def good_states() -> list[dict]:
    "What checkpoints hold, as `Stages` writes it, after no epoch and after one."
    found = []
    for steps in (0, 1):
        torch.manual_seed(0)
        made = progress()
        for _ in range(steps):
            made.model(torch.randn(2, 1, 5, 5)).sum().backward()
            made.optimizer.step()
            made.scheduler.step()
            made.average.update()
            made.history.append({"epoch": 1, "train_loss": 0.5, "validation_accuracy": None})
        found.append({"run": RUN, "seconds": 1.5, "pupil": made.state_dict(), "teacher": None})
    return found


@functools.cache
def good_checkpoints() -> list[dict]:
    return records_of(map(checkpoint_of, good_states()))


def checkpoint_of(state) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_checkpoint(state, Path(folder, "file")).read_bytes()


def laid_out(layout: bytes) -> bytes:
    "A checkpoint with this layout."
    return saved(
        {
            "tensor0": torch.zeros(1).expand(10**12) if layout == b"wide" else torch.zeros(1),
            "layout": torch.frombuffer(bytearray(layout), dtype=torch.uint8),
        }
    )


@st.composite
def torch_files(draw, good) -> bytes:
    "A good file with a damaged pickle, one damaged record, or damage anywhere; or a tensor whose numbers are made up."
    if draw(st.integers(0, 4)) == 4:
        return pickled(
            one_tensor(
                *(draw(st.sampled_from((*EDGES, -1, -(2**31), 10, 40, 10**30))) for _ in range(4))
            )
        )
    parts, other = (dict(draw(st.sampled_from(good()))) for _ in range(2))
    for name in draw(
        st.sampled_from(
            [[], ["data.pkl"], ["data.pkl"], ["data/0"], ["byteorder"], ["version", "data.pkl"]]
        )
    ):
        name = next(full for full in parts if full.endswith(name))
        parts[name] = damaged(
            parts[name],
            next(value for full, value in other.items() if full.endswith("data.pkl")),
            STEPS_OF_PICKLES,
            draw(STEPS),
        )
    steps = draw(st.one_of(st.just([]), STEPS))
    return damaged(zipped(parts), zipped(other) if steps else b"", STEPS_OF_PICKLES, steps)


def pickled(program: bytes, storage=bytes(40), method=zipfile.ZIP_STORED) -> bytes:
    return zipped(
        {
            "a/data.pkl": b"\x80\x02" + program,
            "a/version": b"3\n",
            "a/byteorder": b"little",
            "a/data/0": storage,
        },
        method,
    )


def number(n: int) -> bytes:
    return pickle.dumps(n, 2)[2:-1]


def one_tensor(numel=10, shape=10, stride=1, offset=0) -> bytes:
    "A pickle of one tensor that claims these numbers."
    storage = (
        b"((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu"
        + number(numel)
        + b"tQ"
    )
    return (
        b"}X\x07\0\0\0fc.biasctorch._utils\n_rebuild_tensor_v2\n"
        + storage
        + number(offset)
        + number(shape)
        + b"\x85"
        + number(stride)
        + b"\x85\x89ccollections\nOrderedDict\n)RtRs."
    )


def forged_zip() -> bytes:
    "A zip whose directory claims that one record is of 4 GB."
    content = bytearray(pickled(one_tensor()))
    where = content.rindex(b"PK\1\2")
    content[where + 20 : where + 28] = struct.pack("<II", 0xFFFF_FFF0, 0xFFFF_FFF0)
    return bytes(content)


def overlapping_zip() -> bytes:
    "A zip with a thousand records that are all the same bytes."
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("a/data/0", bytes(10**5))
        archive.filelist += archive.filelist * 999
    return file.getvalue()


def harmful_weights() -> dict:
    "Files made to do harm, by name, and what is to be said of them."
    state, empty = MNISTModel().state_dict(), torch.zeros(0)
    hashed = b"}K\0" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(60)) + b"K\0s."
    listed = (
        b"}"
        + b"".join(b"q%c}K\0h%csK\1h%cs" % (i, i, i) for i in range(60))
        + b"q\xffX\1\0\0\0ah\xffs."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strange = {
            "sparse": torch.sparse_coo_tensor(
                torch.zeros(2, 1, dtype=torch.long), torch.ones(1), (2**31, 2**31)
            ),
            "complex": torch.zeros(10, dtype=torch.complex64),
            "quantised": torch.quantize_per_tensor(torch.zeros(10), 1.0, 0, torch.qint8),
            "meta": torch.zeros(10**10, device="meta"),
            "csr": torch.eye(3).to_sparse_csr(),
            "nested": {"a": {"b": empty}},
            "wide": torch.zeros(1).expand(10**12),
            "text": "a\nb",
            "large_ints": 10**1000,
            "nothing": None,
            "list": [empty] * 1_000,
        }
        scripted = io.BytesIO()
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), scripted)
        files = {name: saved({**state, "fc.bias": value}) for name, value in strange.items()}
    return files | {
        "keys": saved({f"{'x' * 50}{i}": empty for i in range(5_000)}),
        "long_key": saved({"x" * 10**5: empty}),
        "key_of_lines": saved({"a\nb\x1b[31m": empty}),
        "no_dict": saved([empty]),
        "old_format": saved(state, _use_new_zipfile_serialization=False),
        "old_format_of_more": saved(
            {"a": torch.zeros(10**4)}, _use_new_zipfile_serialization=False
        ),
        "scripted": scripted.getvalue(),
        "bomb": pickled(
            one_tensor(50_000_000, 50_000_000), bytes(200_000_000), zipfile.ZIP_DEFLATED
        ),
        "bzip2": pickled(one_tensor(), bytes(10**7), zipfile.ZIP_BZIP2),
        "claims_4_GB": forged_zip(),
        "overlapping": overlapping_zip(),
        "numel": pickled(one_tensor(numel=10**9)),
        "negative_numel": pickled(one_tensor(numel=-1)),
        "huge_numel": pickled(one_tensor(numel=2**62)),
        "shape": pickled(one_tensor(shape=10**12, stride=0)),
        "stride": pickled(one_tensor(stride=10**6)),
        "negative_stride": pickled(one_tensor(stride=-1)),
        "negative_shape": pickled(one_tensor(shape=-1)),
        "offset": pickled(one_tensor(offset=2**40)),
        "negative_offset": pickled(one_tensor(offset=-8)),
        "call": pickled(b"cposix\nsystem\nX\x04\0\0\0true\x85R."),
        "bytearray": pickled(b"}X\1\0\0\0acbuiltins\nbytearray\n" + number(10**10) + b"\x85Rs."),
        "memo": pickled(b"}r\xff\xff\xff\xffj\xff\xff\xff\xffs."),
        "deep": pickled(b"})" + b"\x85" * 200_000 + b"K\0s."),
        "hash_for_ever": pickled(hashed),
        "print_for_ever": pickled(listed),
        "of_marks": pickled(b"(" * 200_000 + b"."),
        "empty": b"",
        "only_zip": zipped({}),
        "twice": zipped({"a/data.pkl": b"\x80\2}."}) + zipped({"b/data.pkl": b"\x80\2}."}),
        "zeros": bytes(10**5),
        "large": bytes(10**7),
    }


def harmful_checkpoints() -> dict:
    "The same, and checkpoints in which one part is not what it should be."
    good = good_states()[1]
    pupil = good["pupil"]
    wrong = {
        "momentum": {
            **pupil,
            "optimizer": {**pupil["optimizer"], "state": {0: {"momentum_buffer": "much"}}},
        },
        "no_optimizer": {**pupil, "optimizer": {}},
        "nothing": None,
        "text": "a\nb",
        "chance": {**pupil, "random": torch.full((5056,), 255, dtype=torch.uint8)},
        "short_chance": {**pupil, "generator": torch.zeros(3, dtype=torch.uint8)},
        "history": {**pupil, "history": [7]},
        "average": {**pupil, "average": {"kept": pupil["average"]["kept"][:1], "n": "\x1b[31m"}},
        "schedule": {**pupil, "scheduler": {"last_epoch": "x" * 10**6}},
    }
    layouts = {
        "empty": b"{}",
        "wide": b"wide",
        "deep": b"[" * 10**5,
        "deep_dicts": b'{"list": [' * 10**5,
        "long": b"0" * 10**6,
        "lacking": b'{"tensor": 7}',
        "unknown": b'{"set": []}',
        "two": b'{"list": [], "dict": []}',
        "odd_key": b'{"dict": [[[], 1]]}',
        "pairs": b'{"dict": [1, 2]}',
        "large": b'{"list": [' + b"[]," * 3_300_000 + b"0]}",
        "larger": bytes(10_000_001),
        "text": b"\xff",
    }
    return (
        harmful_weights()
        | {
            f"pupil_{name}": checkpoint_of({**good, "pupil": value})
            for name, value in wrong.items()
        }
        | {f"layout_{name}": laid_out(layout) for name, layout in layouts.items()}
        | {
            "run": checkpoint_of({**good, "run": None}),
            "long_run": checkpoint_of({**good, "run": {**RUN, "seed": "\n" * 10**5}}),
            "odd_run": checkpoint_of({**good, "run": {**RUN, "seed": {"a\nb": pupil["model"]}}}),
        }
    )


# Records

ODD = (
    None,
    True,
    -1,
    0,
    10**400,
    -1e308,
    1e-320,
    float("nan"),
    float("inf"),
    "",
    "a\nb\x1b[31m",
    "\ud800",
    "x" * 10_000,
    [],
    {},
    [None],
    {"a\nb": 1},
    [[[[[]]]]],
    "epochs",
    [10**9] * 6,
    list(range(10_000)),
)
TOKENS_OF_JSON = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\\ud800",
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5_000,
    b"[" * 50_000,
    b'{"a":' * 20_000,
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"-",
    b"0" * 100,
]


@functools.cache
def good_records() -> list[dict]:
    return [
        json.loads((ROOT / "results" / f"{name}.json").read_text())
        for name in ("original-seed0", "fast-seed20", "best-seed20")
    ]


def places(value) -> list[tuple]:
    "Every container in a record with each of its keys."
    keys = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


@st.composite
def records(draw) -> bytes:
    "A good record with values of a wrong kind, lacking or renamed ones, and damage anywhere."
    record, other = (
        json.loads(json.dumps(draw(st.sampled_from(good_records())))) for _ in range(2)
    )
    for place, kind, value in draw(
        st.lists(
            st.tuples(
                st.integers(0, 2**16),
                st.sampled_from(("put", "put", "delete", "rename")),
                st.integers(0, len(ODD) - 1),
            ),
            max_size=4,
        )
    ):
        wide = places(record)[: 60 if place % 2 else None]
        if not wide:
            break
        container, key = wide[place % len(wide)]
        if kind == "put":
            container[key] = copy.deepcopy(ODD[value])
        else:
            kept = container.pop(key)
            if kind == "rename" and isinstance(container, dict):
                container[str(ODD[value])[:200]] = kept
    return damaged(
        json.dumps(record).encode(),
        json.dumps(other).encode(),
        TOKENS_OF_JSON,
        draw(st.one_of(st.just([]), STEPS)),
    )


def harmful_records() -> dict:
    def record(**fields):
        return json.dumps(good_records()[0] | fields).encode()

    def recipe(**fields):
        return record(recipe=good_records()[0]["recipe"] | fields)

    return {
        "deep": b"[" * 10**6,
        "deep_objects": b'{"a":' * 10**5,
        "deep_inside": record().replace(
            b'"seed":', b'"a": ' + b"[" * 10**5 + b"]" * 10**5 + b', "seed":'
        ),
        "large": b"[" + b"0," * 50_000_000 + b"0]",
        "digits": record().replace(b'"seed": 0', b'"seed": ' + b"9" * 10**6),
        "lists": b"[" + b"[]," * 10**6 + b"0]",
        "no_text": record().replace(b"original", b"\xff\xfe"),
        "marked": b"\xef\xbb\xbf" + record(),
        "empty": b"",
        "not_an_object": b"[]",
        "recipe_is_a_list": record(recipe=[]),
        "history_is_null": record(history=None),
        "channels_are_a_number": recipe(channels=7),
        "channels_are_many": recipe(channels=[1] * 10**5),
        "channels_are_huge": recipe(channels=[10**12] * 6),
        "epochs_are_text": recipe(epochs="1\n2"),
        "unknown": recipe(**{"a\nb" * 10**5: 1}),
        "nan": recipe(learning_rate=float("nan")),
        "name": recipe(name=["a\n"] * 10**5),
    }


# Pictures

EXIF = Image.Exif()
EXIF[0x0112] = 6
KINDS_OF_PICTURE = (
    ("PNG", "L", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "P", {"transparency": 0}),
    ("PNG", "I;16", {}),
    ("PNG", "1", {}),
    ("JPEG", "RGB", {"exif": EXIF}),
    ("JPEG", "CMYK", {}),
    ("JPEG", "L", {"progressive": True}),
    ("GIF", "P", {}),
    ("GIF", "L", {"transparency": 255}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("TIFF", "L", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "F", {"compression": "tiff_deflate"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("BMP", "RGB", {}),
    ("BMP", "P", {}),
    ("JPEG2000", "RGB", {}),
    ("AVIF", "RGB", {}),
    ("ICO", "RGBA", {}),
    ("PPM", "L", {}),
    ("TGA", "RGB", {"compression": "tga_rle"}),
    ("PCX", "L", {}),
    ("SGI", "L", {}),
    ("DDS", "RGB", {}),
    ("QOI", "RGB", {}),
)
TOKENS_OF_PICTURES = [
    b"IHDR",
    b"IDAT",
    b"PLTE",
    b"tRNS",
    b"acTL",
    b"fcTL",
    b"eXIf",
    b"iCCP",
    b"\xff\xd8",
    b"\xff\xc0",
    b"\xff\xc2",
    b"\xff\xda",
    b"\xff\xe1",
    b"Exif\0\0",
    b"GIF89a",
    b"\x21\xf9\x04",
    b"RIFF",
    b"WEBP",
    b"VP8X",
    b"VP8L",
    b"II*\0",
    b"MM\0*",
    b"BM",
    b"\0" * 8,
    b"\xff" * 8,
    b"\xff\xff\xff\x7f",
    bytes(range(256)),
    b"8BPS",
    b"P6 9 9 255\n",
    b"P5 99999 99999 255\n",
    b"%!PS-Adobe",
    b"\xd7\xcd\xc6\x9a",
    b"/* XPM */",
    b"#define a_width 9",
]


def seven(size, mode="RGB") -> Image.Image:
    picture = Image.new("L", (size, size), 255)
    ImageDraw.Draw(picture).line(
        [(0.3 * size, 0.2 * size), (0.7 * size, 0.2 * size), (0.5 * size, 0.8 * size)],
        fill=0,
        width=max(2, size // 12),
        joint="curve",
    )
    return (
        picture.convert("I").point(lambda i: i * 257).convert("I;16")
        if mode == "I;16"
        else picture.convert(mode)
    )


@functools.cache
def good_pictures() -> list[bytes]:
    return [
        pictures.saved(seven(48, mode), kind, **options) for kind, mode, options in KINDS_OF_PICTURE
    ]


def summed(content: bytes) -> bytes:
    "A PNG whose checksums are right again."
    data, i = bytearray(content), 8
    while i + 12 <= len(data) and i + 12 + (
        length := int.from_bytes(data[i : i + 4], "big")
    ) <= len(data):
        data[i + 8 + length : i + 12 + length] = zlib.crc32(data[i + 4 : i + 8 + length]).to_bytes(
            4, "big"
        )
        i += 12 + length
    return bytes(data)


@st.composite
def damaged_pictures(draw) -> bytes:
    content = damaged(
        draw(st.sampled_from(good_pictures())),
        draw(st.sampled_from(good_pictures())),
        TOKENS_OF_PICTURES,
        draw(STEPS),
    )
    return summed(content) if content.startswith(b"\x89PNG") and draw(st.booleans()) else content


def png(width, height, depth, colour, row: bytes, *chunks) -> bytes:
    "A PNG of `height` times the same row."
    packer = zlib.compressobj(1)
    data = (
        b"".join(
            packer.compress((b"\0" + row) * min(100, height - y)) for y in range(0, height, 100)
        )
        + packer.flush()
    )
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)),
        *chunks,
        (b"IDAT", data),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
        for name, part in parts
    )


def many_scans(size, n) -> bytes:
    "A progressive JPEG that refines the same numbers `n` times."
    content = pictures.saved(seven(size, "L"), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    return content[:start] + content[start:-2] * n + content[-2:]


def harmful_pictures() -> dict:
    webp = pictures.saved(seven(48), "WEBP")
    tiff = pictures.saved(seven(48), "TIFF")
    offset = int.from_bytes(tiff[4:8], "little")
    after = offset + 2 + 12 * int.from_bytes(tiff[offset : offset + 2], "little")
    return {
        "bomb": pictures.bomb(20_000),
        "grey": png(9_400, 9_400, 8, 0, bytes(9_400)),
        "deep": png(9_400, 9_400, 16, 0, bytes(18_800)),
        "clear": png(9_400, 9_400, 8, 6, bytes(37_600)),
        "thin": png(12, 7_000_000, 8, 0, bytes(12)),
        "floats": pictures.saved(Image.new("F", (9_400, 9_400)), "TIFF", compression="packbits"),
        "turned": pictures.saved(Image.new("RGB", (9_400, 9_400)), "JPEG", exif=EXIF),
        "many_scans": many_scans(4_000, 200),
        "more_scans": many_scans(4_000, 3_000),
        "text": png(
            48, 48, 8, 0, bytes(48), (b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000)))
        ),
        "colours": png(
            48, 48, 8, 0, bytes(48), (b"iCCP", b"a\0\0" + zlib.compress(bytes(100_000_000)))
        ),
        "long_webp": webp[:4] + b"\xff\xff\xff\x7f" + webp[8:],
        "loop": tiff[:after] + offset.to_bytes(4, "little") + tiff[after + 4 :],
        "avif": pictures.saved(Image.new("RGB", (4_000, 4_000)), "AVIF", speed=10),
        "jpeg2000": pictures.saved(Image.new("RGB", (2_000, 2_000)), "JPEG2000"),
        "empty": b"",
        "zeros": bytes(10**6),
    }


# IDX files


def idx(*shape, n=None) -> bytes:
    return (
        bytes([0, 0, 8, len(shape)])
        + struct.pack(f">{len(shape)}I", *shape)
        + bytes(n if n is not None else math.prod(shape))
    )


@st.composite
def damaged_idx(draw) -> bytes:
    one, other = (
        draw(
            st.sampled_from(
                [idx(3, 4, 5), idx(60), idx(1, 1, 60), idx(2, 28, 28), idx(*[1] * 31, 7)]
            )
        )
        for _ in range(2)
    )
    return damaged(one, other, [b"\0\0\x08\x03", b"\xff" * 4, bytes(4), b"\x1f\x8b"], draw(STEPS))


def harmful_idx() -> dict:
    return {
        "empty": b"",
        "count": idx(2**32 - 1, 28, 28, n=784),
        "product": idx(*[2**32 - 1] * 32, n=9),
        "nothing_at_length": idx(0, *[2**32 - 1] * 9),
        "wraps": idx(2**16, 2**16, 2**16, 2**16, n=0),
        "of_no_dimension": idx(n=1),
        "of_200": idx(*[1] * 200),
        "gzipped": zlib.compress(idx(5), wbits=31),
    }


# The runs

KINDS_OF_FILE = {
    "weights": lambda: torch_files(good_weights),
    "checkpoint": lambda: torch_files(good_checkpoints),
    "record": records,
    "picture": damaged_pictures,
    "idx": damaged_idx,
}
HARMFUL = {
    "weights": harmful_weights,
    "checkpoint": harmful_checkpoints,
    "record": harmful_records,
    "picture": harmful_pictures,
    "idx": harmful_idx,
}


def fuzz(reader: str, count: int, number: int, folder) -> dict:
    "Let a reader try `count` damaged files; how many those were, how many it read, and the seconds for the slowest."
    path, found = Path(folder) / "file", {"n": 0, "read": 0, "slowest": 0.0}

    @seed(number)
    @settings(
        max_examples=count,
        derandomize=False,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(KINDS_OF_FILE[reader]())
    def one(content):
        path.write_bytes(content)
        start = time.process_time()
        said = attempt(reader, path)
        found.update(
            n=found["n"] + 1,
            read=found["read"] + (not said),
            slowest=max(found["slowest"], round(time.process_time() - start, 3)),
        )

    one()
    return found


def peak() -> int:
    "The most memory that this process has had at once, in MB. (What `getrusage` says begins with that of the process that started this one.)"
    return (
        int(
            next(
                line.split()[1]
                for line in Path("/proc/self/status").read_text().splitlines()
                if line.startswith("VmHWM")
            )
        )
        // 1024
    )


@pytest.mark.parametrize("reader", READERS)
def test_damaged_files(reader, tmp_path, capfd, caplog, keep):
    before = peak()
    found = fuzz(reader, COUNT, 0, tmp_path)
    written = capfd.readouterr()
    assert not written.err and not written.out and not caplog.records
    assert found["n"] >= COUNT and {path.name for path in tmp_path.iterdir()} == {"file"}
    keep(
        "damaged_files", reader, {**found, "megabytes_before": before, "megabytes_at_most": peak()}
    )


@pytest.mark.parametrize("reader", READERS)
def test_harmful_files_in_little_memory(reader, tmp_path, keep):
    "No crash, nothing on stderr, no file made; the whole in 1 GB more than Python and PyTorch have."
    for name, content in HARMFUL[reader]().items():
        (tmp_path / name).write_bytes(content)
    if reader != "idx":
        make_what_is_no_file(tmp_path)  # for IDX files tests/test_data.py does
    names = sorted(path.name for path in tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, __file__, reader, str(COUNT // 4), *names],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and not done.stderr, (
        done.returncode,
        lines[-1:],
        done.stderr[-3_000:],
    )
    *said, last = map(json.loads, lines)
    assert last["fuzz"]["n"] >= COUNT // 4 and last["peak"] - last["before"] < MORE / 1e6
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    keep(
        "harmful_files",
        reader,
        {
            "files": len(said),
            "refused": sum(bool(one["said"]) for one in said),
            "slowest": max(one["seconds"] for one in said),
            "damaged_files": last["fuzz"]["n"],
            "megabytes_before": last["before"],
            "megabytes_at_most": last["peak"],
        },
    )


def make_what_is_no_file(folder):
    "A file of 10 GB that takes no room, a pipe, a device and a folder."
    with open(folder / "hole", "wb") as file:
        file.write(pictures.saved(seven(48), "WEBP"))
        file.truncate(10**10)
    os.mkfifo(folder / "pipe")
    (folder / "device").symlink_to("/dev/zero")
    (folder / "folder").mkdir()


def main(reader: str, count: str, *names):
    "Try the files, then `count` damaged ones, in 1 GB more than there is now; a line of JSON for each, and one for all. A hang ends by SIGALRM."
    READERS["record"](
        ROOT / "results" / "original-seed0.json"
    )  # what a library loads when it is used first does not count
    torch.zeros(9).isfinite().all()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE,) * 2)
    before = peak()
    for name in names:
        signal.alarm(10 * DEADLINE)
        start = time.process_time()
        said = attempt(reader, name)
        print(
            json.dumps(
                {
                    "file": name,
                    "said": said,
                    "seconds": round(time.process_time() - start, 2),
                    "peak": peak(),
                }
            ),
            flush=True,
        )
    signal.alarm(0)
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(reader, int(count), 1, folder)
    print(json.dumps({"fuzz": found, "before": before, "peak": peak()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

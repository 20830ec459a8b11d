"""Files of weights: safetensors files, and those of `torch.save`.

The latter are a zip with a pickle and the bytes of each tensor."""

import functools
import io
import pickle
import struct
import warnings
import zipfile

import safetensors.torch
import torch
from hypothesis import strategies as st
from torch import nn

from fuzzing.damage import EDGES, MAYBE_STEPS, STEPS, Material, damaged
from fuzzing.tensors import damaged_tensors, hostile_tensors, large_hostile_tensors
from s6erav3.models.model import MNISTModel

# Building blocks

NAMES = (  # what a pickle may ask for, and should not get
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
OPCODES = [bytes([c]) for c in b"(.}])tuRQXcqhjrJKMNbs\x80\x81\x85\x86\x87\x88\x89\x8a\x8bGaeB20"]
PICKLE_TOKENS = [
    *OPCODES,
    b"h\x00",
    b"h\x03",
    b"\x8a\x08" + b"\xff" * 7 + b"\x7f",
    b"\x85" * 1_000,
    *("c{}\n{}\n".format(*name.split()).encode() for name in NAMES),
]


def saved(state, **options) -> bytes:
    "The bytes of a file that `torch.save` writes."
    file = io.BytesIO()
    torch.save(state, file, **options)
    return file.getvalue()


def zipped(records: dict[str, bytes], method=zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, record in records.items():
            archive.writestr(name, record)
    return file.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pickled(program: bytes, storage=bytes(40), method=zipfile.ZIP_STORED) -> bytes:
    "A file of weights whose pickle is `program`."
    records = {
        "a/data.pkl": b"\x80\x02" + program,
        "a/version": b"3\n",
        "a/byteorder": b"little",
        "a/data/0": storage,
    }
    return zipped(records, method)


def one_tensor(numel=10, shape=10, stride=1, offset=0) -> bytes:
    "A pickle of one tensor that claims these numbers."
    numel, shape, stride, offset = (_integer(n) for n in (numel, shape, stride, offset))
    storage_type = b"((X\x07\0\0\0storagectorch\nFloatStorage\n"
    storage = storage_type + b"X\x01\0\0\x000X\x03\0\0\0cpu" + numel + b"tQ"
    sizes = offset + shape + b"\x85" + stride + b"\x85"
    name = b"}X\x07\0\0\0fc.bias"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    return name + rebuild + storage + sizes + b"\x89ccollections\nOrderedDict\n)RtRs."


def _integer(n: int) -> bytes:
    "The opcode that puts an integer on the stack."
    return pickle.dumps(n, 2)[2:-1]


# Damaged files


@functools.cache
def good_states() -> list[dict]:
    torch.manual_seed(0)
    return [
        dict(MNISTModel().state_dict()),
        MNISTModel().state_dict(),
        MNISTModel((4, 5, 4, 6, 7, 9)).state_dict(),
        MNISTModel().state_dict(keep_vars=True),
    ]


@functools.cache
def good_pths() -> list[dict[str, bytes]]:
    "The records of good files of `torch.save`, by name."
    return [unzipped(saved(state)) for state in good_states()]


@functools.cache
def good_tensors() -> list[bytes]:
    "Good safetensors files."
    metadata = {"recipe": '{"channels": [8, 12]}'}
    return [safetensors.torch.save(state, metadata) for state in good_states()[1:3]]


RECORDS = ([], ["data.pkl"], ["data.pkl"], ["data/0"], ["byteorder"], ["version", "data.pkl"])
CLAIMS = st.sampled_from((*EDGES, -1, -(2**31), 10, 40, 10**30))


def damaged_weights():
    return st.one_of(damaged_pths(), damaged_tensors(good_tensors))


@st.composite
def damaged_pths(draw) -> bytes:
    "A good zip with damage in some of its records or anywhere, or a tensor with wild claims."
    if draw(st.integers(0, 4)) == 4:
        return pickled(one_tensor(*(draw(CLAIMS) for _ in range(4))))
    records = dict(draw(st.sampled_from(good_pths())))
    other = draw(st.sampled_from(good_pths()))
    material = Material(_record(other, "data.pkl")[1], PICKLE_TOKENS)
    for ending in draw(st.sampled_from(RECORDS)):
        name, content = _record(records, ending)
        records[name] = damaged(content, material, draw(STEPS))
    return damaged(zipped(records), Material(zipped(other), PICKLE_TOKENS), draw(MAYBE_STEPS))


def _record(records: dict[str, bytes], ending: str) -> tuple[str, bytes]:
    "Name and content of the first record whose name ends so."
    return next(item for item in records.items() if item[0].endswith(ending))


# Hostile files


def hostile_weights() -> dict[str, bytes]:
    "Files that were made to do harm, by name; all of them small."
    nan = {**MNISTModel().state_dict(), "fc.bias": torch.full((10,), torch.nan)}
    return {
        **hostile_pths(),
        **hostile_tensors(good_tensors()[0]),
        "safetensors_nan": safetensors.torch.save(nan),
    }


def hostile_pths() -> dict[str, bytes]:
    "Those in the form of `torch.save`."
    return {
        **_strange_values(),
        **_strange_files(),
        **_false_claims(),
        **_hostile_pickles(),
        **_hostile_zips(),
    }


def large_hostile_weights() -> dict[str, bytes]:
    "Those that take long to make or to read."
    bomb = pickled(one_tensor(50_000_000, 50_000_000), bytes(200_000_000), zipfile.ZIP_DEFLATED)
    return {"bomb": bomb, **large_hostile_tensors()}


def _strange_values() -> dict[str, bytes]:
    "A state_dict with one value that is not a plain tensor."
    corner = torch.zeros(2, 1, dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that some of them are new
        values = {
            "sparse": torch.sparse_coo_tensor(corner, torch.ones(1), (2**31, 2**31)),
            "complex": torch.zeros(10, dtype=torch.complex64),
            "quantised": torch.quantize_per_tensor(torch.zeros(10), 1.0, 0, torch.qint8),
            "meta": torch.zeros(10**10, device="meta"),
            "csr": torch.eye(3).to_sparse_csr(),
            "nested": {"a": {"b": torch.zeros(0)}},
            "wide": torch.zeros(1).expand(10**12),
            "text": "a\nb",
            "large_integer": 10**1000,
            "nothing": None,
            "list": [torch.zeros(0)] * 1_000,
        }
        state = MNISTModel().state_dict()
        return {name: saved({**state, "fc.bias": value}) for name, value in values.items()}


def _strange_files() -> dict[str, bytes]:
    "Other things that `torch.save` or nobody writes."
    state = MNISTModel().state_dict()
    empty = torch.zeros(0)
    old_format = {"_use_new_zipfile_serialization": False}
    return {
        "many_keys": saved({f"{'x' * 50}{i}": empty for i in range(5_000)}),
        "long_key": saved({"x" * 10**5: empty}),
        "key_of_two_lines": saved({"a\nb\x1b[31m": empty}),
        "no_dict": saved([empty]),
        "old_format": saved(state, **old_format),
        "larger_in_old_format": saved({"a": torch.zeros(10**4)}, **old_format),
        "scripted": _scripted(),
        "empty": b"",
        "zeros": bytes(10**5),
        "large": bytes(10**7),
    }


def _scripted() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.save(torch.jit.script(nn.Linear(1, 1)), file)
    return file.getvalue()


def _false_claims() -> dict[str, bytes]:
    "A tensor that claims more numbers than are there, or places where there are none."
    claims = {
        "numel": {"numel": 10**9},
        "negative_numel": {"numel": -1},
        "huge_numel": {"numel": 2**62},
        "shape": {"shape": 10**12, "stride": 0},
        "stride": {"stride": 10**6},
        "negative_stride": {"stride": -1},
        "negative_shape": {"shape": -1},
        "offset": {"offset": 2**40},
        "negative_offset": {"offset": -8},
    }
    return {name: pickled(one_tensor(**numbers)) for name, numbers in claims.items()}


def _hostile_pickles() -> dict[str, bytes]:
    "Pickles that call functions, or that grow when they are run, hashed or printed."
    programs = {
        "call": b"cposix\nsystem\nX\x04\0\0\0true\x85R.",
        "bytearray": b"}X\1\0\0\0acbuiltins\nbytearray\n" + _integer(10**10) + b"\x85Rs.",
        "memo": b"}r\xff\xff\xff\xffj\xff\xff\xff\xffs.",
        "deep": b"})" + b"\x85" * 200_000 + b"K\0s.",
        "marks": b"(" * 200_000 + b".",
        "exponential_hash": _exponential_hash(),
        "exponential_text": _exponential_text(),
        "many_tuples": b"})" + b"\x85" * 2_100 + b"K\0s.",
        "many_dimensions": one_tensor().replace(b"K\n\x85", b"(" + b"K\1" * 50_000 + b"t", 1),
        "keys_are_numbers": b"}K\0K\0s.",
        "counter": b"ccollections\nCounter\n)RK\0K\0s.",
    }
    return {name: pickled(program) for name, program in programs.items()}


def _exponential_hash() -> bytes:
    "A tuple of two that are each a tuple of the same two, 60 deep: hashing takes 2⁶⁰ steps."
    levels = (b"q%ch%c\x86" % (i, i) for i in range(60))
    return b"}K\0" + b"".join(levels) + b"K\0s."


def _exponential_text() -> bytes:
    "A dict of two that are each a dict of the same two, 60 deep: printing takes 2⁶⁰ steps."
    levels = (b"q%c}K\0h%csK\1h%cs" % (i, i, i) for i in range(60))
    return b"}" + b"".join(levels) + b"q\xffX\1\0\0\0ah\xffs."


def _hostile_zips() -> dict[str, bytes]:
    twice = zipped({"a/data.pkl": b"\x80\2}."}) + zipped({"b/data.pkl": b"\x80\2}."})
    return {
        "bzip2": pickled(one_tensor(), bytes(10**7), zipfile.ZIP_BZIP2),
        "claims_4_gb": _forged_size(),
        "overlapping": _overlapping_records(),
        "no_records": zipped({}),
        "two_zips": twice,
    }


def _forged_size() -> bytes:
    "A zip whose directory claims that one record has 4 GB."
    content = bytearray(pickled(one_tensor()))
    entry = content.rindex(b"PK\1\2")
    content[entry + 20 : entry + 28] = struct.pack("<II", 0xFFFF_FFF0, 0xFFFF_FFF0)
    return bytes(content)


def _overlapping_records() -> bytes:
    "A zip with a thousand records that are all the same bytes."
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data/0", bytes(10**5))
        archive.filelist += archive.filelist * 999
    return file.getvalue()

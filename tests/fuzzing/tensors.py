"Safetensors files: the length of a header, the header as JSON, and the bytes of all tensors."

import copy
import json
from collections.abc import Callable

from hypothesis import strategies as st

from fuzzing.damage import EDGES, MAYBE_STEPS, STEPS, Material, damaged

TOKENS = [
    *(b'"dtype":', b'"shape":', b'"data_offsets":', b'"__metadata__":', b'"state":'),
    *(b'"F32"', b'"F64"', b'"I64"', b'"U8"', b'"BOOL"', b'"F4"', b'"F8_E8M0"', b'"C64"'),
    *(
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
        b"-1",
        b"1e999",
    ),
    *(str(edge).encode() for edge in EDGES),
    b"[" * 1_000,
]


def packed(header: dict | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    "A file with this header and data; `length` is the length that it claims for the header."
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    claimed = len(text) if length is None else length
    return claimed.to_bytes(8, "little") + text + data


def unpacked(content: bytes) -> tuple[bytes, bytes]:
    "Header and data of a good file."
    end = 8 + int.from_bytes(content[:8], "little")
    return content[8:end], content[end:]


@st.composite
def damaged_tensors(draw, good: Callable[[], list[bytes]]) -> bytes:
    "A good file with damage in its header, in its data or anywhere; the length may be right."
    header, data = unpacked(draw(st.sampled_from(good())))
    other = draw(st.sampled_from(good()))
    material = Material(unpacked(other)[0], TOKENS)
    length = draw(st.sampled_from((None, None, None, len(header), *EDGES[:12])))
    header = damaged(header, material, draw(STEPS))
    data = damaged(data, material, draw(MAYBE_STEPS))
    return damaged(packed(header, data, length), Material(other, TOKENS), draw(MAYBE_STEPS))


# Hostile files


def hostile_tensors(good: bytes) -> dict[str, bytes]:
    "Files that were made to do harm, by name, most of them from a good file."
    header, data = unpacked(good)
    files = {
        **_wrong_lengths(header, data),
        **_wrong_entries(json.loads(header), data),
        **_wrong_json(header, data),
        **_many_entries(),
    }
    return {f"safetensors_{name}": content for name, content in files.items()}


def large_hostile_tensors() -> dict[str, bytes]:
    "Those that take long to make or to read."
    empty = b'{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    tensors = b",".join(b'"%d":%s' % (i, empty) for i in range(170_000))
    texts = b",".join(b'"%d":""' % i for i in range(800_000))
    return {
        "header_of_many_tensors": packed(b"{" + tensors + b"}"),
        "header_of_many_texts": packed(b'{"__metadata__":{' + texts + b"}}"),
        "header_of_50_mb": packed(b"[" + b"[]," * 16_000_000 + b"[]]"),
    }


def _wrong_lengths(header: bytes, data: bytes) -> dict[str, bytes]:
    return {
        "header_of_8_eb": packed(header, data, 2**63 - 1),
        "header_of_16_eb": packed(header, data, 2**64 - 1),
        "header_of_the_whole_file": packed(header, data, len(header) + len(data)),
        "header_of_no_bytes": packed(header, data, 0),
        "header_too_short": packed(header, data, len(header) - 1),
        "no_header": packed(b""),
        "truncated": packed(header, data[:-1]),
        "truncated_header": packed(header, data)[:50],
        "truncated_length": b"\x08\0\0",
        "trailing_bytes": packed(header, data + b"x"),
    }


def _wrong_entries(header: dict, data: bytes) -> dict[str, bytes]:
    "Files in which the entry of one tensor is wrong."
    start = min(_entries(header), key=lambda name: header[name]["data_offsets"])
    size = header[start]["data_offsets"][1]
    changes = {
        "overlap": {"data_offsets": header[_last(header)]["data_offsets"]},
        "gap": {"data_offsets": [1, size]},
        "reversed": {"data_offsets": [size, 0]},
        "one_offset": {"data_offsets": [0]},
        "outside": {"data_offsets": [2**40, 2**40 + size]},
        "huge_offsets": {"data_offsets": [0, 2**64 - 1]},
        "negative_offset": {"data_offsets": [-1, size]},
        "huge_shape": {"shape": [2**40]},
        "overflowing_shape": {"shape": [2**62, 4]},
        "negative_shape": {"shape": [-1]},
        "empty_and_huge_shape": {"shape": [2**62, 0]},
        "shape_of_many_dimensions": {"shape": [1] * 10_000},
        "shape_of_nan": {"shape": [float("nan")]},
        "shape_of_text": {"shape": "a\nb"},
        "unknown_type": {"dtype": "\x1b[31m"},
        "type_of_half_a_byte": {"dtype": "F4"},
        "wider_type": {"dtype": "C64"},
        "type_unknown_to_pytorch": {"dtype": "F8_E8M0"},
        "type_is_a_list": {"dtype": ["F32"] * 10_000},
    }
    files = {}
    for name, change in changes.items():
        wrong = copy.deepcopy(header)
        wrong[start].update(change)
        files[name] = packed(wrong, data)
    return files


def _entries(header: dict) -> list[str]:
    "The names of the tensors."
    return [name for name in header if name != "__metadata__"]


def _last(header: dict) -> str:
    "The name of the tensor whose bytes are the last."
    return max(_entries(header), key=lambda name: header[name]["data_offsets"])


def _wrong_json(header: bytes, data: bytes) -> dict[str, bytes]:
    headers = {
        "not_json": b"not JSON" * 10,
        "list": b"[]",
        "null": b"null",
        "number": b"9" * 10_000,
        "deep": b'{"a":' + b"[" * 100_000,
        "deep_objects": b'{"a":' * 100_000,
        "not_utf8": header.replace(b"dtype", b"dty\xff", 1),
        "byte_order_mark": b"\xef\xbb\xbf" + header,
        "lone_surrogate": _with_metadata(header, b'{"a":"\\ud800"}'),
        "metadata_of_numbers": _with_metadata(header, b'{"a":1}'),
        "metadata_is_a_list": _with_metadata(header, b"[]"),
        "two_metadata": _with_metadata(_with_metadata(header, b"{}"), b"{}"),
        "two_equal_entries": header.rstrip()[:-1] + b"," + _first_entry(header) + b"}",
        "two_types": header.replace(b'"dtype"', b'"dtype":"F32","dtype"', 1),
    }
    return {f"json_{name}": packed(text, data) for name, text in headers.items()}


def _first_entry(header: bytes) -> bytes:
    "The text of an entry of a tensor."
    name, entry = next(item for item in json.loads(header).items() if "dtype" in item[1])
    return json.dumps({name: entry}).encode()[1:-1]


def _with_metadata(header: bytes, value: bytes) -> bytes:
    "The text of a header with one more entry for metadata in front."
    return b'{"__metadata__":' + value + b"," + header.lstrip()[1:]


def _many_entries() -> dict[str, bytes]:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return {
        "no_tensors": packed({}),
        "many_keys": packed({str(i): empty for i in range(1_000)}),
        "long_key": packed({"x" * 10**5: empty}),
        "key_of_two_lines": packed({"a\nb\x1b[31m": empty}),
    }

"IDX files, the format of MNIST: a header with the shape, then the bytes."

import math
import struct
import zlib

from hypothesis import strategies as st

from fuzzing.damage import STEPS, Material, damaged


def idx(*shape: int, n: int | None = None) -> bytes:
    "A file whose header claims `shape`, with as many bytes, or with `n`."
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return header + bytes(math.prod(shape) if n is None else n)


GOOD = [idx(3, 4, 5), idx(60), idx(1, 1, 60), idx(2, 28, 28), idx(*[1] * 31, 7)]
TOKENS = [b"\0\0\x08\x03", b"\xff" * 4, bytes(4), b"\x1f\x8b"]


@st.composite
def damaged_idx(draw) -> bytes:
    content = draw(st.sampled_from(GOOD))
    other = draw(st.sampled_from(GOOD))
    return damaged(content, Material(other, TOKENS), draw(STEPS))


def hostile_idx() -> dict[str, bytes]:
    "Files that were made to do harm, by name."
    return {
        "empty": b"",
        "count": idx(2**32 - 1, 28, 28, n=784),
        "product": idx(*[2**32 - 1] * 32, n=9),
        "no_items": idx(0, *[2**32 - 1] * 9),
        "overflow": idx(2**16, 2**16, 2**16, 2**16, n=0),
        "no_dimension": idx(n=1),
        "200_dimensions": idx(*[1] * 200),
        "gzipped": zlib.compress(idx(5), wbits=31),
    }


def large_hostile_idx() -> dict[str, bytes]:
    return {}

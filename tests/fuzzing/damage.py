"Damage to the bytes of a file: changed, removed, repeated, inserted, or mixed with another file."

import random
from dataclasses import dataclass

from hypothesis import strategies as st

EDGES = (  # numbers at which counters and lengths overflow
    *(0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF),
    *(0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 2**63 - 1, 2**63, 2**64 - 1),
)


@dataclass(frozen=True)
class Material:
    "What damage may put into a file."

    other: bytes  # another file of the format
    tokens: list[bytes]  # pieces that mean something in the format


def flip(data: bytearray, i: int, value: int, material: Material):
    "Change one bit."
    if i < len(data):
        data[i] ^= 1 << value % 8


def cut(data: bytearray, i: int, value: int, material: Material):
    "Remove everything from `i` on."
    del data[i:]


def drop(data: bytearray, i: int, value: int, material: Material):
    "Remove up to 64 bytes."
    del data[i : i + 1 + value % 64]


def repeat(data: bytearray, i: int, value: int, material: Material):
    "Repeat up to 64 bytes, up to seven times."
    data[i:i] = data[i : i + 1 + value % 64] * (1 + value % 7)


def insert(data: bytearray, i: int, value: int, material: Material):
    "Insert a token of the format."
    data[i:i] = material.tokens[value % len(material.tokens)]


def overwrite(data: bytearray, i: int, value: int, material: Material):
    "Overwrite one, two, four or eight bytes by an edge number, in either byte order."
    size = 1 << value % 4
    order = "big" if value // 4 % 2 else "little"
    number = EDGES[value // 8 % len(EDGES)] % 256**size
    data[i : i + size] = number.to_bytes(size, order)


def splice(data: bytearray, i: int, value: int, material: Material):
    "Go on with the end of another file."
    data[i:] = material.other[value * len(material.other) >> 16 :]


KINDS = (flip, cut, drop, repeat, insert, overwrite, overwrite, splice)


@st.composite
def _steps(draw) -> list[tuple]:
    "Up to five steps: a kind of damage, a place and a value. (Drawn one by one they would repeat.)"
    chance = random.Random(draw(st.integers(0, 2**48)))
    steps = []
    for _ in range(draw(st.integers(0, 5))):
        steps.append((chance.choice(KINDS), chance.randrange(2**16), chance.randrange(2**16)))
    return steps


STEPS = _steps()
MAYBE_STEPS = st.one_of(st.just([]), STEPS)


def damaged(content: bytes, material: Material, steps: list[tuple]) -> bytes:
    "`content` after these steps; half of the places are near its beginning."
    data = bytearray(content)
    for kind, place, value in steps:
        uniform = place * len(data) >> 16
        near_the_beginning = place * place * len(data) >> 32
        kind(data, uniform if place % 2 else near_the_beginning, value, material)
    return bytes(data)

"Run records: JSON with the recipe, the seed, the history and the test result of a run."

import copy
import functools
import json
from pathlib import Path

from hypothesis import strategies as st

from fuzzing.damage import MAYBE_STEPS, Material, damaged

RESULTS = Path(__file__).resolve().parents[2] / "results"

# Damaged files

ODD_VALUES = (
    *(None, True, -1, 0, 10**400, -1e308, 1e-320, float("nan"), float("inf")),
    *("", "a\nb\x1b[31m", "\ud800", "x" * 10_000, "epochs"),
    *([], {}, [None], {"a\nb": 1}, [[[[[]]]]], [10**9] * 6, list(range(10_000))),
)
JSON_TOKENS = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"-", b"\0", b"\xff"),
    *(b"\\ud800", b"\xef\xbb\xbf", b"null", b"NaN", b"-Infinity", b"1e999"),
    *(b"9" * 5_000, b"0" * 100, b"[" * 50_000, b'{"a":' * 20_000),
]


@functools.cache
def good_records() -> list[dict]:
    names = ("original-seed0", "fast-seed30", "best-seed30")
    return [json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in names]


def places(value) -> list[tuple]:
    "Every dict and list in a value with each of its keys."
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    else:
        return []
    found = [(value, key) for key in keys]
    for key in keys:
        found += places(value[key])
    return found


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 2**16),
        st.sampled_from(("put", "put", "delete", "rename")),
        st.sampled_from(ODD_VALUES),
    ),
    max_size=4,
)


@st.composite
def damaged_records(draw) -> bytes:
    "A good record with odd, missing or renamed values, and damage anywhere."
    record = copy.deepcopy(draw(st.sampled_from(good_records())))
    other = draw(st.sampled_from(good_records()))
    for place, kind, value in draw(CHANGES):
        _change(record, place, kind, value)
    material = Material(json.dumps(other).encode(), JSON_TOKENS)
    return damaged(json.dumps(record).encode(), material, draw(MAYBE_STEPS))


def _change(record: dict, place: int, kind: str, value):
    "Put, delete or rename one of the first 60 places, or any place."
    candidates = places(record)[: 60 if place % 2 else None]
    if not candidates:
        return
    container, key = candidates[place % len(candidates)]
    if kind == "put":
        container[key] = copy.deepcopy(value)
        return
    removed = container.pop(key)
    if kind == "rename" and isinstance(container, dict):
        container[str(value)[:200]] = removed


# Hostile files


def _with_fields(**fields) -> bytes:
    return json.dumps(good_records()[0] | fields).encode()


def _with_recipe(**fields) -> bytes:
    return _with_fields(recipe=good_records()[0]["recipe"] | fields)


def hostile_records() -> dict[str, bytes]:
    "Files that were made to do harm, by name; all of them small."
    return {**_wrong_json(), **_wrong_fields()}


def large_hostile_records() -> dict[str, bytes]:
    return {"large": b"[" + b"0," * 50_000_000 + b"0]"}


def _wrong_json() -> dict[str, bytes]:
    good = _with_fields()
    deep = b'"a": ' + b"[" * 10**5 + b"]" * 10**5
    return {
        "empty": b"",
        "not_an_object": b"[]",
        "deep": b"[" * 10**6,
        "deep_objects": b'{"a":' * 10**5,
        "deep_inside": good.replace(b'"seed":', deep + b', "seed":'),
        "many_lists": b"[" + b"[]," * 10**6 + b"0]",
        "many_digits": good.replace(b'"seed": 0', b'"seed": ' + b"9" * 10**6),
        "not_utf8": good.replace(b"original", b"\xff\xfe"),
        "byte_order_mark": b"\xef\xbb\xbf" + good,
    }


def _wrong_fields() -> dict[str, bytes]:
    return {
        "recipe_is_a_list": _with_fields(recipe=[]),
        "history_is_null": _with_fields(history=None),
        "channels_are_a_number": _with_recipe(channels=7),
        "channels_are_many": _with_recipe(channels=[1] * 10**5),
        "channels_are_huge": _with_recipe(channels=[10**12] * 6),
        "epochs_are_text": _with_recipe(epochs="1\n2"),
        "unknown_field": _with_recipe(**{"a\nb" * 10**5: 1}),
        "not_a_number": _with_recipe(learning_rate=float("nan")),
        "name_is_a_list": _with_recipe(name=["a\n"] * 10**5),
    }

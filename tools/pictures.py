"""Classify pictures that were made for it: `python tools/pictures.py valid`, `test` or `scenes`.

`valid` makes them from the validation set and classifies them with the network that was not trained
on it: for choosing. `test` makes them from the test set, classifies them with the shipped network,
and writes results/pictures/pictures.json, with the times it took. Nothing is chosen by what it
prints. In the record, `right` counts the pictures that are classified correctly and `sure` those
whose predictions are all confident.

`scenes` draws pictures by tests/scenes.py with the report seed, which nothing was chosen with, and
writes results/pictures/scenes.json. There `confidently_wrong` counts the pictures with a confident
row that names no digit in the picture. `scenes TUNING_SEED` only prints; for choosing.
"""

import io
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from s6erav3.data.mnist import load_splits
from s6erav3.files import atomic_write
from s6erav3.inference import predict_log_proba
from s6erav3.models.weights import load_pretrained
from s6erav3.pictures.predict import predict, read_picture

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import pictures  # noqa: E402
import scenes  # noqa: E402

RECORD = ROOT / "results" / "pictures" / "pictures.json"
EACH = 50  # pictures of each kind
ROUNDS = 10  # of a measurement of time
SCENES = ROOT / "results" / "pictures" / "scenes.json"
REPORT_SEED = 2026
GROUPS = {"clean": scenes.CLEAN, "hard": scenes.HARD, "no digit": scenes.NOT_DIGITS}


def classify_all(files, labels, model) -> dict:
    "How many of the pictures, each with a list of labels, are right, refused, and surely right."
    n = Counter(n=len(files))
    refused = Counter()
    for file, label in zip(files, labels):
        try:
            table = predict(Image.open(io.BytesIO(file)), model)
        except ValueError as error:
            refused[str(error)] += 1
            continue
        right = table["digit"].tolist() == label
        sure = bool(table["confident"].all())
        n.update(right=right, sure=sure, sure_and_right=right and sure)
    counts = {key: n[key] for key in ("n", "right", "sure", "sure_and_right")}
    return {**counts, "refused": refused.total(), "refused_because": dict(refused)}


def draw(digits, generator) -> list[tuple[np.ndarray, int]]:
    "`EACH` digits at random, with their labels."
    chosen = generator.integers(0, len(digits.labels), EACH)
    return [(digits.images[i, 0].numpy(), int(digits.labels[i])) for i in chosen]


def measure_kind(kind, digits, model, generator) -> dict:
    "A row for a kind of picture."
    drawn = draw(digits, generator)
    files = [pictures.make(digit, kind, generator) for digit, _ in drawn]
    return {"kind": kind, **classify_all(files, [[label] for _, label in drawn], model)}


def measure_pairs(touching, digits, model, generator) -> dict:
    "A row for pairs of digits, apart or touching."
    drawn = list(zip(draw(digits, generator), draw(digits, generator)))
    files = [pictures.pair(a, b, touching, generator) for (a, _), (b, _) in drawn]
    labels = [[a, b] for (_, a), (_, b) in drawn]
    return {
        "kind": "touching" if touching else "apart",
        **classify_all(files, labels, model),
    }


def measure(digits, model, seed) -> dict:
    "A row for each kind of picture and of pair, and for blank pages."
    generator = np.random.default_rng(seed)
    rows = [measure_kind(kind, digits, model, generator) for kind in pictures.KINDS]
    pairs = [measure_pairs(touching, digits, model, generator) for touching in (False, True)]
    blanks = [pictures.blank(generator) for _ in range(3 * EACH)]
    return {
        "test": rows,
        "pairs": pairs,
        "blank_pages": classify_all(blanks, [[]] * len(blanks), model),
    }


def photographs(digits) -> list[bytes]:
    "Twenty JPEG files of 400×400 pixels."
    generator = np.random.default_rng(0)
    files = []
    for image in digits.images[:20, 0].numpy():
        picture = Image.open(io.BytesIO(pictures.make(image, "jpeg", generator)))
        files.append(pictures.saved(picture.resize((400, 400)), "JPEG", quality=90))
    return files


def seconds(work: Callable) -> float:
    "How much time of the processor `work()` takes, whatever else runs on the machine."
    start = time.process_time()
    work()
    return time.process_time() - start


def times(digits) -> dict:
    """Milliseconds to prepare a picture, file included, and digits a second through the network.

    Both on one thread: the medians of `ROUNDS` rounds.
    """
    torch.set_num_threads(1)
    files = photographs(digits)
    model = load_pretrained()

    def prepare_all():
        for file in files:
            read_picture(Image.open(io.BytesIO(file)))

    prepare, network = [], []
    for _ in range(ROUNDS):
        prepare.append(1000 * seconds(prepare_all) / len(files))
        elapsed = seconds(lambda: predict_log_proba(model, digits.images))
        network.append(len(digits.labels) / elapsed)
    return {
        "prepare_ms": round(float(np.median(prepare)), 2),
        "digits_per_second": round(float(np.median(network))),
        "threads": 1,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": torch.backends.cpu.get_cpu_capability(),
    }


def outcome(picture, label) -> Counter:
    "What became of one picture that shows the digits `label`."
    try:
        table = predict(picture)
    except ValueError:
        return Counter(n=1, refused=1)
    confident = table["confident"].astype(bool)
    right = table["digit"].tolist() == label
    extra = Counter(table["digit"][confident]) - Counter(label)
    return Counter(
        n=1,
        right=right,
        confident=bool(confident.all()),
        confident_and_right=right and bool(confident.all()),
        confidently_wrong=bool(extra) and not right,
    )


def measure_scene(group, kind, seed) -> dict:
    "A row for a kind of scene."
    generator = np.random.default_rng([seed, *kind.encode()])
    found = Counter()
    for _ in range(EACH):
        found.update(outcome(*scenes.make(kind, generator)))
    keys = ("n", "right", "refused", "confident", "confident_and_right", "confidently_wrong")
    return {"group": group, "kind": kind, **{key: found[key] for key in keys}}


def measure_scenes(seed) -> list[dict]:
    "A row for each kind of scene; printed as they come."
    rows = []
    for group, kinds in GROUPS.items():
        for kind in kinds:
            rows.append(measure_scene(group, kind, seed))
            print(rows[-1], flush=True)
    return rows


def report_scenes(path=SCENES) -> None:
    "Measure with the report seed, and write the record."
    record = {"seed": REPORT_SEED, "rows": measure_scenes(REPORT_SEED)}
    with atomic_write(path) as part:
        part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def measure_test(digits) -> dict:
    "Measure on the test set, and write the record."
    found = measure(digits, load_pretrained(), seed=1)
    found["times"] = times(digits)
    RECORD.parent.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    with atomic_write(RECORD) as part:
        part.write_text(text, encoding="utf-8")
    return found


def main(which, seed="") -> int:
    "Measure, print, and for `test` and `scenes` write the record; the exit status."
    if which == "scenes":
        measure_scenes(int(seed)) if seed else report_scenes()
        return 0
    if which not in ("valid", "test"):
        print("Error: say `valid`, `test` or `scenes`", file=sys.stderr)
        return 2
    splits = load_splits("mnist", download=False)
    if which == "test":
        found = measure_test(splits.test)
    else:
        found = measure(splits.valid, load_pretrained("held_out"), seed=0)
    for row in found["test"] + found["pairs"] + [found["blank_pages"]]:
        print(row)
    n = sum(row["n"] for row in found["test"])
    right = sum(row["right"] for row in found["test"])
    share = 100 * right / n
    print(f"{right} of {n} are classified correctly: {share:.2f} %", found.get("times", ""))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:3] or [""]))

"""Read pictures made from MNIST's digits, as people send them: `python tools/pictures.py valid` or `test`.

`valid` makes them from held-out digits and reads them with the network that never saw those: for choosing. `test` makes
them from test digits, reads them with the shipped network, and writes results/pictures/pictures.json, with the times of
reading. Nothing is chosen by what it prints.
"""

import io
import json
import platform
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from s6erav3.data import load_splits
from s6erav3.files import written_whole
from s6erav3.models.model import load_pretrained
from s6erav3.training.train import log_probabilities
from s6erav3.your_digit import predict, read_picture

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import pictures  # noqa: E402

RECORD = ROOT / "results" / "pictures" / "pictures.json"
EACH = 100  # pictures of each kind


def read_all(files, labels, model) -> dict:
    "How many of the pictures, each with a list of digits, are read rightly, refused, and surely so."
    n = Counter(n=len(files))
    refused = Counter()
    for file, label in zip(files, labels):
        try:
            table = predict(Image.open(io.BytesIO(file)), model)
        except ValueError as error:
            refused[str(error)] += 1
            continue
        right, sure = table["digit"].tolist() == label, bool(table["sure"].all())
        n.update(right=right, sure=sure, sure_and_right=right and sure)
    return {key: n[key] for key in ("n", "right", "sure", "sure_and_right")} | {
        "refused": refused.total(),
        "refused_because": dict(refused),
    }


def measure(digits, model, seed) -> dict:
    "A row for each kind of picture and of pair, and for blank pages."
    generator = np.random.default_rng(seed)

    def draw(n):
        return [
            (digits.images[i, 0].numpy(), int(digits.labels[i]))
            for i in generator.integers(0, len(digits.labels), n)
        ]

    rows = []
    for kind in pictures.KINDS:
        drawn = draw(EACH)
        rows.append(
            {
                "kind": kind,
                **read_all(
                    [pictures.make(digit, kind, generator) for digit, _ in drawn],
                    [[label] for _, label in drawn],
                    model,
                ),
            }
        )
    pairs = []
    for touching in (False, True):
        drawn = list(zip(draw(EACH), draw(EACH)))
        files = [pictures.pair(a, b, touching, generator) for (a, _), (b, _) in drawn]
        pairs.append(
            {
                "kind": "touching" if touching else "apart",
                **read_all(files, [[a, b] for (_, a), (_, b) in drawn], model),
            }
        )
    blanks = read_all([pictures.blank(generator) for _ in range(3 * EACH)], [[]] * 3 * EACH, model)
    return {"test": rows, "pairs": pairs, "blank_pages": blanks}


def times(digits) -> dict:
    "Milliseconds to prepare a picture of 400×400, file included, and digits a second through the network, both on one thread: the medians of ten rounds."
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    files = []
    while len(files) < 20:
        picture = Image.open(
            io.BytesIO(pictures.make(digits.images[len(files), 0].numpy(), "jpeg", generator))
        ).resize((400, 400))
        files.append(pictures.saved(picture, "JPEG", quality=90))
    model, prepare, network = load_pretrained(), [], []
    for _ in range(10):
        start = time.perf_counter()
        for file in files:
            read_picture(Image.open(io.BytesIO(file)))
        prepare.append(1000 * (time.perf_counter() - start) / len(files))
        start = time.perf_counter()
        log_probabilities(model, digits.images)
        network.append(len(digits.labels) / (time.perf_counter() - start))
    return {
        "prepare_ms": round(float(np.median(prepare)), 2),
        "digits_per_second": round(float(np.median(network))),
        "threads": 1,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": torch.backends.cpu.get_cpu_capability(),
    }


def main(which) -> int:
    "Measure, print, and for `test` write the record; the exit status."
    if which not in ("valid", "test"):
        print("Error: say `valid` or `test`", file=sys.stderr)
        return 2
    splits = load_splits("mnist", download=False)
    found = (
        measure(splits.test, load_pretrained(), 1)
        if which == "test"
        else measure(splits.valid, load_pretrained("held_out"), 0)
    )
    if which == "test":
        found["times"] = times(splits.test)
        RECORD.parent.mkdir(exist_ok=True)
        with written_whole(RECORD) as part:
            part.write_text(
                json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
    for row in found["test"] + found["pairs"] + [found["blank_pages"]]:
        print(row)
    n, right = (sum(row[key] for row in found["test"]) for key in ("n", "right"))
    print(f"{right} of {n} are read rightly: {100 * right / n:.2f} %", found.get("times", ""))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:2] or [""]))

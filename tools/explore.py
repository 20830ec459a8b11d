"""Build the explorable page in a folder: `python tools/explore.py [--out _explore]`.

The folder is complete: it can be put on any server, or its index.html opened as a file. A browser
loads no ES modules from files, so the page's modules are joined to one script.
`--choose-images` chooses the page's test images anew, and `--measure-epochs` measures the accuracy
of the epochs of its training run; both need MNIST.
"""

import argparse
import base64
import gzip
import json
import re
import shutil
import sys
from html import escape
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from s6erav3.data.mnist import load_splits
from s6erav3.inference import evaluate
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_pretrained
from s6erav3.pictures.canvas import CANVAS_MODULES
from s6erav3.pictures.web import describe_network, join_modules
from s6erav3.training.record import read_record

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "explore"
SHARED = ROOT / "s6erav3" / "pictures"
CANVAS_CSS = SHARED / "canvas.css"
MODULES = [  # each before those that import it
    *(SHARED / f"{name}.js" for name in ("page", "network", "drawing")),
    *(PAGE / f"{name}.js" for name in ("colours", "fields", "picture", "data")),
    *(PAGE / f"{name}.js" for name in ("diagram", "arithmetic", "main")),
]
PICTURE_SIZE = (480, 322)  # of the picture that is shown without JavaScript
WEIGHTS = ROOT / "s6erav3" / "weights"
SMALLEST = sorted((path.stem for path in WEIGHTS.glob("smallest*.safetensors")), reverse=True)
MODELS = ("best", "fast", "original", *SMALLEST)
EPOCHS = ROOT / "results" / "seeing" / "epochs.pth"  # of ablation-muon, seed 0
LAYOUT = re.compile(r"^\s*(//.*)?\n|^ +", re.M)  # empty lines, lines of comment, indentation
EPOCH_BITS = 5  # of the significand of a weight of the training run; float32 has 23


def planes(numbers: np.ndarray) -> bytes:
    "Numbers with the first bytes of all together, then the second ones: they compress better."
    width = numbers.dtype.itemsize
    return numbers.view(np.uint8).reshape(-1, width).T.tobytes()


def shortened(numbers: np.ndarray) -> np.ndarray:
    "Float32 numbers rounded to `EPOCH_BITS` of significand; their upper 16 bits are all there is."
    dropped = 23 - EPOCH_BITS
    bits = numbers.view(np.uint32) + np.uint32(1 << (dropped - 1))
    return ((bits >> dropped << dropped) >> 16).astype(np.uint16)


def model_entry(name: str) -> tuple[dict, np.ndarray]:
    "What the page says of a shipped network and how it is built; its numbers."
    record = json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))
    description, numbers = describe_network(load_pretrained(name), name)
    label = f"{name}: {record['parameters']:,} parameters, {record['test_accuracy']:.2f} %"
    return {**description, "label": label, "count": len(numbers)}, numbers


def epoch_entries() -> list[tuple[dict, np.ndarray]]:
    "The networks of the training run, untrained and after each epoch."
    accuracies = json.loads((PAGE / "epochs.json").read_text(encoding="utf-8"))
    labels = [f"epoch {n}: {accuracy:.1f} %" for n, accuracy in enumerate(accuracies, start=1)]
    torch.manual_seed(0)
    model = MNISTModel(dropout=0)
    states = [model.state_dict(), *torch.load(EPOCHS, weights_only=True)]
    entries = []
    for label, state in zip(["untrained", *labels], states, strict=True):
        model.load_state_dict(state)
        description, numbers = describe_network(model, "run")
        entries.append(({**description, "label": label, "count": len(numbers)}, numbers))
    return entries


def image_entries() -> tuple[list[dict], bytes]:
    "Index and label of each of the page's test images, and their pixels."
    entries = json.loads((PAGE / "images.json").read_text(encoding="utf-8"))
    with Image.open(PAGE / "images.png") as strip:
        return entries, strip.tobytes()


def pack() -> bytes:
    "Networks and images as the page reads them: length of the header, header, numbers, pixels."
    models = [model_entry(name) for name in MODELS]
    epochs = epoch_entries()
    images, pixels = image_entries()
    header = {
        "models": [entry for entry, _ in models],
        "epochs": [entry for entry, _ in epochs],
        "images": images,
    }
    text = json.dumps(header).encode()
    content = [
        len(text).to_bytes(4, "little"),
        text,
        planes(np.concatenate([numbers for _, numbers in models])),
        planes(shortened(np.concatenate([numbers for _, numbers in epochs]))),
        pixels,
    ]
    return gzip.compress(b"".join(content), 9, mtime=0)


def joined_script() -> str:
    "The page's modules as one script, without comments and indentation."
    source = "// Made from the modules in docs/explore/ and s6erav3/pictures/: read those.\n"
    code = f'"use strict";\n{join_modules(MODULES)}'
    return f"{source}(() => {{\n{LAYOUT.sub('', code)}}})();\n"


def write(out: Path) -> None:
    "Write the page into a folder."
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(PAGE / "index.html", out)
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    with Image.open(PAGE / "page.png") as picture:
        picture.convert("RGB").resize(PICTURE_SIZE).save(out / "page.webp", quality=20, method=6)
    (out / "explore.js").write_text(joined_script(), encoding="utf-8")
    (out / "style.css").write_text(LAYOUT.sub("", style), encoding="utf-8")
    content = pack()
    text = base64.b85encode(content, pad=True).decode()
    script = f'globalThis.exploreData = {{ length: {len(content)}, text: "{text}" }};\n'
    (out / "weights.js").write_text(script, encoding="utf-8")


def canvas_html(picture: str, words: str) -> str:
    "The drawing canvas with `best` for a page of the site; a PNG in base64 without JavaScript."
    description, numbers = describe_network(load_pretrained())
    weights = base64.b64encode(numbers.tobytes()).decode()
    return f"""\
<style>{CANVAS_CSS.read_text(encoding="utf-8")}</style>
<div id="drawing-canvas"></div>
<noscript><img src="data:image/png;base64,{picture}" alt="{escape(words)}"></noscript>
<script type="module">
{join_modules(CANVAS_MODULES)}
const bytes = Uint8Array.from(atob("{weights}"), (letter) => letter.charCodeAt(0));
const network = readNetwork({json.dumps(description)}, floatsOf(bytes));
mount(document.getElementById("drawing-canvas"), network);
</script>
"""


def _firsts(indices: list[int], labels: list[int]) -> dict[int, int]:
    "The first of the images with each label, by label."
    firsts = {labels[i]: i for i in reversed(indices)}
    return {label: firsts[label] for label in sorted(firsts)}


def rounded(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    "Weights as the page has them after `shortened`; counts of batches stay."
    found = {}
    for name, tensor in state.items():
        found[name] = tensor
        if tensor.is_floating_point():
            bits = shortened(tensor.float().numpy()).astype(np.uint32) << 16
            found[name] = torch.from_numpy(bits.view(np.float32))
    return found


def epoch_accuracies() -> list[float]:
    "Of each epoch as the page has it, in per cent, on the 10,000 validation images of its run."
    valid = load_splits("mnist", val_size=10_000, download=False).valid
    model = MNISTModel(dropout=0)
    accuracies = []
    for state in torch.load(EPOCHS, weights_only=True):
        model.load_state_dict(rounded(state))
        accuracies.append(round(evaluate(model, valid)[1], 2))
    return accuracies


def choose_images() -> None:
    "Choose ten test images that `best` classifies correctly and ten that it does not, by rule."
    test = load_splits(download=False).test
    record = read_record(WEIGHTS / "best.json")
    wrong = [error["index"] for error in record["test_errors"]]
    labels = test.labels.tolist()
    right = [i for i in range(1000) if i not in wrong]
    chosen = list(_firsts(right, labels).values())
    chosen += _firsts(wrong, labels).values()
    chosen += [i for i in wrong if i not in chosen][: 20 - len(chosen)]
    entries = [{"index": i, "label": labels[i]} for i in chosen]
    (PAGE / "images.json").write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    strip = np.concatenate([test.images[i, 0].numpy() for i in chosen])
    Image.fromarray(strip).save(PAGE / "images.png", optimize=True)


def main(arguments: list[str] | None = None) -> int:
    "Build the page; the exit status."
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "_explore", help="folder for the page")
    parser.add_argument("--choose-images", action="store_true", help="choose test images anew")
    parser.add_argument("--measure-epochs", action="store_true", help="measure the epochs anew")
    given = parser.parse_args(arguments)
    if given.choose_images:
        choose_images()
    if given.measure_epochs:
        text = json.dumps(epoch_accuracies()) + "\n"
        (PAGE / "epochs.json").write_text(text, encoding="utf-8")
    write(given.out)
    size = sum(path.stat().st_size for path in given.out.iterdir())
    print(f"{given.out / 'index.html'}: {size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

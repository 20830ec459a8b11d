"""Measure the exports of the networks in the package: `python tools/exports.py [--out FILE]`.

Accuracy and size in float32 and int8, computed by this package and by ONNX Runtime, as
results/PROTOCOL.md describes; and the settings of quantisation, on validation images. Takes about
ten minutes. Needs MNIST and the extra `export`.
"""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from s6erav3.cli import CALIBRATION_IMAGES
from s6erav3.data.mnist import Digits, Splits, load_splits
from s6erav3.export import FORMATS, Calibration, check_export, export_network, load_exported
from s6erav3.files import atomic_write
from s6erav3.inference import predict_log_proba
from s6erav3.models.model import count_parameters
from s6erav3.models.weights import load_pretrained
from s6erav3.quantization import quantize_network
from s6erav3.training.recipe import RECIPES

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "results" / "exports.json"
SETTINGS = [
    *({"bits": bits, "per_channel": each} for bits in range(2, 9) for each in (True, False)),
    *({"calibration_images": n} for n in (10, 100, 10_000)),
]
VERIFIED = 1_000  # test images on which ONNX Runtime is compared with PyTorch


def compare(found: torch.Tensor, expected: torch.Tensor, labels: torch.Tensor) -> dict:
    "Accuracy of log-probabilities, and the predictions that differ from those expected."
    predicted = found.argmax(dim=1)
    return {
        "accuracy": round(100 * (predicted == labels).double().mean().item(), 2),
        "different": int((predicted != expected.argmax(dim=1)).sum()),
    }


def measure_settings(splits: Splits) -> Iterator[dict]:
    "The accuracy of `held_out` on validation images with each setting of quantisation."
    model = load_pretrained("held_out")
    expected = predict_log_proba(model, splits.valid.images)
    usual = {"bits": 8, "per_channel": True, "calibration_images": CALIBRATION_IMAGES}
    for changes in SETTINGS:
        setting = {**usual, **changes}
        images = splits.train.images[: setting["calibration_images"]]
        network = quantize_network(model, images, setting["bits"], setting["per_channel"])
        found = network.log_proba(splits.valid.images)
        yield {**setting, **compare(found, expected, splits.valid.labels)}


def measure_export(
    model: nn.Module, test: Digits, format: str, calibration: Calibration | None
) -> dict:
    "The size of an export, and what it computes on the test images."
    expected = predict_log_proba(model, test.images)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"network{FORMATS[format]}")
        export_network(model, path, format, calibration)
        found = load_exported(path)(test.images)
        row = {"format": format, "numbers": "int8" if calibration else "float32"}
        row["bytes"] = path.stat().st_size
    difference = (found - expected)[:VERIFIED].abs().max().item()
    return {**row, "largest_difference": difference, **compare(found, expected, test.labels)}


def measure_network(name: str, test: Digits, calibration: Calibration) -> dict:
    "The sizes of a network of the package, and all its exports."
    model = load_pretrained(name)
    cases = [("safetensors", None), ("safetensors", calibration)]
    cases += [("onnx", None), ("onnx", calibration)]
    return {
        "network": name,
        "parameters": count_parameters(model),
        "float32_bytes": 4 * count_parameters(model),
        "int8_bytes": quantize_network(model, calibration.images).nbytes,
        "exports": [measure_export(model, test, *case) for case in cases],
    }


def measure() -> dict:
    "Everything, in the order in which it is written down."
    held, whole = load_splits("mnist"), load_splits("mnist", val_size=0)
    calibration = Calibration(whole.train.images[:CALIBRATION_IMAGES], whole.dataset)
    packages = ("torch", "onnx", "onnxruntime", "onnxscript")
    return {
        "command": "python tools/exports.py",
        "environment": {"python": platform.python_version()}
        | {package: version(package) for package in packages},
        "validation_images": len(held.valid.labels),
        "settings": list(measure_settings(held)),
        "test_images": len(whole.test.labels),
        "verified_images": VERIFIED,
        "networks": [measure_network(name, whole.test, calibration) for name in RECIPES],
    }


def main(arguments: list[str] | None = None) -> int:
    "Measure and write; the exit status."
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUTPUT, help="the file to write")
    args = parser.parse_args(arguments)
    try:
        check_export(args.out.with_suffix(".onnx"), "onnx", int8=True)  # before ten minutes pass
        measured = measure()
        with atomic_write(args.out) as part:
            part.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    except (OSError, ValueError, ModuleNotFoundError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{args.out}: {len(measured['networks'])} networks")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"What the tests of the JavaScript share: Node, and drawings to try it on."

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from s6erav3.pictures.canvas import CANVAS_SIZE
from s6erav3.pictures.web import join_modules

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT / "s6erav3" / "pictures"
PAGE = ROOT / "docs" / "explore"
NODE = shutil.which("node")
READ = """
import { readFileSync, writeFileSync } from "node:fs";
const readBytes = (name) => new Uint8Array(readFileSync(name));
const readFloats = (name) => floatsOf(readBytes(name));
const write = (name, numbers) => writeFileSync(name, Buffer.from(numbers.buffer));
"""


def run_node(folder: Path, modules: list[Path], code: str) -> str:
    "What `code` prints under Node, run in `folder` behind these modules."
    if NODE is None:
        pytest.skip("needs Node.js")
    script = folder / "script.mjs"
    text = READ + join_modules([SHARED / "page.js", *modules]) + code
    script.write_text(text, encoding="utf-8")
    done = subprocess.run([NODE, script.name], cwd=folder, capture_output=True, encoding="utf-8")
    assert not done.returncode, done.stderr
    return done.stdout


def drawings(n: int) -> np.ndarray:
    "Masks of random strokes of all sizes, places and widths, `(n, CANVAS_SIZE, CANVAS_SIZE)`."
    generator = np.random.default_rng(7)
    masks = []
    for _ in range(n):
        sheet = Image.new("L", (CANVAS_SIZE, CANVAS_SIZE))
        pen = ImageDraw.Draw(sheet)
        low, high = sorted(generator.choice(CANVAS_SIZE, 2, replace=False))
        for _ in range(generator.integers(1, 4)):
            points = generator.integers(low, high + 1, (generator.integers(2, 6), 2))
            width = int(generator.integers(1, 16))
            pen.line([tuple(point) for point in points.tolist()], fill=255, width=width)
        masks.append(np.asarray(sheet) > 127)
    return np.stack(masks)

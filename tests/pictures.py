"""Pictures as people send them, made from MNIST's digits: pens, papers, colours, light, sizes, formats.

`make(digit, kind, generator)` gives the bytes of one file. Each kind varies one thing by chance, and place, size and pen
with it; `mixed` varies everything at once.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.morphology import skeletonize

KINDS = (
    "plain",
    "light_on_dark",
    "colour",
    "transparent",
    "exif",
    "uneven_light",
    "off_centre",
    "tiny",
    "huge",
    "jpeg",
    "thin_pen",
    "thick_pen",
    "formats",
    "mixed",
)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # what undoes what the tag asks for


def strokes(digit, height, pen=None) -> np.ndarray:
    "The ink of a digit, cut out and `height` pixels high, from 0 to 1; `pen`: drawn along its middle line with so wide a pen, as a fraction of the height."
    rows, columns = (np.flatnonzero(digit.max(axis=axis) > 60) for axis in (1, 0))
    cut = Image.fromarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]).convert("L")
    cut = Image.fromarray(np.pad(np.asarray(cut), 2))
    height = max(12, round(height * cut.height / (cut.height - 4)))
    large = 400 if pen else height
    ink = cut.resize(
        (max(1, round(cut.width * large / cut.height)), large), Image.Resampling.BICUBIC
    )
    if not pen:
        return np.asarray(ink) / 255
    distance = ndimage.distance_transform_edt(~skeletonize(np.asarray(ink) > 110))
    drawn = np.pad(np.clip(pen * large / 2 + 0.5 - distance, 0, 1), 20).astype(np.float32)
    return np.asarray(
        Image.fromarray(drawn).resize(
            [max(1, round(side * height / large)) for side in drawn.shape[::-1]],
            Image.Resampling.BOX,
        )
    )


def light(shape, strength, generator) -> np.ndarray:
    "Brightness of uneven light: a slope, a darker rim and the soft edge of a shadow, from `1 - strength` to 1."
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    angle, shadow = generator.uniform(0, 2 * np.pi, 2)
    slope = np.cos(angle) * x + np.sin(angle) * y
    edge = 1 / (
        1
        + np.exp(
            -(np.cos(shadow) * x + np.sin(shadow) * y - generator.uniform(-0.3, 0.3))
            / generator.uniform(0.25, 0.6)
        )
    )
    dark = (
        generator.uniform(0.3, 1) * (slope + 1) / 2
        + generator.uniform(0, 0.5) * (x**2 + y**2) / 2
        + generator.uniform(0, 0.6) * edge
    )
    return 1 - strength * dark / dark.max()


def colours(generator, least=110) -> tuple[np.ndarray, np.ndarray]:
    "An ink and a paper that differ by at least `least` of 255 in red, green or blue, at random."
    while True:
        ink, paper = generator.integers(0, 256, (2, 3))
        if np.abs(ink - paper).max() >= least:
            return ink, paper


def saved(picture, file_format="PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def blank(generator) -> bytes:
    "A page without ink: any colour, uneven light, noise, and what a JPEG or the few colours of a GIF make of it."
    width, height = generator.integers(100, 900, 2)
    page = np.broadcast_to(
        generator.integers(0, 256, 3)
        if generator.random() < 0.5
        else [generator.integers(180, 256)] * 3,
        (height, width, 3),
    )
    if generator.random() < 0.7:
        page = page * light((height, width), generator.uniform(0.1, 0.65), generator)[..., None]
    if generator.random() < 0.7:
        page = page + generator.normal(0, generator.uniform(1, 9), page.shape)
    picture = Image.fromarray(page.clip(0, 255).astype(np.uint8))
    return (
        saved(picture.convert("P"), "GIF")
        if generator.random() < 0.3
        else saved(picture, "JPEG", quality=int(generator.integers(35, 96)))
    )


def bomb(side) -> bytes:
    "A PNG of `side` × `side` black pixels, made without ever holding them."

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer, row = zlib.compressobj(), bytes(1 + -(-side // 8))
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def pair(left, right, touching, generator) -> bytes:
    "Two digits side by side: with a gap of a fifth of their height or more, or pushed together until their ink meets."
    height = int(generator.integers(60, 200))
    first, second = strokes(left, height), strokes(right, height)
    height = min(len(first), len(second))
    first, second = first[:height], second[:height]
    if touching:
        free = [
            np.flatnonzero(b > 0.5)[0] + np.flatnonzero(a[::-1] > 0.5)[0]
            for a, b in zip(first, second)
            if a.max() > 0.5 and b.max() > 0.5
        ]
        overlap = min(free, default=0) + 1
    else:
        overlap = -round(height * generator.uniform(0.2, 0.6))
    page = np.zeros((height, first.shape[1] + second.shape[1] - overlap))
    page[:, : first.shape[1]] = first
    page[:, page.shape[1] - second.shape[1] :] = np.maximum(
        page[:, page.shape[1] - second.shape[1] :], second
    )
    page = np.pad(page, height // 3)
    return saved(Image.fromarray((255 * (1 - page.clip(0, 1))).astype(np.uint8)))


def make(digit, kind, generator) -> bytes:
    "The bytes of a picture of `digit`, `(28, 28)` bytes as MNIST has them."
    mixed = kind == "mixed"

    def chance(name, p=0.5):
        return kind == name or (mixed and generator.random() < p)

    side = int(
        generator.integers(28, 60)
        if kind == "tiny"
        else generator.integers(1800, 3200)
        if kind == "huge"
        else generator.integers(120, 900)
    )
    width, height = side, max(28, round(side * generator.uniform(0.75, 1)))
    if generator.random() < 0.5:
        width, height = height, width
    far = chance("off_centre")
    size = min(width, height) * (
        generator.uniform(0.15, 0.4) if far and kind != "tiny" else generator.uniform(0.45, 0.8)
    )
    pen = (
        generator.uniform(0.025, 0.05)
        if chance("thin_pen", 0.3)
        else generator.uniform(0.14, 0.2)
        if chance("thick_pen", 0.2)
        else None
    )
    drawn = strokes(digit, size, pen)[:height, :width]
    room = np.array([height - drawn.shape[0], width - drawn.shape[1]])
    top, left = (room * (generator.random(2) if far else generator.uniform(0.35, 0.65, 2))).astype(
        int
    )
    ink = np.zeros((height, width))
    ink[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    pencil, paper = (
        np.array([generator.integers(0, 90)] * 3),
        np.array([generator.integers(200, 256)] * 3),
    )
    if chance("colour"):
        pencil, paper = colours(generator)
    elif chance("light_on_dark", 0.3):
        pencil, paper = paper, pencil
    if chance("transparent", 0.15):
        rgba = np.dstack([np.broadcast_to(pencil, (*ink.shape, 3)), 255 * ink])
        return saved(
            Image.fromarray(rgba.round().astype(np.uint8)),
            "WEBP" if generator.random() < 0.3 else "PNG",
        )
    colour = paper + ink[..., None] * (pencil - paper)
    if chance("uneven_light"):
        colour = colour * light(ink.shape, generator.uniform(0.3, 0.65), generator)[..., None]
    photo = chance("jpeg", 0.6)
    if photo:
        colour = ndimage.gaussian_filter(colour, (generator.uniform(0, 0.004) * side,) * 2 + (0,))
        colour = (
            colour
            + generator.normal(0, generator.uniform(1, 9), colour.shape)
            + generator.normal(0, 3, (*ink.shape, 1))
        )
    picture = Image.fromarray(colour.clip(0, 255).round().astype(np.uint8))
    if chance("exif", 0.4):
        tag = int(generator.integers(2, 9))
        exif = Image.Exif()
        exif[0x0112] = tag
        return saved(picture.transpose(TURNS[tag]), "JPEG", quality=90, exif=exif)
    if photo:
        return saved(picture, "JPEG", quality=int(generator.integers(35, 96)))
    if kind == "formats":
        file_format, mode = [
            ("GIF", "P"),
            ("BMP", "RGB"),
            ("TIFF", "L"),
            ("WEBP", "RGB"),
            ("PNG", "P"),
            ("PNG", "LA"),
            ("TIFF", "F"),
            ("PNG", "I;16"),
            ("JPEG", "CMYK"),
        ][generator.integers(9)]
        if mode == "I;16":
            picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
        return saved(picture if mode == "I;16" else picture.convert(mode), file_format)
    return saved(picture)

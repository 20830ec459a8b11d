"""Pictures as people send them, made from MNIST's digits.

They vary in pens, papers, colours, light, sizes and formats. `make(digit, kind, generator)` gives
the bytes of one file. Each kind varies one property at random, and place, size and pen with it;
`mixed` varies everything at once.
"""

import io
import struct
import zlib
from dataclasses import dataclass

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
UNDO = {  # what undoes what an EXIF orientation asks for
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
FORMATS = [  # of files, and Pillow's mode of the pixels in them
    ("GIF", "P"),
    ("BMP", "RGB"),
    ("TIFF", "L"),
    ("WEBP", "RGB"),
    ("PNG", "P"),
    ("PNG", "LA"),
    ("TIFF", "F"),
    ("PNG", "I;16"),
    ("JPEG", "CMYK"),
]
SKELETON_HEIGHT = 400  # pixels, at which a middle line is found


def strokes(digit, height, pen=None) -> np.ndarray:
    """The ink of a digit, cropped and `height` pixels high, from 0 to 1.

    `pen`: drawn along its middle line with so wide a pen, as a fraction of the height.
    """
    rows = np.flatnonzero(digit.max(axis=1) > 60)
    columns = np.flatnonzero(digit.max(axis=0) > 60)
    content = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cropped = Image.fromarray(np.pad(content, 2))
    height = max(12, round(height * cropped.height / (cropped.height - 4)))
    if not pen:
        return np.asarray(to_height(cropped, height)) / 255
    ink = np.asarray(to_height(cropped, SKELETON_HEIGHT)) > 110
    return along_middle_line(ink, pen, height)


def to_height(picture, height) -> Image.Image:
    "Scaled to `height` in proportion."
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def along_middle_line(ink, pen, height) -> np.ndarray:
    "A line of width `pen` along the middle of `ink`, of `SKELETON_HEIGHT` rows, `height` high."
    distance = ndimage.distance_transform_edt(~skeletonize(ink))
    line = np.clip(pen * SKELETON_HEIGHT / 2 + 0.5 - distance, 0, 1)
    drawn = np.pad(line, 20).astype(np.float32)
    size = [max(1, round(side * height / SKELETON_HEIGHT)) for side in drawn.shape[::-1]]
    return np.asarray(Image.fromarray(drawn).resize(size, Image.Resampling.BOX))


def light(shape, strength, generator) -> np.ndarray:
    "Uneven light from `1 - strength` to 1: a slope, a darker rim and the soft edge of a shadow."
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    angle, shadow = generator.uniform(0, 2 * np.pi, 2)
    slope = np.cos(angle) * x + np.sin(angle) * y
    into_shadow = np.cos(shadow) * x + np.sin(shadow) * y - generator.uniform(-0.3, 0.3)
    edge = 1 / (1 + np.exp(-into_shadow / generator.uniform(0.25, 0.6)))
    dark = (
        generator.uniform(0.3, 1) * (slope + 1) / 2
        + generator.uniform(0, 0.5) * (x**2 + y**2) / 2
        + generator.uniform(0, 0.6) * edge
    )
    return 1 - strength * dark / dark.max()


def colours(generator, least=110) -> tuple[np.ndarray, np.ndarray]:
    "An ink and a paper, at random, that differ by at least `least` of 255 in red, green or blue."
    while True:
        ink, paper = generator.integers(0, 256, (2, 3))
        if np.abs(ink - paper).max() >= least:
            return ink, paper


def saved(picture, file_format="PNG", **options) -> bytes:
    "The bytes of a file."
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def to_picture(colour) -> Image.Image:
    "Numbers `(height, width, 3)` as a picture."
    return Image.fromarray(colour.clip(0, 255).astype(np.uint8))


def jpeg_quality(generator) -> int:
    "From bad to good."
    return int(generator.integers(35, 96))


def blank(generator) -> bytes:
    "A page without ink, of any colour, perhaps with uneven light and noise, as a JPEG or a GIF."
    width, height = generator.integers(100, 900, 2)
    coloured = generator.random() < 0.5
    paper = generator.integers(0, 256, 3) if coloured else [generator.integers(180, 256)] * 3
    page = np.broadcast_to(paper, (height, width, 3))
    if generator.random() < 0.7:
        page = page * light((height, width), generator.uniform(0.1, 0.65), generator)[..., None]
    if generator.random() < 0.7:
        page = page + generator.normal(0, generator.uniform(1, 9), page.shape)
    picture = to_picture(page)
    if generator.random() < 0.3:
        return saved(picture.convert("P"), "GIF")
    return saved(picture, "JPEG", quality=jpeg_quality(generator))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    "A part of a PNG, with its length and checksum."
    length = struct.pack(">I", len(data))
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return length + kind + data + checksum


def bomb(side) -> bytes:
    "A PNG of `side` × `side` black pixels, made without ever holding them."
    packer = zlib.compressobj()
    row = bytes(1 + -(-side // 8))
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def pair(left, right, touching, generator) -> bytes:
    "Two digits, a gap of a fifth of their height or more between them, or pushed together."
    height = int(generator.integers(60, 200))
    first = strokes(left, height)
    second = strokes(right, height)
    height = min(len(first), len(second))
    first, second = first[:height], second[:height]
    if touching:
        overlap = overlap_that_touches(first, second)
    else:
        overlap = -round(height * generator.uniform(0.2, 0.6))
    page = np.zeros((height, first.shape[1] + second.shape[1] - overlap))
    page[:, : first.shape[1]] = first
    start = page.shape[1] - second.shape[1]
    page[:, start:] = np.maximum(page[:, start:], second)
    page = np.pad(page, height // 3)
    return saved(Image.fromarray((255 * (1 - page.clip(0, 1))).astype(np.uint8)))


def overlap_that_touches(first, second) -> int:
    "How many columns two digits have to share so that their ink meets."
    free = []
    for a, b in zip(first > 0.5, second > 0.5):
        if a.any() and b.any():
            free.append(np.flatnonzero(b)[0] + np.flatnonzero(a[::-1])[0])
    return min(free, default=0) + 1


@dataclass(frozen=True)
class Maker:
    "Makes pictures of a kind; what varies is drawn from `generator`."

    kind: str
    generator: np.random.Generator

    def has(self, name, probability=0.5) -> bool:
        "Whether the next picture has the property `name`; of `mixed` pictures some have."
        if self.kind == name:
            return True
        return self.kind == "mixed" and self.generator.random() < probability

    def page_shape(self) -> tuple[int, int]:
        "Height and width in pixels."
        limits = {"tiny": (28, 60), "huge": (1800, 3200)}.get(self.kind, (120, 900))
        long = int(self.generator.integers(*limits))
        short = max(28, round(long * self.generator.uniform(0.75, 1)))
        return (long, short) if self.generator.random() < 0.5 else (short, long)

    def pen_width(self) -> float | None:
        "As a fraction of the digit's height; None for the pen of MNIST's writer."
        if self.has("thin_pen", 0.3):
            return self.generator.uniform(0.025, 0.05)
        if self.has("thick_pen", 0.2):
            return self.generator.uniform(0.14, 0.2)
        return None

    def ink(self, digit) -> np.ndarray:
        "A page `(height, width)` with the digit somewhere on it, from 0 to 1."
        height, width = self.page_shape()
        far = self.has("off_centre")
        limits = (0.15, 0.4) if far and self.kind != "tiny" else (0.45, 0.8)
        size = min(width, height) * self.generator.uniform(*limits)
        drawn = strokes(digit, size, self.pen_width())[:height, :width]
        rows, columns = drawn.shape
        room = np.array([height - rows, width - columns])
        place = self.generator.random(2) if far else self.generator.uniform(0.35, 0.65, 2)
        top, left = (room * place).astype(int)
        page = np.zeros((height, width))
        page[top : top + rows, left : left + columns] = drawn
        return page

    def pencil_and_paper(self) -> tuple[np.ndarray, np.ndarray]:
        "Two colours."
        dark = np.array([self.generator.integers(0, 90)] * 3)
        bright = np.array([self.generator.integers(200, 256)] * 3)
        if self.has("colour"):
            return colours(self.generator)
        if self.has("light_on_dark", 0.3):
            return bright, dark
        return dark, bright

    def transparent(self, ink, pencil) -> bytes:
        "A file with ink on a transparent ground."
        rgba = np.dstack([np.broadcast_to(pencil, (*ink.shape, 3)), 255 * ink])
        file_format = "WEBP" if self.generator.random() < 0.3 else "PNG"
        return saved(Image.fromarray(rgba.round().astype(np.uint8)), file_format)

    def photographed(self, colour) -> np.ndarray:
        "Colours as a camera takes them, blurred and with noise."
        height, width = colour.shape[:2]
        blur = self.generator.uniform(0, 0.004) * max(height, width)
        blurred = ndimage.gaussian_filter(colour, (blur, blur, 0))
        colour_noise = self.generator.normal(0, self.generator.uniform(1, 9), colour.shape)
        grey_noise = self.generator.normal(0, 3, (height, width, 1))
        return blurred + colour_noise + grey_noise

    def turned(self, picture) -> bytes:
        "A file that lies in another way than its EXIF orientation asks to show it."
        tag = int(self.generator.integers(2, 9))
        exif = Image.Exif()
        exif[0x0112] = tag
        return saved(picture.transpose(UNDO[tag]), "JPEG", quality=90, exif=exif)

    def in_any_format(self, picture) -> bytes:
        "A file in one of `FORMATS`."
        file_format, mode = FORMATS[self.generator.integers(len(FORMATS))]
        if mode != "I;16":
            return saved(picture.convert(mode), file_format)
        grey = np.asarray(picture.convert("L")).astype(np.uint16)
        return saved(Image.fromarray(grey * 257), file_format)


def make(digit, kind, generator) -> bytes:
    "The bytes of a picture of `digit`, `(28, 28)` bytes as MNIST has them."
    maker = Maker(kind, generator)
    ink = maker.ink(digit)
    pencil, paper = maker.pencil_and_paper()
    if maker.has("transparent", 0.15):
        return maker.transparent(ink, pencil)
    colour = paper + ink[..., None] * (pencil - paper)
    if maker.has("uneven_light"):
        colour = colour * light(ink.shape, generator.uniform(0.3, 0.65), generator)[..., None]
    is_photo = maker.has("jpeg", 0.6)
    if is_photo:
        colour = maker.photographed(colour)
    picture = to_picture(colour.round())
    if maker.has("exif", 0.4):
        return maker.turned(picture)
    if is_photo:
        return saved(picture, "JPEG", quality=jpeg_quality(generator))
    return maker.in_any_format(picture) if kind == "formats" else saved(picture)

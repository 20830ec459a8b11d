"Pictures in all formats that are read, damaged and hostile."

import functools
import struct
import zlib

from hypothesis import strategies as st
from PIL import Image, ImageDraw

from fuzzing.damage import STEPS, Material, damaged
from pictures import saved as encoded

ROTATED = Image.Exif()
ROTATED[0x0112] = 6
FORMATS = (  # format, mode and options
    ("PNG", "L", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "P", {"transparency": 0}),
    ("PNG", "I;16", {}),
    ("PNG", "1", {}),
    ("JPEG", "RGB", {"exif": ROTATED}),
    ("JPEG", "CMYK", {}),
    ("JPEG", "L", {"progressive": True}),
    ("GIF", "P", {}),
    ("GIF", "L", {"transparency": 255}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("TIFF", "L", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "F", {"compression": "tiff_deflate"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("BMP", "RGB", {}),
    ("BMP", "P", {}),
    ("JPEG2000", "RGB", {}),
    ("AVIF", "RGB", {}),
    ("ICO", "RGBA", {}),
    ("PPM", "L", {}),
    ("TGA", "RGB", {"compression": "tga_rle"}),
    ("PCX", "L", {}),
    ("SGI", "L", {}),
    ("DDS", "RGB", {}),
    ("QOI", "RGB", {}),
)
TOKENS = [
    *(b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"eXIf", b"iCCP"),
    *(b"\xff\xd8", b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"\xff\xe1", b"Exif\0\0"),
    *(b"GIF89a", b"\x21\xf9\x04", b"RIFF", b"WEBP", b"VP8X", b"VP8L"),
    *(b"II*\0", b"MM\0*", b"BM", b"8BPS", b"P6 9 9 255\n", b"P5 99999 99999 255\n"),
    *(b"%!PS-Adobe", b"\xd7\xcd\xc6\x9a", b"/* XPM */", b"#define a_width 9"),
    *(b"\0" * 8, b"\xff" * 8, b"\xff\xff\xff\x7f", bytes(range(256))),
]


def seven(size: int, mode: str = "RGB") -> Image.Image:
    "A 7, black on white."
    picture = Image.new("L", (size, size), 255)
    corners = [(0.3, 0.2), (0.7, 0.2), (0.5, 0.8)]
    line = [(x * size, y * size) for x, y in corners]
    ImageDraw.Draw(picture).line(line, fill=0, width=max(2, size // 12), joint="curve")
    if mode == "I;16":
        return picture.convert("I").point(lambda i: i * 257).convert("I;16")
    return picture.convert(mode)


# Damaged files


@functools.cache
def good_pictures() -> list[bytes]:
    return [encoded(seven(48, mode), kind, **options) for kind, mode, options in FORMATS]


@st.composite
def damaged_pictures(draw) -> bytes:
    "A good picture with damage anywhere; a PNG may get checksums that are right again."
    content = draw(st.sampled_from(good_pictures()))
    material = Material(draw(st.sampled_from(good_pictures())), TOKENS)
    content = damaged(content, material, draw(STEPS))
    if content.startswith(b"\x89PNG") and draw(st.booleans()):
        return _with_checksums(content)
    return content


def _with_checksums(content: bytes) -> bytes:
    "A PNG whose checksums are right."
    data = bytearray(content)
    start = 8
    while start + 12 <= len(data):
        end = start + 8 + int.from_bytes(data[start : start + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[start + 4 : end]))
        start = end + 4
    return bytes(data)


# Hostile files


def png(size: tuple[int, int], depth: int, colour: int, row: bytes, *chunks) -> bytes:
    "A PNG that repeats the same row of pixels; `chunks` are pairs of a name and bytes."
    width, height = size
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    packer = zlib.compressobj(1)
    packed = [packer.compress((b"\0" + row) * min(100, height - y)) for y in range(0, height, 100)]
    pixels = b"".join(packed) + packer.flush()
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data
        content += struct.pack(">I", zlib.crc32(name + data))
    return content


def hostile_pictures() -> dict[str, bytes]:
    "Files that were made to do harm, by name; all of them are refused soon."
    webp = encoded(seven(48), "WEBP")
    return {
        "bomb": png((20_000, 20_000), 1, 0, bytes(2_500)),
        "long_webp": webp[:4] + b"\xff\xff\xff\x7f" + webp[8:],
        "loop": _tiff_loop(),
        "empty": b"",
        "zeros": bytes(10**6),
    }


def large_hostile_pictures() -> dict[str, bytes]:
    "Those that take long to make or to read."
    return {**_many_pixels(), **_packed_chunks(), **_slow_formats()}


def _tiff_loop() -> bytes:
    "A TIFF whose first page says that it is its next page, too."
    tiff = encoded(seven(48), "TIFF")
    offset = int.from_bytes(tiff[4:8], "little")
    entries = int.from_bytes(tiff[offset : offset + 2], "little")
    end = offset + 2 + 12 * entries
    return tiff[:end] + offset.to_bytes(4, "little") + tiff[end + 4 :]


def _many_pixels() -> dict[str, bytes]:
    "Pictures of about as many pixels as are read, in each way to store them."
    size = (9_400, 9_400)
    return {
        "grey": png(size, 8, 0, bytes(9_400)),
        "deep": png(size, 16, 0, bytes(18_800)),
        "clear": png(size, 8, 6, bytes(37_600)),
        "thin": png((12, 7_000_000), 8, 0, bytes(12)),
        "floats": encoded(Image.new("F", size), "TIFF", compression="packbits"),
        "rotated": encoded(Image.new("RGB", size), "JPEG", exif=ROTATED),
    }


def _packed_chunks() -> dict[str, bytes]:
    "Small PNGs with a text or a colour profile that unpacks to 100 MB."
    packed = b"a\0\0" + zlib.compress(bytes(100_000_000))
    return {
        "text": png((48, 48), 8, 0, bytes(48), (b"zTXt", packed)),
        "profile": png((48, 48), 8, 0, bytes(48), (b"iCCP", packed)),
    }


def _slow_formats() -> dict[str, bytes]:
    return {
        "many_scans": _many_scans(4_000, 200),
        "more_scans": _many_scans(4_000, 3_000),
        "avif": encoded(Image.new("RGB", (4_000, 4_000)), "AVIF", speed=10),
        "jpeg2000": encoded(Image.new("RGB", (2_000, 2_000)), "JPEG2000"),
    }


def _many_scans(size: int, n: int) -> bytes:
    "A progressive JPEG that refines the same numbers `n` times."
    content = encoded(seven(size, "L"), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    return content[:start] + content[start:-2] * n + content[-2:]

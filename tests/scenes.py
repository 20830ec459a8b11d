"""Photographs and scans in which the digit is the smaller part, and drawings that are no digits.

`make(kind, generator)` gives a picture and the digits in it, left to right; none where it shows
none. `CLEAN`, `HARD` and `NOT_DIGITS` name the kinds.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from handwriting import (
    LETTERS,
    LIKE_DIGITS,
    SHAPES,
    UNSEEN,
    Hand,
    draw_strokes,
    font_letter,
    line,
    ring,
    with_gaps,
)

CLEAN = (
    "plain",
    "thin_pen",
    "thick_pen",
    "marker_colours",
    "blackboard",
    "soft_light",
    "font",
    "row",
)
HARD = (
    "sheet_on_desk",
    "desk_in_corner",
    "strip_at_side",
    "black_canvas_white_margin",
    "scanner_border",
    "hard_shadow",
    "phone_shadow",
    "drawn_box",
    "drawn_circle",
    "thick_underline",
    "finger",
    "small_digit",
    "ballpoint_gaps",
    "faint_pencil",
    "one_with_upstroke",
    "slashed_zero",
    "crossed_seven",
    "row_small_gaps",
    "touching",
)
NOT_DIGITS = (
    "cross",
    "star",
    "triangle",
    "spiral",
    "dot",
    "grid_paper",
    "smiley",
    "letters",
    "scribble",
    "unseen",
    "letters_like_digits",
)


@dataclass(frozen=True)
class Look:
    "How a picture looks."

    side: int  # pixels of the longer side
    ink: tuple  # red, green and blue
    paper: tuple
    noise: float  # standard deviation, of 255
    slope: float  # how much darker the light is on one side


@dataclass
class Scene:
    "A picture in the making."

    generator: np.random.Generator
    look: Look
    ink: np.ndarray  # `(height, width)` from 0 to 1

    @property
    def shape(self) -> tuple:
        "Height and width."
        return self.ink.shape

    def grid(self) -> tuple:
        "Rows and columns from 0 to 1."
        return np.meshgrid(*(np.linspace(0, 1, n) for n in self.shape), indexing="ij")

    def on_paper(self) -> np.ndarray:
        "Colours of ink on paper in soft light."
        ink, paper = np.array(self.look.ink, float), np.array(self.look.paper, float)
        colour = paper + self.ink[..., None] * (ink - paper)
        y, x = self.grid()
        angle = self.generator.uniform(0, 2 * np.pi)
        along = (np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)) / 1.5 + 0.5
        return colour * (1 - self.look.slope * along)[..., None]


def pen_of(generator, low=0.05, high=0.12) -> float:
    "The width of a pen as a fraction of the digit's height."
    return generator.uniform(low, high)


def written_digit(digit, height, generator, pen=None) -> np.ndarray:
    "The ink of a handwritten digit."
    hand = Hand(generator)
    return draw_strokes(hand.written(hand.digit(digit)), height, pen or pen_of(generator))


def any_look(generator, low=240, high=640) -> Look:
    "White or yellowish paper, dark ink."
    paper = np.array([244, 243, 238]) - generator.uniform(0, 30) - generator.uniform(0, [2, 5, 25])
    inks = ([25, 30, 90], [30, 30, 30], [20, 40, 140], [70, 20, 30])
    ink = np.array(inks[generator.integers(len(inks))]) + generator.uniform(0, 30)
    side = int(generator.integers(low, high))
    noise = generator.uniform(0.5, 4)
    return Look(side, tuple(ink), tuple(paper), noise, generator.uniform(0, 0.25))


def page(inks, look, generator, size=None, gap=0.3) -> Scene:
    "Inks side by side, somewhere near the middle of a page."
    row = inks[0]
    for other in inks[1:]:
        row = side_by_side(row, other, round(gap * max(len(row), len(other))), generator)
    size = size or generator.uniform(0.3, 0.65)
    across = generator.uniform(0.75, 1)
    height, width = look.side, round(look.side * across)
    if generator.random() < 0.5 or len(inks) > 1:
        height, width = width, height
    room = min(size * min(height, width) / len(row), 0.85 * width / row.shape[1])
    scaled = resized(row, room)
    ink = np.zeros((height, width))
    space = np.array(ink.shape) - scaled.shape
    top, left = (space * generator.uniform(0.3, 0.7, 2)).astype(int)
    ink[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return Scene(generator, look, ink)


def resized(ink, factor) -> np.ndarray:
    "Ink scaled in proportion."
    size = [max(2, round(side * factor)) for side in ink.shape[::-1]]
    return np.asarray(Image.fromarray(ink.astype(np.float32)).resize(size, Image.Resampling.BOX))


def side_by_side(left, right, gap, generator) -> np.ndarray:
    "Two inks with `gap` columns between, their heights a little apart."
    height = max(len(left), len(right))
    padded = []
    for ink in (left, right):
        above = round(generator.uniform(0, 1) * (height - len(ink)))
        padded.append(np.pad(ink, ((above, height - len(ink) - above), (0, 0))))
    return np.concatenate([padded[0], np.zeros((height, gap)), padded[1]], axis=1)


def finished(colour, scene, jpeg=True) -> Image.Image:
    "With a camera's blur and noise, perhaps through JPEG."
    generator = scene.generator
    blurred = ndimage.gaussian_filter(
        colour, (*[generator.uniform(0, 0.002) * scene.look.side] * 2, 0)
    )
    noise = generator.standard_normal(colour.shape, np.float32)
    noisy = blurred + scene.look.noise * noise
    picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    if not jpeg or generator.random() < 0.4:
        return picture
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(generator.integers(60, 96)))
    return Image.open(io.BytesIO(file.getvalue()))


def texture(shape, generator) -> np.ndarray:
    "A desk: dark or wooden, with grain."
    desks = ([84, 56, 38], [60, 60, 62], [30, 28, 28], [120, 85, 55], [70, 75, 90], [150, 115, 80])
    base = np.array(desks[generator.integers(len(desks))], float) + generator.uniform(-10, 10)
    grain = generator.normal(0, 1, shape)
    grain = ndimage.gaussian_filter(grain, (0.5, generator.uniform(1, 12)))
    grain *= generator.uniform(1, 6) / grain.std()
    return (base + grain[..., None]).clip(0, 255)


def polygon(shape, points, blur=0.0) -> np.ndarray:
    "1 inside a polygon of `(x, y)` from 0 to 1."
    picture = Image.new("L", shape[::-1], 0)
    scale = np.array(shape[::-1])
    ImageDraw.Draw(picture).polygon([tuple(point * scale) for point in np.array(points)], fill=255)
    blurred = picture.filter(ImageFilter.GaussianBlur(max(0.6, blur * max(shape))))
    return np.asarray(blurred) / 255


def mixed(share, below, above) -> np.ndarray:
    "`above` where `share` is 1, `below` where it is 0."
    return below + share[..., None] * (above - below)


def simple(generator, pen=None, look=None, size=None) -> tuple[Scene, list]:
    "A page with one digit."
    digit = int(generator.integers(10))
    look = look or any_look(generator)
    ink = written_digit(digit, 300, generator, pen)
    return page([ink], look, generator, size), [digit]


def clean(kind, generator) -> tuple[Image.Image, list]:
    "A picture of one of `CLEAN`."
    look = any_look(generator)
    if kind == "marker_colours":
        colours = ([200, 40, 40], [30, 120, 60], [20, 90, 200], [230, 120, 20], [120, 40, 150])
        paper = tuple(generator.uniform([200, 200, 180], 255))
        ink = tuple(colours[generator.integers(len(colours))])
        look = Look(look.side, ink, paper, look.noise, look.slope)
    if kind == "blackboard":
        grounds = ([25, 60, 45], [20, 20, 24], [40, 40, 44])
        ground = tuple(grounds[generator.integers(len(grounds))])
        look = Look(look.side, (230, 230, 225), ground, look.noise, look.slope)
    if kind == "soft_light":
        look = Look(look.side, look.ink, look.paper, look.noise, generator.uniform(0.35, 0.6))
    if kind == "font":
        digit = int(generator.integers(10))
        scene, label = page([font_letter(str(digit), 300, generator)], look, generator), [digit]
    elif kind == "row":
        label = [int(d) for d in generator.integers(0, 10, generator.integers(2, 6))]
        inks = [written_digit(d, round(300 * generator.uniform(0.85, 1)), generator) for d in label]
        scene = page(inks, look, generator, gap=generator.uniform(0.18, 0.4))
    else:
        pens = {"thin_pen": (0.025, 0.045), "thick_pen": (0.13, 0.18)}
        pen = pen_of(generator, *pens.get(kind, (0.05, 0.12)))
        scene, label = simple(generator, pen, look)
    return finished(scene.on_paper(), scene), label


def sheet_on_desk(generator) -> tuple[Image.Image, list]:
    "A sheet, a little tilted, that covers a fourth to three fourths of the picture."
    scene, label = simple(generator, size=generator.uniform(0.2, 0.4))
    half = generator.uniform(0.27, 0.42)
    angle = np.deg2rad(generator.uniform(-12, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (
        half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (generator.uniform(0.8, 1.1), 1)
    )
    corners = corners @ turn.T + generator.normal(0, 0.012, (4, 2)) + 0.5
    sheet = polygon(scene.shape, corners)
    colour = mixed(sheet, texture(scene.shape, generator), scene.on_paper())
    return finished(colour, scene), label


def desk_in_corner(generator) -> tuple[Image.Image, list]:
    "One or two edges of the sheet are in the picture."
    scene, label = simple(generator, size=generator.uniform(0.25, 0.45))
    if generator.random() < 0.5:
        a, b = generator.uniform(0.2, 0.5, 2)
        points = np.array([(0, 0), (a, 0), (0, b)])
    else:
        a, b = generator.uniform(0.08, 0.2, 2)
        points = np.array([(0, 0), (1, 0), (1, b), (a, b * 1.2), (a * 1.2, 1), (0, 1)])
    if generator.random() < 0.5:
        points = points * (-1, 1) + (1, 0)
    if generator.random() < 0.5:
        points = points * (1, -1) + (0, 1)
    desk = polygon(scene.shape, points)
    return finished(mixed(desk, scene.on_paper(), texture(scene.shape, generator)), scene), label


def strip_at_side(generator) -> tuple[Image.Image, list]:
    "A dark strip of 1 to 6 % at one side."
    scene, label = simple(generator)
    width = generator.uniform(0.01, 0.06)
    tilt = width * generator.uniform(0.6, 1.4)
    points = np.array([(0, 0), (width, 0), (tilt, 1), (0, 1)])
    if generator.random() < 0.5:
        points = points * (-1, 1) + (1, 0)
    if generator.random() < 0.5:
        points = points[:, ::-1]
    strip = polygon(scene.shape, points)
    return finished(mixed(strip, scene.on_paper(), texture(scene.shape, generator)), scene), label


def framed(shape, widths) -> np.ndarray:
    "1 in a frame of `widths` (top, right, bottom, left), times the sides."
    height, width = shape
    frame = np.ones(shape)
    top, right, bottom, left = widths
    frame[round(top * height) : round((1 - bottom) * height) or None,
          round(left * width) : round((1 - right) * width) or None] = 0  # fmt: skip
    return frame


def black_canvas_white_margin(generator) -> tuple[Image.Image, list]:
    "White ink on black, as a drawing program saves it, in a white window."
    look = any_look(generator)
    look = Look(look.side, (255, 255, 255), (0, 0, 0), generator.choice([0.0, 2.0]), 0)
    scene, label = simple(generator, look=look, size=generator.uniform(0.3, 0.6))
    margin = framed(scene.shape, generator.uniform(0.02, 0.1, 4))
    return finished(
        mixed(margin, scene.on_paper(), np.array([255.0] * 3)), scene, jpeg=False
    ), label


def scanner_border(generator) -> tuple[Image.Image, list]:
    "Black at one to four sides, as a scanner leaves it."
    scene, label = simple(generator)
    widths = generator.uniform(0.01, 0.07, 4) * (generator.random(4) < 0.6)
    if not widths.any():
        widths = generator.uniform(0.01, 0.07, 4)
    black = np.array([generator.uniform(0, 30)] * 3)
    return finished(mixed(framed(scene.shape, widths), scene.on_paper(), black), scene), label


def hard_shadow(generator) -> tuple[Image.Image, list]:
    "A shadow with a hard edge that often crosses the digit."
    scene, label = simple(generator)
    y, x = scene.grid()
    angle = generator.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5) - generator.uniform(-0.2, 0.2)
    shadow = 1 / (1 + np.exp(-(along / generator.uniform(0.003, 0.02)).clip(-50, 50)))
    return finished(
        scene.on_paper() * (1 - (1 - generator.uniform(0.35, 0.7)) * shadow)[..., None], scene
    ), label


def phone_shadow(generator) -> tuple[Image.Image, list]:
    "The shadow of a phone and perhaps of an arm, from one side."
    scene, label = simple(generator)
    height, width = scene.shape
    left, top = generator.uniform(0.1, 0.5), generator.uniform(0.15, 0.6)
    right = left + generator.uniform(0.3, 0.5)
    points = np.array([(left, top), (right, top - 0.05), (right + 0.05, 1.1), (left, 1.1)])
    shadow = polygon(scene.shape, points, generator.uniform(0.004, 0.02))
    if generator.random() < 0.5:
        shadow = shadow[::-1]
    factor = generator.uniform(0.4, 0.7)
    return finished(scene.on_paper() * (1 - (1 - factor) * shadow)[..., None], scene), label


def around(ink) -> tuple:
    "Top, bottom, left and right of the ink."
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.5), np.flatnonzero(ink.max(axis=0) > 0.5)
    return rows[0], rows[-1], columns[0], columns[-1]


def drawn_over(ink, strokes, pen) -> np.ndarray:
    "Ink with more strokes, in pixels, by a pen of so many pixels."
    picture = Image.new("L", ink.shape[::-1], 0)
    brush = ImageDraw.Draw(picture)
    for stroke in strokes:
        brush.line(
            [tuple(point) for point in stroke], fill=255, width=max(1, round(pen)), joint="curve"
        )
    return np.maximum(ink, np.asarray(picture) / 255)


def drawn_box(generator, circle=False) -> tuple[Image.Image, list]:
    "A frame around the digit."
    scene, label = simple(generator, size=generator.uniform(0.25, 0.45))
    top, bottom, left, right = around(scene.ink)
    height = bottom - top
    space = height * generator.uniform(0.2, 0.5, 4)
    pen = height * generator.uniform(0.015, 0.09)
    if circle:
        centre = ((left + right) / 2, (top + bottom) / 2)
        radius = height * generator.uniform(0.68, 0.9)
        turns = generator.uniform(0.95, 1.06)
        radii = (radius * generator.uniform(0.85, 1.15), radius)
        outline = ring(centre, radii, turns, generator.uniform(0, 6.28))
    else:
        x = (left - space[0], right + space[2])
        y = (top - space[1], bottom + space[3])
        box = [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])]
        corners = np.array(box) + generator.normal(0, 0.015 * height, (4, 2))
        outline = line(*corners, corners[0])
    scene.ink = drawn_over(scene.ink, [outline], pen)
    return finished(scene.on_paper(), scene), label


def thick_underline(generator) -> tuple[Image.Image, list]:
    "A line below the digit, as thick as its strokes or thicker."
    scene, label = simple(generator)
    top, bottom, left, right = around(scene.ink)
    height = bottom - top
    y = bottom + height * generator.uniform(0.12, 0.3)
    reach = height * generator.uniform(0.05, 0.4)
    ends = np.array([(left - reach, y), (right + reach, y + height * generator.normal(0, 0.03))])
    scene.ink = drawn_over(scene.ink, [ends], height * generator.uniform(0.06, 0.18))
    return finished(scene.on_paper(), scene), label


def finger(generator) -> tuple[Image.Image, list]:
    "A finger at a side or a corner."
    scene, label = simple(generator, size=generator.uniform(0.25, 0.45))
    height, width = scene.shape
    picture = Image.new("L", (width, height), 0)
    thick = round(generator.uniform(0.12, 0.22) * max(scene.shape))
    start = np.array([generator.uniform(0.05, 0.95) * width, 1.1 * height])
    end = start + (generator.uniform(-0.1, 0.1) * width, -generator.uniform(0.18, 0.3) * height)
    brush = ImageDraw.Draw(picture)
    brush.line([tuple(start), tuple(end)], fill=255, width=thick)
    brush.ellipse([*(end - thick / 2), *(end + thick / 2)], fill=255)
    skin = np.array(
        [[215, 165, 140], [160, 110, 85], [235, 190, 165]][generator.integers(3)], float
    )
    share = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.004 * max(scene.shape)))) / 255
    bottom = around(scene.ink)[1]
    if bottom > (end[1] - thick / 2):
        scene.ink = np.roll(scene.ink, round(end[1] - thick / 2 - bottom - 0.05 * height), axis=0)
    shade = (1 - 0.25 * ndimage.gaussian_filter(share, 0.02 * max(scene.shape)))[..., None]
    return finished(mixed(share, scene.on_paper() * shade, skin * shade), scene), label


def small_digit(generator) -> tuple[Image.Image, list]:
    "3 to 7 % of the height of a large picture."
    look = any_look(generator, 900, 1600)
    scene, label = simple(
        generator, pen_of(generator, 0.07, 0.13), look, generator.uniform(0.03, 0.07)
    )
    return finished(scene.on_paper(), scene), label


def ballpoint_gaps(generator) -> tuple[Image.Image, list]:
    "A thin line with gaps."
    digit = int(generator.integers(10))
    hand = Hand(generator)
    strokes = with_gaps(hand.written(hand.digit(digit)), generator)
    scene = page(
        [draw_strokes(strokes, 300, pen_of(generator, 0.03, 0.06))], any_look(generator), generator
    )
    return finished(scene.on_paper(), scene), [digit]


def faint_pencil(generator) -> tuple[Image.Image, list]:
    "A grey only 12 to 28 of 255 darker than the paper."
    look = any_look(generator)
    ink = tuple(np.array(look.paper) - generator.uniform(12, 28))
    look = Look(look.side, ink, look.paper, generator.uniform(0.5, 2), generator.uniform(0, 0.15))
    scene, label = simple(generator, look=look)
    return finished(scene.on_paper(), scene), label


def row_small_gaps(generator) -> tuple[Image.Image, list]:
    "Five digits with 0.05 to 0.1 of their height between them."
    label = [int(digit) for digit in generator.integers(0, 10, 5)]
    inks = [
        written_digit(digit, round(300 * generator.uniform(0.9, 1)), generator) for digit in label
    ]
    scene = page(inks, any_look(generator, 400), generator, gap=generator.uniform(0.05, 0.1))
    return finished(scene.on_paper(), scene), label


def touching(generator) -> tuple[Image.Image, list]:
    "Two digits whose ink meets."
    label = [int(digit) for digit in generator.integers(0, 10, 2)]
    pen = pen_of(generator)
    left, right = (written_digit(digit, 300, generator, pen) for digit in label)
    height = min(len(left), len(right))
    left, right = left[:height], right[:height]
    free = [np.flatnonzero(b)[0] + np.flatnonzero(a[::-1])[0]
            for a, b in zip(left > 0.5, right > 0.5) if a.any() and b.any()]  # fmt: skip
    overlap = min(free, default=0) + round(0.02 * height)
    ink = np.zeros((height, left.shape[1] + right.shape[1] - overlap))
    ink[:, : left.shape[1]] = left
    ink[:, -right.shape[1] :] = np.maximum(ink[:, -right.shape[1] :], right)
    scene = page([ink], any_look(generator), generator)
    return finished(scene.on_paper(), scene), label


def unusual(kind, generator) -> tuple[Image.Image, list]:
    "A European form of a digit."
    hand = Hand(generator)
    strokes = hand.written(getattr(hand, kind)(), slant=0.15)
    scene = page([draw_strokes(strokes, 300, pen_of(generator))], any_look(generator), generator)
    label = {"one_with_upstroke": 1, "slashed_zero": 0, "crossed_seven": 7}[kind]
    return finished(scene.on_paper(), scene), [label]


def no_digit_ink(kind, generator) -> np.ndarray:
    "The ink of something that is no digit."
    hand = Hand(generator)
    if kind == "letters" and hand.chance(0.5):
        kind = "letter"
    if kind.startswith("letters"):
        text = LETTERS if kind == "letters" else LIKE_DIGITS
        return font_letter(text[generator.integers(len(text))], 300, generator)
    if kind == "unseen":
        kind = UNSEEN[generator.integers(len(UNSEEN))]
    strokes = SHAPES[kind](hand)
    return draw_strokes(hand.written(strokes), 300, pen_of(generator, 0.04, 0.12))


def no_digit(kind, generator) -> tuple[Image.Image, list]:
    "A picture of one of `NOT_DIGITS`."
    look = any_look(generator)
    if kind != "grid_paper":
        size = generator.uniform(0.05, 0.3) if kind == "dot" else None
        scene = page([no_digit_ink(kind, generator)], look, generator, size)
        return finished(scene.on_paper(), scene), []
    scene = Scene(
        generator, look, np.zeros((look.side, round(look.side * generator.uniform(0.7, 1))))
    )
    step = look.side * generator.uniform(0.03, 0.12)
    width = max(1, round(look.side * generator.uniform(0.002, 0.006)))
    offset = generator.uniform(0, step, 2)
    for axis in (0, 1) if generator.random() < 0.7 else (0,):
        for start in np.arange(offset[axis], scene.shape[axis] - width, step).astype(int):
            index = [slice(None)] * 2
            index[axis] = slice(start, start + width)
            scene.ink[tuple(index)] = generator.uniform(0.25, 0.5)
    return finished(scene.on_paper(), scene), []


def make(kind, generator) -> tuple[Image.Image, list[int]]:
    "A picture of a kind and the digits in it, left to right."
    if kind in CLEAN:
        return clean(kind, generator)
    if kind in NOT_DIGITS:
        return no_digit(kind, generator)
    if kind in ("one_with_upstroke", "slashed_zero", "crossed_seven"):
        return unusual(kind, generator)
    if kind == "drawn_circle":
        return drawn_box(generator, circle=True)
    return globals()[kind](generator)

"""Digits, letters and other shapes as a hand or a font draws them.

A shape is a list of strokes, each an array of points `(n, 2)`, x to the right and y downwards; a
shape is about 1 high. `draw_strokes` draws them as ink from 0 to 1. Everything that varies is drawn
from a generator of random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from scipy.interpolate import make_interp_spline

Strokes = list[np.ndarray]
FONT_FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Oblique",
    "DejaVuSerif",
    "DejaVuSansMono",
    "STIXGeneral",
    "cmss10",
)


def curve(*points) -> np.ndarray:
    "A smooth line through points."
    points = np.array(points, float)
    lengths = np.hypot(*np.diff(points, axis=0).T)
    where = np.concatenate([[0], np.sqrt(lengths.clip(1e-3)).cumsum()])
    spline = make_interp_spline(where, points, k=min(3, len(points) - 1))
    return spline(np.linspace(0, where[-1], 60))


def line(*points) -> np.ndarray:
    "Straight lines from point to point."
    points = np.array(points, float)
    parts = [np.linspace(a, b, 20) for a, b in zip(points, points[1:])]
    return np.concatenate(parts)


def ring(centre, radii, turns=1.0, start=-np.pi / 2) -> np.ndarray:
    "An ellipse, or more or less of it."
    angle = start + np.linspace(0, 2 * np.pi * turns, 70)
    return np.array(centre) + np.array(radii) * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@dataclass(frozen=True)
class Hand:
    "A writer whose points vary at random."

    generator: np.random.Generator
    wobble: float = 0.022  # standard deviation of a point, times the height of the digit

    def between(self, low, high) -> float:
        "A random number."
        return self.generator.uniform(low, high)

    def chance(self, probability) -> bool:
        "True with this probability."
        return bool(self.generator.random() < probability)

    def near(self, *points) -> list:
        "The points, each moved a little."
        return list(np.array(points) + self.generator.normal(0, self.wobble, (len(points), 2)))

    def curve(self, *points) -> np.ndarray:
        "A smooth line near points."
        return curve(*self.near(*points))

    def line(self, *points) -> np.ndarray:
        "A straight line near points."
        return line(*self.near(*points))

    def digit(self, digit) -> Strokes:
        "One of the usual forms of a digit."
        return (self.zero, self.one, self.two, self.three, self.four, self.five, self.six,
                self.seven, self.eight, self.nine)[digit]()  # fmt: skip

    def zero(self) -> Strokes:
        "A loop that may overlap itself a little or stay a little open."
        radius = self.between(0.26, 0.4)
        turns = self.between(0.97, 1.08)
        return [ring((0.5, 0.5), (radius, 0.5), turns, self.between(-2.2, -1.0))]

    def one(self) -> Strokes:
        "A straight line, sometimes with a short upstroke or a base."
        top, bottom = self.near((0.5, 0), (0.5, 1))
        strokes = [line(top, bottom)]
        if self.chance(0.35):
            strokes.insert(0, line(top + (-self.between(0.1, 0.22), self.between(0.1, 0.2)), top))
        if self.chance(0.12):
            strokes.append(line(bottom + (-0.22, 0), bottom + (0.22, 0)))
        return strokes

    def two(self) -> Strokes:
        "A bow and a base."
        *bow, corner = self.near((0.1, 0.25), (0.42, 0), (0.85, 0.25), (0.5, 0.65), (0.05, 0.98))
        return [curve(*bow, corner), line(corner, self.near((0.95, 0.96))[0])]

    def three(self) -> Strokes:
        "Two bows; the upper one may be a bar and a diagonal."
        middle = self.near((0.42, 0.45))[0]
        lower = curve(middle, *self.near((0.86, 0.68), (0.5, 1.0), (0.05, 0.86)))
        if self.chance(0.2):
            return [line(*self.near((0.1, 0.03), (0.8, 0.02)), middle), lower]
        return [curve(*self.near((0.12, 0.14), (0.5, 0.0), (0.8, 0.2)), middle), lower]

    def four(self) -> Strokes:
        "Open or closed at the top."
        if self.chance(0.5):
            top = self.near((0.7, 0.0))[0]
            return [
                line(top, *self.near((0.05, 0.65), (0.95, 0.65))),
                line(top, *self.near((0.7, 1.0))),
            ]
        angle = self.line((0.25, 0.0), (0.1, 0.6), (0.95, 0.58))
        return [angle, self.line((0.75, self.between(0, 0.3)), (0.7, 1.0))]

    def five(self) -> Strokes:
        "A bar, a short line down and a bow."
        corner, neck = self.near((0.2, 0.02), (0.15, 0.42))
        bow = curve(neck, *self.near((0.6, 0.38), (0.88, 0.65), (0.65, 0.95), (0.08, 0.93)))
        return [line(corner, *self.near((0.85, 0.0))), line(corner, neck), bow]

    def six(self) -> Strokes:
        "One line with a loop below."
        points = [(0.72, 0.0), (0.3, 0.3), (0.1, 0.7), (0.4, 1.0), (0.8, 0.8), (0.55, 0.52)]
        return [self.curve(*points, (0.16, 0.68))]

    def seven(self) -> Strokes:
        "A bar and a diagonal."
        left, corner, foot = self.near((0.05, 0.04), (0.9, 0.0), (0.4, 1.0))
        if self.chance(0.3):
            return [line(left, corner), curve(corner, (corner + foot) / 2 + (-0.05, 0), foot)]
        return [line(left, corner, foot)]

    def eight(self) -> Strokes:
        "One line that crosses itself."
        start = (0.78, 0.16)
        half = [(0.48, 0.0), (0.2, 0.2), (0.5, 0.46), (0.84, 0.74), (0.5, 1.0)]
        back = [(0.14, 0.76), (0.46, 0.48)]
        return [self.curve(start, *half, *back, self.near(start)[0])]

    def nine(self) -> Strokes:
        "A loop and a tail, straight or bent."
        start = self.near((0.8, 0.18))[0]
        loop = self.near((0.45, 0.0), (0.12, 0.22), (0.35, 0.48), (0.75, 0.32))
        foot = self.near((0.72, 1.0) if self.chance(0.7) else (0.3, 0.98))[0]
        if foot[0] > 0.5:
            return [curve(start, *loop, start), line(start, foot)]
        return [
            curve(start, *loop, start),
            curve(start, *self.near((0.82, 0.6), (0.65, 0.9)), foot),
        ]

    def one_with_upstroke(self) -> Strokes:
        "The European 1: an upstroke a fourth to a half of the height deep."
        top, bottom = self.near((0.6, 0.0), (0.5, 1.0))
        depth, reach = self.between(0.25, 0.5), self.between(0.35, 0.9)
        return [line(top + (-reach, depth), top, bottom)]

    def slashed_zero(self) -> Strokes:
        "A zero with a line through it."
        reach = self.between(0.0, 0.12)
        slash = self.line((0.18 - reach, 0.85 + reach), (0.82 + reach, 0.15 - reach))
        return [*self.zero(), slash]

    def crossed_seven(self) -> Strokes:
        "The European 7."
        middle = self.between(0.42, 0.58)
        return [*self.seven(), self.line((0.32, middle + 0.02), (0.9, middle - 0.02))]

    def written(self, strokes, slant=0.2) -> Strokes:
        "Strokes as this hand writes them: of its width, slanted and a little rotated."
        width = self.between(0.55, 0.95)
        angle = self.generator.normal(0, 0.07)
        shear = self.between(-0.08, slant)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[width, -shear], [0, 1]])
        return [stroke @ matrix.T for stroke in strokes]


SHAPES: dict[str, Callable[[Hand], Strokes]] = {}  # what is no digit, by name


def shape(make: Callable[[Hand], Strokes]) -> Callable[[Hand], Strokes]:
    "Add a function that draws a shape to `SHAPES`."
    SHAPES[make.__name__] = make
    return make


@shape
def cross(hand) -> Strokes:
    "A plus or a times sign."
    angle = hand.between(-0.2, 0.2) + (np.pi / 4 if hand.chance(0.5) else 0)
    along = 0.5 * np.array([np.cos(angle), np.sin(angle)])
    across = hand.between(0.7, 1) * np.array([-along[1], along[0]])
    return [hand.line(-along, along), hand.line(-across, across)]


@shape
def star(hand) -> Strokes:
    "Five or six points, in one line or as an outline, or rays."
    n = int(hand.generator.integers(5, 7))
    angle = 2 * np.pi * np.arange(2 * n) / (2 * n) - np.pi / 2
    kind = hand.generator.integers(3)
    if kind == 0:
        rays = 0.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return [hand.line(-ray, ray) for ray in rays[:n]]
    if kind == 1:
        turns = 4 * np.pi * np.arange(6) / 5 - np.pi / 2
        return [hand.line(*(0.5 * np.stack([np.cos(turns), np.sin(turns)], axis=1)))]
    radius = np.where(np.arange(2 * n) % 2, hand.between(0.18, 0.28), 0.5)
    outline = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return [hand.line(*outline, outline[0])]


@shape
def triangle(hand) -> Strokes:
    "Any triangle that is not too narrow."
    width = hand.between(0.7, 1.2)
    tip = hand.between(0.2, 0.8) * width
    points = hand.near((0, 1), (tip, 0), (width, 1))
    if hand.chance(0.3):
        points = [(x, 1 - y) for x, y in points]
    return [line(*points, points[0])]


@shape
def square(hand) -> Strokes:
    "A box."
    points = hand.near((0, 0), (hand.between(0.7, 1.3), 0), (hand.between(0.8, 1.2), 1), (0, 1))
    return [line(*points, points[0])]


@shape
def spiral(hand) -> Strokes:
    "Two turns or more."
    turns = hand.between(1.8, 4)
    angle = np.linspace(0, 2 * np.pi * turns, 200)
    radius = 0.5 * angle / angle[-1]
    direction = 1 if hand.chance(0.5) else -1
    start = hand.between(0, 2 * np.pi)
    angle = start + direction * angle
    return [np.stack([radius * np.cos(angle), hand.between(0.8, 1) * radius * np.sin(angle)], 1)]


@shape
def dot(hand) -> Strokes:
    "A filled disc."
    ratio = hand.between(0.8, 1.25)
    rings = [ring((0, 0), (0.5 * r, 0.5 * r * ratio)) for r in np.linspace(0.05, 1, 14)]
    return rings


@shape
def smiley(hand) -> Strokes:
    "A face."
    face = ring((0, 0), (hand.between(0.42, 0.55), 0.5), hand.between(0.97, 1.05))
    eye = hand.between(0.12, 0.2)
    eyes = [ring((x, -0.12), (0.03, 0.05)) for x in (-eye, eye)]
    if hand.chance(0.3):
        eyes = [line((x, -0.18), (x, -0.06)) for x in (-eye, eye)]
    bend = hand.between(0.1, 0.2)
    return [face, *eyes, hand.curve((-0.22, 0.15), (0, 0.15 + bend), (0.22, 0.15))]


@shape
def scribble(hand) -> Strokes:
    "Lines to and fro."
    n = int(hand.generator.integers(6, 16))
    points = hand.generator.uniform(0, 1, (n, 2)) * (hand.between(0.7, 1.4), 1)
    if hand.chance(0.4):
        x = np.linspace(0, hand.between(0.6, 1.4), n)
        points = np.stack([x, np.where(np.arange(n) % 2, 0.95, 0.05)], axis=1)
        points = points + hand.generator.normal(0, 0.07, points.shape)
    return [curve(*points) if hand.chance(0.6) else line(*points)]


@shape
def wave(hand) -> Strokes:
    "A sine."
    x = np.linspace(0, hand.between(0.8, 1.5), 80)
    return [np.stack([x, 0.5 * np.sin(x * hand.between(8, 20))], axis=1)]


@shape
def hash_sign(hand) -> Strokes:
    "Two lines across two lines."
    upright = [hand.line((x, 0), (x - 0.1, 1)) for x in (0.35, 0.7)]
    return upright + [hand.line((0, y), (1, y)) for y in (0.33, 0.66)]


@shape
def percent(hand) -> Strokes:
    "Two rings and a line."
    rings = [ring((x, y), (0.16, 0.18)) for x, y in ((0.15, 0.2), (0.8, 0.8))]
    return [*rings, hand.line((0.85, 0), (0.1, 1))]


@shape
def equals(hand) -> Strokes:
    "Two lines, one above the other, or three."
    rows = (0, 0.5) if hand.chance(0.7) else (0, 0.4, 0.8)
    return [hand.line((0, y), (0.9, y)) for y in rows]


@shape
def tick(hand) -> Strokes:
    "A check mark."
    return [hand.line((0, 0.6), (0.3, 1), (1, 0))]


@shape
def question_mark(hand) -> Strokes:
    "A bow with a point below."
    bow = hand.curve((0.1, 0.2), (0.45, 0), (0.8, 0.22), (0.5, 0.48), (0.45, 0.72))
    return [bow, ring((0.45, 0.95), (0.03, 0.03))]


@shape
def letter(hand) -> Strokes:
    "A capital letter of straight lines, written by hand."
    forms = {
        "A": [[(0, 1), (0.4, 0), (0.8, 1)], [(0.15, 0.62), (0.65, 0.62)]],
        "E": [[(0.7, 0), (0, 0), (0, 1), (0.7, 1)], [(0, 0.5), (0.55, 0.5)]],
        "F": [[(0.7, 0), (0, 0), (0, 1)], [(0, 0.48), (0.55, 0.48)]],
        "H": [[(0, 0), (0, 1)], [(0.65, 0), (0.65, 1)], [(0, 0.5), (0.65, 0.5)]],
        "K": [[(0, 0), (0, 1)], [(0.65, 0), (0, 0.55), (0.7, 1)]],
        "L": [[(0, 0), (0, 1), (0.65, 1)]],
        "M": [[(0, 1), (0.08, 0), (0.45, 0.7), (0.82, 0), (0.9, 1)]],
        "N": [[(0, 1), (0, 0), (0.65, 1), (0.65, 0)]],
        "P": [[(0, 1), (0, 0), (0.6, 0.1), (0.6, 0.4), (0, 0.5)]],
        "R": [[(0, 1), (0, 0), (0.6, 0.1), (0.6, 0.4), (0, 0.5), (0.65, 1)]],
        "T": [[(0, 0), (0.8, 0)], [(0.4, 0), (0.4, 1)]],
        "V": [[(0, 0), (0.4, 1), (0.8, 0)]],
        "W": [[(0, 0), (0.25, 1), (0.5, 0.2), (0.75, 1), (1, 0)]],
        "Y": [[(0, 0), (0.4, 0.5), (0.8, 0)], [(0.4, 0.5), (0.4, 1)]],
    }
    name = hand.generator.choice(list(forms))
    return [hand.line(*points) for points in forms[name]]


@shape
def heart(hand) -> Strokes:
    "Two bows that meet in a point."
    tip, dent = hand.near((0.5, 1), (0.5, 0.25))
    sides = [[(x, 0.08), (0.5 + 1.15 * (x - 0.5) * 2, 0.35)] for x in (0.25, 0.75)]
    return [curve(dent, *hand.near(*points), tip) for points in sides]


@shape
def arrow(hand) -> Strokes:
    "To the right, up or down."
    angle = hand.generator.choice([0, np.pi / 2, -np.pi / 2]) + hand.between(-0.3, 0.3)
    strokes = [line((0, 0), (1, 0)), line((0.65, -0.25), (1, 0), (0.65, 0.25))]
    cos, sin = np.cos(angle), np.sin(angle)
    return [stroke @ np.array([[cos, sin], [-sin, cos]]) for stroke in strokes]


@shape
def house(hand) -> Strokes:
    "A box with a roof, perhaps with a door."
    left, right, top = hand.near((0, 0.45), (0.9, 0.45), (0.45, 0))
    walls = line(left, (0, 1), (0.9, 1), right, top, left)
    door = line((0.35, 1), (0.35, 0.65), (0.55, 0.65), (0.55, 1))
    return [walls, door] if hand.chance(0.6) else [walls, line(left, right)]


@shape
def flower(hand) -> Strokes:
    "Petals around a ring."
    n = int(hand.generator.integers(5, 8))
    angle = np.linspace(0, 2 * np.pi, 200)
    radius = 0.33 + 0.17 * np.cos(n * angle)
    petals = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return [petals, ring((0, 0), (0.1, 0.1))]


@shape
def ampersand(hand) -> Strokes:
    "The sign for and."
    points = [(0.95, 0.95), (0.3, 0.25), (0.45, 0.0), (0.62, 0.2), (0.1, 0.7), (0.35, 1.0)]
    return [hand.curve(*points, (0.9, 0.55))]


UNSEEN = ("heart", "arrow", "house", "flower", "ampersand")  # never used to tune anything
LETTERS = "ACEFHJKLMNPRTUVWXYadefhjkmnprtwxy"  # without those that look like digits
LIKE_DIGITS = "BDGIOQSZbcgiloqsuvz"  # no one can tell these from digits by their form alone


def font_letter(text, height, generator, fonts=FONTS) -> np.ndarray:
    "Printed text as ink `(height, width)` from 0 to 1, cropped."
    name = fonts[generator.integers(len(fonts))]
    font = ImageFont.truetype(str(FONT_FOLDER / f"{name}.ttf"), round(1.6 * height))
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (right - left + 4, bottom - top + 4), 0)
    ImageDraw.Draw(picture).text((2 - left, 2 - top), text, fill=255, font=font)
    box = picture.getbbox()
    cropped = picture.crop(box)
    width = max(1, round(cropped.width * height / cropped.height))
    return np.asarray(cropped.resize((width, height), Image.Resampling.BOX)) / 255


def draw_strokes(strokes, height, pen) -> np.ndarray:
    """Ink from 0 to 1, `height` pixels high, cropped to the strokes.

    `pen`: the width of the pen as a fraction of the height.
    """
    scale = 2  # drawn larger, then scaled down
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = max(high[1] - low[1], 0.6 * (high[0] - low[0]), 1e-6)
    unit = scale * height * (1 - pen) / extent
    radius = max(1.0, scale * pen * height / 2)
    size = (high - low) * unit + 2 * radius
    picture = Image.new("L", tuple(int(np.ceil(side)) + 1 for side in size), 0)
    brush = ImageDraw.Draw(picture)
    for stroke in strokes:
        placed = (stroke - low) * unit + radius
        brush.line([tuple(point) for point in placed], fill=255, width=round(2 * radius))
        for x, y in placed:
            brush.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    shrunk = picture.resize([max(1, side // scale) for side in picture.size], Image.Resampling.BOX)
    return np.asarray(shrunk) / 255


def with_gaps(strokes, generator) -> Strokes:
    "Each stroke broken at a few places, as a bad ballpoint writes."
    broken = []
    for stroke in strokes:
        kept = np.ones(len(stroke), bool)
        steps = np.hypot(*np.diff(stroke, axis=0, prepend=stroke[:1]).T)
        along = steps.cumsum()
        for _ in range(generator.integers(1, 4)):
            start = generator.uniform(0.1, 0.9) * along[-1]
            kept &= (along < start) | (along > start + generator.uniform(0.05, 0.1))
        labels, n = ndimage.label(kept)
        broken += [stroke[labels == i] for i in range(1, n + 1) if (labels == i).sum() > 1]
    return broken

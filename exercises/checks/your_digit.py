"Checks of exercises/09_your_digit.ipynb."

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from checks import call, check
from s6erav3.pictures.predict import center_by_mass, resize_longest_side
from s6erav3.pictures.segment import otsu_threshold

HEIGHT, WIDTH = 90, 36  # pixels of the digit in the first exercise


@check("The longer side is 20 pixels, and the other keeps its proportion.")
def check_size(height, width):
    "The size in MNIST's form of a digit of 90×36 pixels."
    right = resize_longest_side(np.ones((HEIGHT, WIDTH))).shape
    if (height, width) == right:
        return None
    if (width, height) == right:
        return "Height and width are interchanged: the height comes first."
    if height == 28:
        return "The digit does not fill the 28×28 pixels: there is a margin around it."
    if (height, width) == (20, 20):
        return "Stretched to a square the digit loses its shape; a one would look like a block."
    if width == 20:
        return "Its shorter side would be 20 pixels; then the longer one does not fit into the box."
    if height != right[0]:
        return f"A height of {height} is wrong. The longer side is what has to fit the box."
    return (
        f"A height of {height} is right. "
        f"By the same factor {WIDTH} pixels become another width than {width}."
    )


def _inks():
    "Cropped ink of several shapes, heavier on one side."
    rng = np.random.default_rng(0)
    for height, width in ((20, 20), (20, 12), (12, 20), (20, 5)):
        ink = rng.random((height, width)) * 0.4
        ink[: height // 4] += 0.6
        ink[:, : width // 4] += 0.1
        yield ink


@check("The centre of mass is in the middle, as near as whole pixels allow.")
def check_centre(centre):
    "`centre(ink)`: `ink` on a field of 28×28 zeros, its centre of mass in the middle."
    for ink in _inks():
        field = np.asarray(call(centre, ink.copy()), dtype=float)
        fault = _fault_of_field(field, ink)
        if fault:
            return fault
    worst = max(np.abs(np.asarray(centre(ink)) - center_by_mass(ink)).max() for ink in _inks())
    if worst > 1:
        return "The ink is in its place, but its numbers grew."


def _fault_of_field(field, ink):
    "What is wrong with a field that should hold `ink`, or None."
    if field.shape != (28, 28):
        return f"The field has the shape {field.shape}; 28×28 is wanted."
    rows = np.flatnonzero(field.any(axis=1))
    columns = np.flatnonzero(field.any(axis=0))
    if not len(rows):
        return "The field is empty: put the ink into it."
    inside = field[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if inside.shape != ink.shape or not np.allclose(inside, ink):
        return "The ink was changed or cut off on the way; it has only to be moved."
    return _fault_of_place(field, ink, (rows[0], columns[0]))


def _fault_of_place(field, ink, corner):
    "What is wrong with the place of `ink`, whose upper left is at `corner`, or None."
    off = np.array(ndimage.center_of_mass(field)) - 13.5
    worst = np.abs(off).max()
    if worst <= 0.51:
        return None
    height, width = ink.shape
    if corner == ((28 - height) // 2, (28 - width) // 2):
        return (
            f"Its rectangle is in the middle, and its mass is {worst:.1f} pixels off: "
            "heavy parts pull the centre of mass."
        )
    if worst < 1.1:
        return (
            "Nearly: rows are counted from 0 to 27, so their middle is 13.5, "
            "and a corner is rounded to the nearest pixel."
        )
    y, x = ndimage.center_of_mass(ink)
    if corner == (round(13.5 - x), round(13.5 - y)):
        return "Rows and columns are interchanged: the centre of mass comes as (row, column)."
    return (
        f"For ink of {height}×{width} the centre of mass is at "
        f"{off[0] + 13.5:.1f}, {off[1] + 13.5:.1f}; both should be near 13.5."
    )


def photograph(seed=0) -> tuple[np.ndarray, np.ndarray]:
    """A grey photograph of a pen stroke under a lamp, and where its ink is.

    `(200, 200)` from 0, black, to 255, and as many truth values.
    """
    rng = np.random.default_rng(seed)
    picture = Image.new("L", (200, 200), 0)
    points = [tuple(rng.uniform((40, 30 + 45 * i), (160, 60 + 45 * i))) for i in range(4)]
    ImageDraw.Draw(picture).line(points, fill=255, width=12, joint="curve")
    ink = np.asarray(picture) > 127
    y, x = np.mgrid[-1:1:200j, -1:1:200j]
    angle = rng.uniform(0, 2 * np.pi)
    lamp = 230 / (1 + np.exp(2.2 * (x * np.cos(angle) + y * np.sin(angle)))) + 20
    return (lamp * np.where(ink, 0.45, 1) + rng.normal(0, 1, ink.shape)).clip(0, 255), ink


@check("It finds the ink in the light and in the shade.")
def check_find(find):
    "`find(grey)`: where there is ink in a photograph, true or false for each pixel."
    for seed in (1, 2, 3):
        grey, ink = photograph(seed)
        found = np.asarray(call(find, grey.copy()))
        if found.shape != ink.shape:
            return (
                f"The answer has the shape {found.shape}; "
                f"one truth value for each of the {ink.shape} pixels is wanted."
            )
        fault = _fault_of_ink(found.astype(bool), ink, grey)
        if fault:
            return fault


def _overlap(found, ink):
    "Intersection over union."
    return (found & ink).sum() / (found | ink).sum()


def _fault_of_ink(found, ink, grey):
    "What is wrong with the ink that was found in a grey photograph, or None."
    overlap = _overlap(found, ink)
    if overlap > 0.8:
        return None
    if _overlap(~found, ink) > 0.8:
        return "Inverted: you found the paper. Ink is what is darker."
    if not found.any():
        return (
            "It finds no ink at all: "
            "in this photograph ink is darker than the paper beside it by half."
        )
    share = (
        f"{100 * found.mean():.0f} % of the pixels are called ink, and {100 * ink.mean():.0f} % are"
    )
    one_threshold = grey < 255 * (1 - otsu_threshold(1 - grey / 255))
    if (found == one_threshold).mean() > 0.9 or (found & ~ink).sum() > 2 * ink.sum():
        return (
            f"{share}: paper in the shade is taken for ink. "
            "Compare each pixel with the paper near it, not all with one number."
        )
    recall = (found & ink).sum() / ink.sum()
    if recall < 0.8:
        return (
            f"Of the ink only {100 * recall:.0f} % is found. "
            "In the middle of a stroke, how far is the nearest paper?"
        )
    return (
        f"{share}; what is called ink and what is ink overlap by {100 * overlap:.0f} %, "
        "and 80 are wanted."
    )

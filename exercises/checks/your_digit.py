"Checks of exercises/08_your_digit.ipynb."

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from checks import call, check
from s6erav3.your_digit import centre_by_mass, otsu, scale_to_box

TALL, WIDE = 90, 36  # pixels of the digit in the first exercise


@check("The longer side is 20 pixels, and the other keeps its proportion.")
def check_size(height, width):
    "The size in MNIST's form of a digit of 90×36 pixels."
    right = scale_to_box(np.ones((TALL, WIDE))).shape
    if (height, width) == right:
        return None
    if (width, height) == right:
        return "You have turned it on its side: the height comes first."
    if height == 28:
        return "The digit does not fill the 28×28 pixels: there is a margin around it."
    if (height, width) == (20, 20):
        return "Stretched to a square the digit loses its shape; a one would look like a block."
    if width == 20:
        return "Its shorter side would be 20 pixels; then the longer one does not fit into the box."
    if height != right[0]:
        return f"A height of {height} is not it. The longer side is what has to fit the box."
    return f"A height of {height} is right. By the same factor {WIDE} pixels become another width than {width}."


def _inks():
    "Cut out inks of several shapes, heavier on one side."
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
        if field.shape != (28, 28):
            return f"The field has the shape {field.shape}; 28×28 is wanted."
        rows, columns = np.flatnonzero(field.any(axis=1)), np.flatnonzero(field.any(axis=0))
        if not len(rows):
            return "The field is empty: put the ink into it."
        inside = field[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if inside.shape != ink.shape or not np.allclose(inside, ink):
            return "The ink was changed or cut off on the way; it has only to be moved."
        corner, off = (rows[0], columns[0]), np.array(ndimage.center_of_mass(field)) - 13.5
        if np.abs(off).max() <= 0.51:
            continue
        if corner == tuple((28 - side) // 2 for side in ink.shape):
            return f"Its rectangle is in the middle, and its mass is {np.abs(off).max():.1f} pixels off: heavy parts pull the centre of mass."
        if np.abs(off).max() < 1.1:
            return "Nearly: rows are counted from 0 to 27, so their middle is 13.5, and a corner is rounded to the nearest pixel."
        y, x = ndimage.center_of_mass(ink)
        if corner == (round(13.5 - x), round(13.5 - y)):
            return "Rows and columns are interchanged: the centre of mass comes as (row, column)."
        return f"For ink of {ink.shape[0]}×{ink.shape[1]} the centre of mass is at {off[0] + 13.5:.1f}, {off[1] + 13.5:.1f}; both should be near 13.5."
    worst = max(np.abs(np.asarray(centre(ink)) - centre_by_mass(ink)).max() for ink in _inks())
    if worst > 1:
        return "The ink is in its place, but its numbers grew."


def photograph(seed=0) -> tuple[np.ndarray, np.ndarray]:
    "A grey photograph of a pen stroke under a lamp, `(200, 200)` from 0, black, to 255; and where its ink is."
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
            return f"The answer has the shape {found.shape}; one truth value for each of the {ink.shape} pixels is wanted."
        found = found.astype(bool)
        overlap = (found & ink).sum() / (found | ink).sum()
        if overlap > 0.8:
            continue
        if (~found & ink).sum() / (~found | ink).sum() > 0.8:
            return "Turned round: you found the paper. Ink is what is darker."
        if not found.any():
            return "It finds no ink at all: in this photograph ink is darker than the paper beside it by half."
        single = grey < 255 * (1 - otsu(1 - grey / 255))
        share = f"{100 * found.mean():.0f} % of the pixels are called ink, and {100 * ink.mean():.0f} % are"
        if (found == single).mean() > 0.9 or (found & ~ink).sum() > 2 * ink.sum():
            return f"{share}: paper in the shade is taken for ink. Compare each pixel with the paper near it, not all with one number."
        if (found & ink).sum() < 0.8 * ink.sum():
            return f"Of the ink only {100 * (found & ink).sum() / ink.sum():.0f} % is found. In the middle of a stroke, how far is the nearest paper?"
        return f"{share}; what is called ink and what is ink overlap by {100 * overlap:.0f} %, and 80 are wanted."

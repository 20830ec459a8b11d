"The quiz of nbs/09_your_digit.ipynb, and the checks of exercises/09_your_digit.ipynb."

import numpy as np
from PIL import Image, ImageDraw

from checks import (
    FUNCTION,
    LIST,
    NUMBER,
    VALUES,
    WrongAnswer,
    call,
    check,
    described,
    make_quiz,
    shape_text,
)
from s6erav3.pictures.predict import resize_longest_side
from s6erav3.pictures.segment import otsu_threshold

quiz = make_quiz(
    (
        "a",
        {
            "a": "Any threshold then takes some paper for ink, or some ink for paper.",
            "b": "The picture can be made grey; the threshold fails on grey levels, too.",
            "c": "The width of a stroke does not change its grey level.",
        },
    ),
    (
        "c",
        {
            "a": "The longer side becomes 20 pixels. Both sides are scaled by the same factor.",
            "b": "That would be right if the longer side became 28 pixels. It becomes 20.",
            "c": "120 becomes 20, so the factor is 1/6, and 30 becomes 5.",
        },
    ),
    (
        "b",
        {
            "a": "The picture shows a seven. The network was certain, and wrong.",
            "b": "The probability means something only for images like the training images.",
            "c": "In MNIST's form the same seven is classified correctly. The input is the fault.",
        },
    ),
    (
        "c",
        {
            "a": "Ink that touches is one piece. It may be cut, but a cut is a guess.",
            "b": "Some pairs can be cut in two; then each half gets a row.",
            "c": "Mostly it is cut in two or refused, rarely taken for one digit.",
        },
    ),
    (
        "a",
        {
            "a": "The accuracy on images that the network has learned from would be too good.",
            "b": "The network has learned from these, so it is correct on nearly all of them.",
            "c": "These have to be chosen from images that the network was not trained on.",
        },
    ),
)

HEIGHT, WIDTH = 90, 36  # pixels of the digit in the first exercise


@check("The longer side is 20 pixels, and the other keeps its proportion.", NUMBER, NUMBER)
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
        return f"A height of {height:g} is wrong. The longer side is what has to fit the box."
    return (
        f"A height of {height:g} is right. "
        f"By the same factor {WIDTH} pixels become another width than {width:g}."
    )


Piece = tuple[int, int]  # the first column of a piece, and the first column after it

CASES: tuple[tuple[str, list[list[Piece]]], ...] = (  # what is tried, and the groups that are right
    ("two pieces far apart", [[(0, 10)], [(20, 30)]]),
    ("two pieces 2 columns apart", [[(0, 10), (12, 20)]]),
    ("two pieces that overlap", [[(0, 10), (6, 14)], [(30, 40)]]),
    ("two pieces exactly 4 columns apart", [[(0, 10)], [(14, 24)]]),
    ("a short piece above a long one", [[(0, 30), (5, 9), (31, 40)], [(50, 60)]]),
)
GAP = 4


@check("Pieces belong together where the gap to all ink before is too small.", FUNCTION)
def check_groups(groups):
    "`groups(pieces, gap)`: pieces of ink, from left to right, as a list of digits."
    for name, correct in CASES:
        pieces = [piece for group in correct for piece in group]
        found = [_pieces(group) for group in call(groups, list(pieces), GAP, kind=LIST)]
        if found == correct:
            continue
        together = [piece for group in found for piece in group]
        if together != pieces:
            return f"{name}: the groups hold {together}, and the pieces are {pieces}."
        if name.startswith("a short piece"):
            return (
                f"{name}: {pieces} become {found}. The short piece ends early, but the long one "
                "goes on. Compare with the ink that ends last, not with the piece before."
            )
        if name.startswith("two pieces exactly"):
            return f"{name}: with a gap of {GAP}, {GAP} empty columns are enough for a new digit."
        if len(found) > len(correct):
            return f"{name}, gap {GAP}: they belong to one digit, but they were separated."
        return f"{name}, gap {GAP}: they belong to two digits, but they were put together."
    return _fault_of_gap(groups)


def _pieces(group) -> list[Piece]:
    "The pieces of a group, whatever holds them; `WrongAnswer` for anything else."
    pieces = LIST.of(group, "Each group should be")
    pairs = [
        tuple(LIST.of(piece, "Each piece of a group should stay a pair of columns in"))
        for piece in pieces
    ]
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(column, int) for column in pair):
            raise WrongAnswer(f"A piece is a pair of columns, and not {described(pair)}.")
    return pairs


def _fault_of_gap(groups) -> str | None:
    "What is wrong where the gap is another."
    pieces = [(0, 10), (16, 24), (33, 40)]
    for gap, correct in ((8, [pieces[:2], pieces[2:]]), (10, [pieces]), (2, [[p] for p in pieces])):
        found = [_pieces(group) for group in call(groups, list(pieces), gap, kind=LIST)]
        if found != correct:
            return (
                f"With a gap of {gap} the pieces {pieces} make {len(correct)} "
                f"digit{'s' * (len(correct) > 1)}; it finds {len(found)}. "
                "Use the gap that is given."
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


@check("It finds the ink in the light and in the shade.", FUNCTION)
def check_find(find):
    "`find(grey)`: where there is ink in a photograph, true or false for each pixel."
    for seed in (1, 2, 3):
        grey, ink = photograph(seed)
        fault = _fault_of_ink(_found(find, grey), ink, grey) or _fault_in_dim_light(find, grey, ink)
        if fault:
            return fault


def _found(find, grey: np.ndarray) -> np.ndarray:
    "Where `find` finds ink; `WrongAnswer` where it does not say it for each pixel."
    found = call(find, grey.copy(), kind=VALUES)
    if found.shape != grey.shape:
        raise WrongAnswer(
            f"One truth value for each of the {shape_text(grey.shape).split()[0]} pixels is "
            f"wanted, not {shape_text(found.shape)}."
        )
    return found.astype(bool)


def _fault_in_dim_light(find, grey: np.ndarray, ink: np.ndarray) -> str | None:
    "What is wrong where the same photograph is taken with an eighth of the light."
    overlap = _overlap(_found(find, grey / 8), ink)
    if overlap < 0.75:
        return (
            "It finds the ink, but with an eighth of the light only "
            f"{100 * overlap:.0f} % of it overlap. Paper and ink are both darker then by the same "
            "factor: compare by a factor, not by a difference."
        )


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
        f"{share}. The overlap of what you call ink and the true ink is {100 * overlap:.0f} %; "
        "more than 80 % is needed."
    )

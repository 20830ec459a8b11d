"The quiz of nbs/00_data.ipynb, and the checks of exercises/00_data.ipynb."

import numpy as np
import torch

from checks import FUNCTION, NUMBER, VALUES, call, check, make_quiz, shape_text
from s6erav3.data.augment import MEAN, STD, to_float
from s6erav3.data.mnist import Digits, load_splits

quiz = make_quiz(
    (
        "b",
        {
            "a": "The labels are a tensor of their own, of shape (55000,).",
            "b": "The dimensions are images, channels, rows and columns; a grey image has one "
            "channel.",
            "c": "The shape counts numbers, not bytes; the type of the numbers is `dtype`.",
        },
    ),
    (
        "c",
        {
            "a": "The program that stored all images was correct on all of them, and on few "
            "others.",
            "b": "It may have learned something that holds for others, too; only they can show it.",
            "c": "Accuracy on the training set says nothing certain about other images.",
        },
    ),
    (
        "a",
        {
            "a": "The test set had no part in the choice.",
            "b": "The choice itself has made this accuracy too good.",
            "c": "Half of this number is still too good, because of the choice.",
        },
    ),
    (
        "b",
        {
            "a": "It does not look for the darkest and brightest pixel; the same two numbers "
            "serve every image.",
            "b": "Both were computed once, over all pixels outside the test set.",
            "c": "The mean is that of all pixels outside the test set, not of one image.",
        },
    ),
    (
        "c",
        {
            "a": "It blurs a little at any angle; that is not the reason.",
            "b": "`rotate` works for any angle.",
            "c": "Augmentation must keep the label: after 180° the 6 is a 9.",
        },
    ),
)


@check("The zeros around a normalised image are a faint grey, not the background.", NUMBER)
def check_grey(grey):
    "The byte that `normalize` turns into 0."
    correct = 255 * MEAN
    if abs(grey - correct) <= 1:
        return
    if grey == 0:
        return f"A byte of 0 becomes {(0 - MEAN) / STD:.2f}, not 0: the mean is subtracted from it."
    if abs(grey - MEAN) < 0.01:
        return "That is the pixel from 0 to 1. As a byte it goes from 0 to 255."
    if abs(grey - MEAN / STD) < 0.01 or abs(grey + MEAN / STD) < 0.01:
        return "That is the other direction: what black becomes. Asked is what becomes 0."
    if abs(grey - 127.5) <= 1:
        return (
            "The middle of the scale would be correct if pixels were as often bright as dark. "
            "Most are black."
        )
    return f"{grey:g} becomes {(grey / 255 - MEAN) / STD:.2f} by `normalize`, and should become 0."


N_SOURCES = 2_000  # so many that a share drawn digit by digit is within 5 percentage points
FEWEST_GAPS = 6  # between neighbours among hundreds of numbers drawn at random


def _sources(n_versions) -> torch.Tensor:
    "Of many digits in order some images each, shuffled."
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(N_SOURCES * n_versions, generator=generator)
    return torch.arange(N_SOURCES).repeat(n_versions)[order]


def _mask_fault(mask: np.ndarray, source: np.ndarray, share: float) -> str | None:
    "What is wrong with a mask of validation images."
    if mask.shape != source.shape or mask.dtype != bool:
        return (
            f"Return a mask: True or False for each of the {len(source):,} images, "
            f"not {shape_text(mask.shape)} of type {mask.dtype}."
        )
    found = mask.mean()
    if abs(found - share) > 0.05:
        return (
            f"{100 * found:.0f} % of the images are for validation; "
            f"{100 * share:.0f} % were asked for."
        )
    both = np.intersect1d(source[mask], source[~mask])
    if len(both):
        return (
            f"{len(both)} digits have versions on both sides. "
            "The network would be validated on digits that it was trained on."
        )
    return _drawing_fault(np.unique(source[mask]))


def _drawing_fault(drawn: np.ndarray) -> str | None:
    "What is wrong with digits that should have been drawn at random."
    gaps = np.unique(np.diff(drawn))
    if len(gaps) == 1 and gaps[0] == 1:
        return (
            "The validation digits are neighbours in the list. If it is sorted by class or by "
            "writer, whole classes are missing from training: draw them at random."
        )
    if len(gaps) < FEWEST_GAPS:
        return (
            f"The validation digits follow a rule: {drawn[0]}, {drawn[1]}, {drawn[2]}, "
            f"{drawn[3]} … If the digits stand in a regular order, such as class after class, "
            "some classes are never validated: draw them at random."
        )


@check(
    "No digit is on both sides, the share is right, and the digits were drawn at random.",
    FUNCTION,
)
def check_split(validation_mask):
    "`validation_mask(source, share)`: which images are for validation, given their digits."
    for n_versions, share in ((4, 0.2), (3, 0.5)):
        source = _sources(n_versions)
        mask = call(validation_mask, source.clone(), share, kind=VALUES)
        if fault := _mask_fault(mask, source.numpy(), share):
            return fault


ONE_IMAGE = 0.41  # per cent; rounding may decide which of two neighbours is nearer


def _accuracy(train: Digits, queries: Digits) -> float:
    "Per cent of `queries` whose nearest neighbour in `train` is of the same class."
    rows = to_float(queries.images).flatten(1)
    nearest = torch.cdist(rows, to_float(train.images).flatten(1)).argmin(dim=1)
    return 100 * (train.labels[nearest] == queries.labels).double().mean().item()


def _translated(digits: Digits, pixels: int) -> Digits:
    "All images moved to the right."
    return Digits(digits.images.roll(pixels, dims=3), digits.labels)


def _with_copies(digits: Digits, *moves) -> Digits:
    "The images, and copies of them moved by so many pixels each."
    parts = [digits, *(_translated(digits, pixels) for pixels in moves)]
    return Digits(*map(torch.cat, zip(*parts)))


def _correct_accuracies(train: Digits, queries: Digits) -> dict[str, float]:
    "What the three accuracies should be."
    translated = _translated(queries, 2)
    return {
        "plain": _accuracy(train, queries),
        "translated": _accuracy(train, translated),
        "augmented": _accuracy(_with_copies(train, 2, -2), translated),
    }


@check(
    "A translation by two pixels lowers the accuracy of nearest neighbours, and translated copies "
    "bring most of it back: that is augmentation without a network.",
    NUMBER,
    NUMBER,
    NUMBER,
)
def check_moved(plain, translated, augmented):
    "Accuracy of nearest neighbours in per cent: plain, translated, and with translated copies."
    splits = load_splits("auto")
    train = splits.train.subset(slice(1_000))
    queries = splits.valid.subset(slice(250))
    correct = _correct_accuracies(train, queries)
    got = {"plain": plain, "translated": translated, "augmented": augmented}
    if all(0 <= value <= 1 for value in got.values()):
        return "These look like fractions: give them in per cent."
    if got["plain"] == 100:
        return (
            "Nothing is ever wrong: are the queries among the training images? "
            "Then each is its own nearest neighbour."
        )
    if abs(got["translated"] - got["plain"]) < 0.2:
        return (
            "The translation changes nothing: translate only the queries, "
            "not the training images as well."
        )
    one_way = _accuracy(_with_copies(train, -2), _translated(queries, 2))
    if abs(got["augmented"] - one_way) < 0.2:
        return (
            "The copies are translated to the left only, and the queries to the right: "
            "make copies both ways."
        )
    off = [name for name, value in got.items() if abs(value - correct[name]) > ONE_IMAGE]
    if off:
        return (
            f"`{off[0]}` is {got[off[0]]:.1f} here, and not what results from the first 1,000 "
            "training images, the first 250 validation images, and pixels from 0 to 1."
        )

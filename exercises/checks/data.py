"Checks of exercises/00_data.ipynb."

import torch

from checks import call, check
from s6erav3.data import MEAN, STD, Digits, load_splits, to_unit


@check(
    "The zeros that a convolution puts round a normalised picture are a faint grey, not the background."
)
def check_grey(grey):
    "The byte that `normalize` turns into 0."
    right = 255 * MEAN
    if abs(grey - right) <= 1:
        return
    if grey == 0:
        return (
            f"A byte of 0 becomes {(0 - MEAN) / STD:.2f}, which is not 0: the mean is taken off it."
        )
    if abs(grey - MEAN) < 0.01:
        return "That is the pixel from 0 to 1. As a byte it goes from 0 to 255."
    if abs(grey - MEAN / STD) < 0.01 or abs(grey + MEAN / STD) < 0.01:
        return "That goes the other way: it is what black becomes. Asked is what becomes 0."
    if abs(grey - 127.5) <= 1:
        return "The middle of the scale would be right if pixels were as often bright as dark. Most are black."
    return f"{grey} becomes {(grey / 255 - MEAN) / STD:.2f} by `normalize`, and should become 0."


SHARE = 0.2


def _sources(n_versions=4) -> torch.Tensor:
    "Of 200 digits in order four pictures each, mixed."
    return torch.arange(200).repeat(n_versions)[
        torch.randperm(200 * n_versions, generator=torch.Generator().manual_seed(0))
    ]


@check("No digit stands on both sides, the share is right, and the digits were drawn.")
def check_split(split):
    "`split(source, share)`: a mask of the pictures to hold out, given of each the digit it was made from."
    source = _sources()
    held = torch.as_tensor(call(split, source, SHARE))
    if held.shape != source.shape or held.dtype != torch.bool:
        return f"Give a mask: True or False for each of the {len(source)} pictures, not {held.dtype} of shape {tuple(held.shape)}."
    share = held.double().mean().item()
    if abs(share - SHARE) > 0.05:
        return (
            f"{100 * share:.0f} % of the pictures are held out; {100 * SHARE:.0f} % were asked for."
        )
    both = set(source[held].tolist()) & set(source[~held].tolist())
    if both:
        return f"{len(both)} digits have versions on both sides. The network would be asked about digits that it has learnt from."
    ids = sorted(set(source[held].tolist()))
    if ids[-1] - ids[0] == len(ids) - 1:
        return "The held-out digits are neighbours in the list. If it is sorted by class or by writer, whole classes are held out: draw them at random."


def _accuracy(learn: Digits, ask: Digits) -> float:
    "Per cent of `ask` whose nearest neighbour in `learn` is of the same class."
    distances = torch.cdist(to_unit(ask.images).flatten(1), to_unit(learn.images).flatten(1))
    return 100 * (learn.labels[distances.argmin(dim=1)] == ask.labels).double().mean().item()


def _moved(digits: Digits, pixels: int) -> Digits:
    return Digits(digits.images.roll(pixels, dims=3), digits.labels)


def _with(learn: Digits, *moves) -> Digits:
    "Digits with copies moved by so many pixels."
    parts = [learn, *(_moved(learn, pixels) for pixels in moves)]
    return Digits(*map(torch.cat, zip(*parts)))


@check(
    "Two pixels undo the neighbours, and copies that are moved too bring most of it back: that is augmentation without a network."
)
def check_moved(plain, moved, taught):
    "Accuracy of nearest neighbours in per cent: as they are, moved by two pixels, and moved but with moved copies to learn from."
    splits = load_splits("auto")
    learn, ask = splits.train.take(slice(1_000)), splits.valid.take(slice(250))
    right = {
        "plain": _accuracy(learn, ask),
        "moved": _accuracy(learn, _moved(ask, 2)),
        "taught": _accuracy(_with(learn, 2, -2), _moved(ask, 2)),
    }
    got = {"plain": float(plain), "moved": float(moved), "taught": float(taught)}
    if all(0 <= value <= 1 for value in got.values()):
        return "These look like fractions: give them in per cent."
    if got["plain"] == 100:
        return "Nothing is ever wrong: are the digits you ask about among those to learn from? Then each is its own neighbour."
    if abs(got["moved"] - got["plain"]) < 0.2:
        return "Moving changes nothing: move only the digits that you ask about, not those to learn from as well."
    if abs(got["taught"] - _accuracy(_with(learn, -2), _moved(ask, 2))) < 0.2:
        return "The copies are moved to the left only, and the digits asked about to the right: make copies both ways."
    off = [name for name, value in got.items() if abs(value - right[name]) > 0.2]
    if off:
        return f"`{off[0]}` is {got[off[0]]:.1f} here, and not what comes out with the first 1,000 digits of train, the first 250 of valid, and pixels from 0 to 1."

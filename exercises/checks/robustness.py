"Checks of exercises/robustness.ipynb."

import functools

import torch

from checks import FUNCTION, TENSOR, WHOLE, call, check, instance_of, shape_text
from s6erav3 import MNISTModel, layer_table, load_pretrained
from s6erav3.data.augment import normalize
from s6erav3.data.mnist import Digits, load_splits
from s6erav3.evaluation.robustness import corrupt
from s6erav3.inference import predict_digits

FIRST, LAST = 4, 23  # columns of ink


@check(
    "The last columns are outside the receptive field, so there is less room on the right "
    "than on the left. That fits the curve of the shift.",
    WHOLE,
    WHOLE,
)
def check_room(right, left):
    "By how many pixels a digit in columns 4 to 23 may be shifted and still be seen completely."
    first_seen, last_seen = layer_table(MNISTModel()).span.iloc[-1]
    room_right = last_seen - LAST
    room_left = FIRST - first_seen
    if (right, left) == (room_right, room_left):
        return None
    if (right, left) == (room_left, room_right):
        return "These two are swapped."
    if right == 27 - LAST:
        return (
            f"Shifted {right} to the right the digit is still in the image, but does the network "
            "see the whole image? Look at the span of the last layer."
        )
    if right == room_right + 1 or left == room_left + 1:
        return (
            "One too many: the last column of ink must be in a column that is seen, not beside it."
        )
    if left != room_left:
        return (
            f"Shifted {left} to the left the digit is cut off, or could go further. "
            "Where does its first column of ink end up?"
        )
    return (
        f"Shifted {right} to the right the last column of ink is column {LAST + right}. "
        "Up to which column does the network see?"
    )


def _repeat_fault(out, again, given, grey):
    "What is wrong with a corruption before its values are looked at."
    if out.shape != grey.shape:
        return f"{shape_text(grey.shape)} were given, and {shape_text(out.shape)} came back."
    if not torch.equal(given, grey):
        return (
            "It changes the images it was given, so the next corruption would get corrupted ones. "
            "Work on a copy."
        )
    if not torch.equal(out, again):
        return (
            "Two calls give different results, so two networks would get different images. "
            "Seed a generator of your own in each call."
        )


def _salt_fault(out, grey, share):
    "What is wrong with the pixels that were replaced."
    changed = out != grey
    values = out[changed]
    if not ((values == 0) | (values == 1)).all():
        return (
            "Some of the new values are neither background (0) nor ink (1). "
            "They replace what was there; nothing is added to it."
        )
    if changed.any() and (changed == changed[:1]).all():
        return (
            "In all images the same pixels are replaced. "
            "Draw a number for each pixel of each image."
        )
    found = changed.float().mean().item()
    if abs(found - share / 2) < 0.01:
        return (
            f"Of the pixels {found:.1%} were replaced, half of what {share} asks for. "
            "Ink and background together are the share."
        )
    if abs(found - share) > 0.01:
        return f"Of the pixels {found:.1%} were replaced, where {share} asks for {share:.0%}."
    ink = (values == 1).float().mean().item()
    if abs(ink - 0.5) > 0.05:
        return f"Of the new values {ink:.0%} are ink (1). It should be half of them, on average."


@check(
    "The same result for the same call, another for each image, "
    "and the given images are unchanged.",
    FUNCTION,
)
def check_salt(salt):
    "`salt(images, share)`: replaces pixels by ink and background."
    grey = torch.full((60, 1, 28, 28), 0.5)
    given = grey.clone()
    out = call(salt, given, 0.2, kind=TENSOR)
    again = call(salt, grey.clone(), 0.2, kind=TENSOR)
    if fault := _repeat_fault(out, again, given, grey) or _salt_fault(out, grey, 0.2):
        return fault
    other = call(salt, grey.clone(), 0.6, kind=TENSOR)
    if fault := _salt_fault(other, grey, 0.6):
        return fault
    if not torch.equal(call(salt, grey.clone(), 0, kind=TENSOR), grey):
        return "With a share of 0 nothing should change."


@functools.cache
def _digits():
    "Some training images and some test images."
    splits = load_splits()
    return splits.train.subset(slice(1_000)), splits.test.subset(slice(500))


def _accuracy(model, images, labels):
    "In per cent."
    return 100 * predict_digits(model, Digits(images, labels)).correct.mean()


def _same_weights(model, state):
    "Whether a network has the weights in `state`."
    return all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def _accuracy_fault(model, finetuned, test):
    "What is wrong with the accuracies of a network after fine-tuning on noise."
    noisy = corrupt(test.images, "noise", 0.2)
    before = _accuracy(model, normalize(noisy), test.labels)
    after = _accuracy(finetuned, normalize(noisy), test.labels)
    unnormalised = _accuracy(finetuned, noisy, test.labels)
    if unnormalised > max(after, 50):
        return (
            f"Its accuracy is {unnormalised:.0f} % on noisy images that are *not* normalised, and "
            f"{after:.0f} % on normalised ones. `fit` takes floats as they are: normalise first."
        )
    change = f"{before:.0f} → {after:.0f} %"
    if after < before + 15:
        return (
            f"The accuracy on noisy images hardly changes: {change}. "
            "Was there noise in its training, with the right labels?"
        )
    clean_before = _accuracy(model, test.images, test.labels)
    clean = _accuracy(finetuned, test.images, test.labels)
    if clean < clean_before - 5:
        return (
            f"Its accuracy on noise rises ({change}), but that on clean images falls "
            f"({clean_before:.0f} → {clean:.0f} %). With clean images among "
            "the noisy ones it forgets less."
        )


NETWORK = instance_of(
    "a network (`fit` trains one in place and returns the history)", torch.nn.Module
)


@check(
    "A few noisy images were enough: the filters were there, "
    "but nothing in training had made them ignore noise.",
    FUNCTION,
)
def check_finetune(finetune):
    "`finetune(model, digits)`: a copy of the network that also classifies noisy images."
    train, test = _digits()
    model = load_pretrained()
    state = load_pretrained().state_dict()
    finetuned = call(finetune, model, train, kind=NETWORK)
    if finetuned.state_dict().keys() != state.keys():
        return "The returned network is not a copy of the given one: it has other layers."
    if not _same_weights(model, state):
        return (
            "The given network has changed, so before and after cannot be compared. "
            "Train a deep copy of it."
        )
    if _same_weights(finetuned, state):
        return "The returned network has the weights of the given one: it was not trained."
    return _accuracy_fault(model, finetuned, test)

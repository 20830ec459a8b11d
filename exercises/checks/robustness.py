"Checks of exercises/04_robustness.ipynb."

import functools

import torch

from checks import call, check
from s6erav3 import MNISTModel, layer_table, load_pretrained
from s6erav3.data import Digits, load_splits, normalize
from s6erav3.evaluation.metrics import predict_digits
from s6erav3.evaluation.robustness import distort

FIRST, LAST = 4, 23  # columns of ink


@check(
    "The last columns are out of the network's sight, so there is less room on the right than on the left. That fits the curve of the shift."
)
def check_room(right, left):
    "Pixels by which a digit in columns 4 to 23 may be shifted either way and still be seen whole."
    first_seen, last_seen = layer_table(MNISTModel()).span.iloc[-1]
    room = last_seen - LAST, FIRST - first_seen
    if (right, left) == room:
        return None
    if (right, left) == room[::-1]:
        return "These two have changed places."
    if right == 27 - LAST:
        return f"Shifted {right} to the right the digit is still in the picture, but does the network see the whole picture? Look at the span of the last layer."
    if right == room[0] + 1 or left == room[1] + 1:
        return "One too many: the last column of ink must land on a column that is seen, not beside it."
    if left != room[1]:
        return f"Shifted {left} to the left the digit is cut off, or could go further. Where does its first column of ink end up?"
    return f"Shifted {right} to the right the last column of ink lies in column {LAST + right}. Up to which column does the network see?"


@check(
    "The same grains for the same call, others for each picture, and the pictures that came in are as they were."
)
def check_salt(salt):
    "`salt(images, share)`: grains of ink and of blank paper."
    grey = torch.full((60, 1, 28, 28), 0.5)
    given, share = grey.clone(), 0.2
    out, again = call(salt, given, share), call(salt, grey.clone(), share)
    if out.shape != grey.shape:
        return f"Pictures of shape {tuple(grey.shape)} came back as {tuple(out.shape)}."
    if not torch.equal(given, grey):
        return "It changes the very pictures it was given, so the next distortion would get spoilt ones. Work on a copy."
    if not torch.equal(out, again):
        return "Two calls give different grains, so two networks would be asked about different pictures. Seed a generator of your own in each call."
    changed = out != grey
    if not ((out[changed] == 0) | (out[changed] == 1)).all():
        return "Some grains are neither blank (0) nor ink (1). They replace what was there; nothing is added to it."
    if (changed == changed[:1]).all() and changed.any():
        return "All pictures have their grains in the same places. Draw a number for each pixel of each picture."
    found, ink = changed.float().mean().item(), (out[changed] == 1).float().mean().item()
    if abs(found - share / 2) < 0.01:
        return f"Of the pixels {found:.1%} were changed, half of what {share} asks for. A grain may be of either kind, but all of them together are the share."
    if abs(found - share) > 0.01:
        return f"Of the pixels {found:.1%} were changed, where {share} asks for {share:.0%}."
    if abs(ink - 0.5) > 0.05:
        return f"Of the grains {ink:.0%} are ink (1). Half of them should be, on average."
    if not torch.equal(call(salt, grey.clone(), 0), grey):
        return "With a share of 0 nothing should change."


@functools.cache
def _digits():
    splits = load_splits()
    return splits.train.take(slice(1_000)), splits.test.take(slice(500))


def _accuracy(model, images, labels):
    return 100 * predict_digits(model, Digits(images, labels)).correct.mean()


@check(
    "A few noisy digits were enough: the filters were there, only nothing had ever told them to ignore grains."
)
def check_taught(taught):
    "`taught(model, digits)`: a copy of the network that reads noisy digits, too."
    train, test = _digits()
    model, before = load_pretrained(), load_pretrained().state_dict()
    noisy = distort(test.images, "noise", 0.2)
    pupil = call(taught, model, train)
    if not isinstance(pupil, torch.nn.Module):
        return f"It should give a network; it gives {type(pupil).__name__}. (`fit` trains in place and gives the history.)"
    if any(not torch.equal(before[name], value) for name, value in model.state_dict().items()):
        return "The network that was given has changed, so before and after cannot be compared. Train a deep copy of it."
    if all(torch.equal(before[name], value) for name, value in pupil.state_dict().items()):
        return "The network that comes back is the one that was given, weight for weight: it was not trained."
    was, now, raw = (
        _accuracy(model, normalize(noisy), test.labels),
        _accuracy(pupil, normalize(noisy), test.labels),
        _accuracy(pupil, noisy, test.labels),
    )
    clean_was, clean = (_accuracy(net, test.images, test.labels) for net in (model, pupil))
    if raw > max(now, 50):
        return f"It reads {raw:.0f} % of noisy pictures that are *not* normalised, and {now:.0f} % of normalised ones. `fit` takes floats as they are: normalise them first."
    if now < was + 15:
        return f"Of noisy digits it reads {now:.0f} %, and read {was:.0f} % before. Did it see the noise while it was trained, and the right labels?"
    if clean < clean_was - 5:
        return f"It reads noise now ({was:.0f} → {now:.0f} %), but of clean digits {clean_was:.0f} → {clean:.0f} %. A smaller learning rate, or clean digits among the noisy ones, forget less."

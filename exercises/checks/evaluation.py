"Checks of exercises/04_evaluation.ipynb."

import numpy as np
from scipy.stats import binomtest, norm

from checks import call, check
from s6erav3.evaluation.metrics import Predictions, accuracy_interval, per_class


@check(
    "High recall alone is cheap: whoever says 8 of everything misses none, and is wrong nine times in ten."
)
def check_always_eight(recall, precision):
    "A network that calls every digit an 8, tested on as many digits of each class."
    eights = Predictions(np.repeat(np.arange(10), 5), np.tile(np.eye(10)[8], (50, 1)))
    right_precision, right_recall = per_class(eights).loc[8, ["precision", "recall"]]
    if np.allclose((recall, precision), (right_precision, right_recall)):
        return "These two have changed places. Recall asks of all eights; precision asks of all that were *called* eight."
    if np.allclose((recall, precision), (right_recall / 100, right_precision / 100)):
        return "As fractions these are right; give them in per cent."
    if not np.isclose(recall, right_recall):
        return f"A recall of {recall:g} % is not it. Of all eights, how many does it call eight?"
    if not np.isclose(precision, right_precision):
        return f"A precision of {precision:g} % is not it. Of all that it calls eight, which is everything, how many are eights?"


def _width(n, share=0.995):
    low, high = accuracy_interval(round(share * n), n)
    return high - low


@check(
    "The width shrinks with the root of the number of digits: half the width costs four times the digits."
)
def check_half_as_wide(digits):
    "How many test digits make the interval half as wide as that of 10,000."
    before, after = _width(10_000), _width(round(digits))
    ratio = before / after
    if ratio < 0.99:
        return "With fewer digits than 10,000 luck has more to say, and the interval is wider."
    if abs(ratio - 2) < 0.06:
        return None
    if abs(ratio - np.sqrt(2)) < 0.06:
        return f"Twice the digits make it {before:.2f} → {after:.2f} points wide, which is more than half. The width goes with 1 over the *root* of n."
    if ratio < 2:
        return f"That makes it {before:.2f} → {after:.2f} points wide, which is more than half."
    return f"That makes it {before:.2f} → {after:.2f} points wide, which is less than half: fewer digits would do."


def _doubtful(n, generous, seed):
    "Two-class predictions with a confidence c from 0.5 to 1, right with probability c ** generous."
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, n)
    wrong = rng.random(n) > confidence**generous
    return Predictions(wrong.astype(int), np.stack([confidence, 1 - confidence], axis=1))


def _threshold(predictions, target):
    return next(
        t
        for t in np.arange(0, 1, 0.01)
        if predictions.correct[predictions.confidence >= t].mean() >= target
    )


def _pooled(*parts):
    return Predictions(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("labels", "probabilities")
        )
    )


@check(
    "The threshold comes from digits held out, and the figure from digits that had no say in it, even if it is lower than hoped for."
)
def check_choose(choose):
    "`choose(valid, test, target)`: the threshold and the share that may be reported."
    valid, test, target = _doubtful(4000, 1, 0), _doubtful(4000, 2, 1), 0.8
    threshold, share = call(choose, valid, test, target)
    ours, theirs, both = (_threshold(p, target) for p in (valid, test, _pooled(valid, test)))
    if abs(threshold - target) < 1e-6:
        return "The target was taken for the threshold. How sure it must be to be right so often is a question to the held-out digits, not to its own word."
    if share > 1:
        return "Give the share as a fraction, from 0 to 1."
    if abs(threshold - theirs) < 0.011:
        return "The threshold still follows the test digits. Whatever is chosen by them looks better on them than it is; `valid` is there to choose by."
    if abs(threshold - both) < 0.011:
        return "The test digits are pooled with the held-out ones, so they still have a say in the choice."
    if abs(threshold - ours) > 0.011:
        return f"On these predictions a threshold of {ours:.2f} is the lowest that reaches {target} on the held-out digits; it says {threshold:.2f}."
    on_valid, on_test = (p.correct[p.confidence >= threshold].mean() for p in (valid, test))
    if abs(share - on_valid) < 1e-6:
        return "The threshold is chosen well, but the share is that of the very digits it was chosen by, where it reaches the target by construction."
    if abs(share - test.correct.mean()) < 1e-6:
        return "That is the accuracy on all test digits; those below the threshold are passed on and do not count."
    if abs(share - on_test) > 1e-6:
        return f"From {threshold:.2f} on, {on_test:.4f} of the test digits are read rightly; it says {share:.4f}."


def _read(only_first, only_second, neither, n=1000):
    "Which of n digits two networks read."
    numbers = np.arange(n)
    first = numbers >= only_second + neither
    second = (numbers >= neither + only_second + only_first) | (
        (numbers >= neither) & (numbers < neither + only_second)
    )
    return first, second


@check(
    "Only the digits on which the networks differ can tell them apart, and for those it is a coin that is tossed."
)
def check_luck(luck):
    "`luck(first, second)`: the exact McNemar test."
    for first, second in (_read(20, 8, 10), _read(3, 12, 4), _read(5, 5, 40)):
        n, only_first, only_second = (
            len(first),
            int((first & ~second).sum()),
            int((second & ~first).sum()),
        )
        got, right = (
            float(call(luck, first, second)),
            binomtest(only_first, only_first + only_second).pvalue,
        )
        case = f"Of {n} digits, {only_first} are read by the first only, {only_second} by the second only: it says {got:.3g}, and {right:.3f} is right."
        p, q = first.mean(), second.mean()
        apart = 2 * norm.sf(abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / n))
        one_sided = [
            binomtest(only_first, only_first + only_second, alternative=side).pvalue
            for side in ("greater", "less")
        ]
        if abs(got - right) < 1e-3:
            continue
        if abs(got - binomtest(only_first, n).pvalue) < 1e-6:
            return f"{case} You let all {n} digits toss the coin; those that both read, or both misread, toss none."
        if abs(got - apart) < 0.02:
            return f"{case} That is the test for two networks on *different* digits. They read the same ones, so what is hard for both cancels out."
        if min(abs(got - p) for p in one_sided) < 1e-3:
            return f"{case} You asked for one side only; before looking, either could have been the better one."
        return case

"Checks of exercises/06_evaluation.ipynb."

import numpy as np
from scipy.stats import binomtest, norm

from checks import FUNCTION, LIST, NUMBER, call, check, make_quiz
from s6erav3.evaluation.metrics import accuracy_interval, per_class
from s6erav3.inference import Predictions

quiz = make_quiz(
    (
        "c",
        {
            "a": (
                "The interval is about the share of correct predictions, not about the confidence."
            ),
            "b": "The interval is about other images for one network. It says nothing about seeds.",
            "c": "The interval describes the sampling noise of the images that were drawn.",
        },
    ),
    (
        "a",
        {
            "a": "All seeds share the test images, so only the training differs.",
            "b": "That is what the interval describes, and it is wider.",
            "c": (
                "All ten were measured on the same test images, so their noise is not in the 0.08."
            ),
        },
    ),
    (
        "b",
        {
            "a": "Random mistakes leave more than half of the pairs empty, too.",
            "b": "Only the comparison with random mistakes shows a difference.",
            "c": "A fifth of the simulations of random mistakes have such a pair, too.",
        },
    ),
    (
        "b",
        {
            "a": "Sampling noise alone makes the error of a calibrated network larger than 0.",
            "b": "By how much noise raises the error depends on the number of images and of bins.",
            "c": "With a million images, random variation alone might give much less than 0.1.",
        },
    ),
    (
        "a",
        {
            "a": (
                "The epoch was chosen where sampling noise favoured it. Choose it on "
                "the validation set, or take the last one."
            ),
            "b": "They were used to choose the epoch, which is enough for a bias.",
            "c": "The highest of 20 noisy numbers is more often too high than too low.",
        },
    ),
)


@check(
    "High recall alone is easy: a network that always predicts 8 misses no eight, "
    "and is wrong nine times in ten.",
    NUMBER,
    NUMBER,
)
def check_always_eight(recall, precision):
    "A network that classifies every image as 8, tested on equally many images of each class."
    eights = Predictions(np.repeat(np.arange(10), 5), np.tile(np.eye(10)[8], (50, 1)))
    right_precision, right_recall = per_class(eights).loc[8, ["precision", "recall"]]
    if np.allclose((recall, precision), (right_precision, right_recall)):
        return (
            "These two are swapped. Recall is about all eights; "
            "precision is about all images that are *classified* as 8."
        )
    if np.allclose((recall, precision), (right_recall / 100, right_precision / 100)):
        return "As fractions these are right; give them in per cent."
    if not np.isclose(recall, right_recall):
        return f"A recall of {recall:g} % is not it. Of all eights, how many are classified as 8?"
    if not np.isclose(precision, right_precision):
        return (
            f"A precision of {precision:g} % is not it. "
            "Of all images classified as 8, which is every image, how many are eights?"
        )


def _width(n, share=0.995):
    "The width of the interval, in percentage points."
    low, high = accuracy_interval(round(share * n), n)
    return high - low


@check(
    "The width is proportional to 1 over the root of the number of images: "
    "half the width takes four times the images.",
    NUMBER,
)
def check_half_as_wide(n_images):
    "How many test images make the interval half as wide as that of 10,000."
    if n_images < 1:
        return f"{n_images:g} images are none; more of them make the interval narrower."
    before = _width(10_000)
    after = _width(round(n_images))
    change = f"{before:.2f} → {after:.2f} percentage points"
    ratio = before / after
    if ratio < 0.99:
        return "With fewer than 10,000 images there is more sampling noise: a wider interval."
    if abs(ratio - 2) < 0.06:
        return None
    if abs(ratio - np.sqrt(2)) < 0.06:
        return (
            f"Twice the images make it {change} wide, which is more than half. "
            "The width is proportional to 1 over the *root* of n."
        )
    if ratio < 2:
        return f"That makes it {change} wide, which is more than half."
    return f"That makes it {change} wide, which is less than half: fewer images would do."


def _simulate(n, exponent, seed):
    "Two-class predictions of confidence c from 0.5 to 1, correct with probability c ** exponent."
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, n)
    wrong = rng.random(n) > confidence**exponent
    return Predictions(wrong.astype(int), np.stack([confidence, 1 - confidence], axis=1))


def _share(predictions, threshold):
    "The share of correct ones among those with at least this confidence."
    return predictions.correct[predictions.confidence >= threshold].mean()


def _threshold(predictions, target):
    "The lowest confidence from which on the share of correct ones reaches the target."
    return next(t for t in np.arange(0, 1, 0.01) if _share(predictions, t) >= target)


def _pooled(first, second):
    "The predictions of both."
    return Predictions(
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.probabilities, second.probabilities]),
    )


def _threshold_fault(threshold, valid, test, target):
    "What is wrong with a threshold."
    if not 0 <= threshold <= valid.confidence.max():
        return f"{threshold:g} is the confidence of no image: nothing would be classified."
    ours = _threshold(valid, target)
    if abs(threshold - target) < 1e-6:
        return (
            "The target is used as the threshold. How high the confidence must be for that "
            "accuracy has to be measured on the validation set."
        )
    if abs(threshold - _threshold(test, target)) < 0.011:
        return (
            "The threshold still depends on the test set. Whatever is chosen on it looks better "
            "there than it is; `valid` is there to choose on."
        )
    if abs(threshold - _threshold(_pooled(valid, test), target)) < 0.011:
        return "The test set is pooled with the validation set, so it still affects the choice."
    reaches = _share(valid, threshold) >= target - 1e-9
    if not (reaches and threshold < ours + 0.011):
        return (
            f"On these predictions a threshold of {ours:.2f} is the lowest that reaches {target} "
            f"on the validation set; your answer is {threshold:.2f}."
        )


def _share_fault(share, threshold, valid, test):
    "What is wrong with the share that is reported for a right threshold."
    if abs(share - _share(valid, threshold)) < 1e-6:
        return (
            "The threshold is chosen well, but the share is that of the very images it was "
            "chosen on, where it reaches the target by construction."
        )
    if abs(share - test.correct.mean()) < 1e-6:
        return (
            "That is the accuracy on all test images; "
            "those below the threshold are rejected and do not count."
        )
    right = _share(test, threshold)
    if abs(share - right) > 1e-6:
        return (
            f"From {threshold:.2f} on, {right:.4f} of the test images are correct; "
            f"your answer is {share:.4f}."
        )


@check(
    "The threshold is chosen on the validation set, and the figure comes from images that did not "
    "affect the choice, even if it is lower than hoped for.",
    FUNCTION,
)
def check_choose(choose):
    "`choose(valid, test, target)`: the threshold and the share that may be reported."
    valid = _simulate(4000, 1, 0)
    test = _simulate(4000, 2, 1)
    pair = call(choose, valid, test, 0.8, kind=LIST)
    if len(pair) != 2:
        return f"Two numbers are wanted, the threshold and the share; there are {len(pair)}."
    threshold = NUMBER.of(pair[0], "The threshold should be")
    share = NUMBER.of(pair[1], "The share should be")
    if share > 1:
        return "Give the share as a fraction, from 0 to 1."
    fault = _threshold_fault(threshold, valid, test, 0.8)
    return fault or _share_fault(share, threshold, valid, test)


def _correct(only_first, only_second, neither, n=1000):
    "Which of n images two networks classify correctly."
    index = np.arange(n)
    both = index >= neither + only_second + only_first
    second = (index >= neither) & (index < neither + only_second)
    return index >= only_second + neither, second | both


def _unpaired(first, second):
    "The p value of the test for two networks on different images."
    p = first.mean()
    q = second.mean()
    return 2 * norm.sf(abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / len(first)))


def _mcnemar_fault(got, first, second):
    "What is wrong with a p value for these two."
    only_first = int((first & ~second).sum())
    n_tosses = int((first ^ second).sum())
    right = binomtest(only_first, n_tosses).pvalue
    if abs(got - right) < 1e-3:
        return None
    case = (
        f"Of {len(first)} images, {only_first} are correct in the first only, "
        f"{n_tosses - only_first} in the second only: {right:.3f} is right, not {got:.3g}."
    )
    if abs(got - binomtest(only_first, len(first)).pvalue) < 1e-6:
        return (
            f"{case} You count all {len(first)} images as tosses; "
            "those on which both agree are none."
        )
    if abs(got - _unpaired(first, second)) < 0.02:
        return (
            f"{case} That is the test for two networks on *different* images. "
            "These are the same ones, so what is hard for both cancels out."
        )
    for side in ("greater", "less"):
        if abs(got - binomtest(only_first, n_tosses, alternative=side).pvalue) < 1e-3:
            return (
                f"{case} You tested one side only; "
                "before looking, either could have been the better one."
            )
    return case


@check(
    "Only the images on which the networks differ can tell which is better, "
    "and for those it is a coin toss.",
    FUNCTION,
)
def check_mcnemar(mcnemar):
    "`mcnemar(first, second)`: the p value of the exact McNemar test."
    for counts in ((20, 8, 10), (3, 12, 4), (5, 5, 40)):
        first, second = _correct(*counts)
        got = call(mcnemar, first.copy(), second.copy(), kind=NUMBER)
        if fault := _mcnemar_fault(got, first, second):
            return fault

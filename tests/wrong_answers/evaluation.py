import numpy as np
from scipy.stats import binomtest, norm


def first_good(predictions, target):
    return next(
        t
        for t in np.arange(0, 1, 0.01)
        if predictions.correct[predictions.confidence >= t].mean() >= target
    )


def chosen_by_the_test(valid, test, target):
    threshold = first_good(test, target)
    return threshold, test.correct[test.confidence >= threshold].mean()


def reported_where_it_was_chosen(valid, test, target):
    threshold = first_good(valid, target)
    return threshold, valid.correct[valid.confidence >= threshold].mean()


def all_digits_reported(valid, test, target):
    return first_good(valid, target), test.correct.mean()


def pooled(valid, test, target):
    confidence, correct = (
        np.concatenate([getattr(part, name) for part in (valid, test)])
        for name in ("confidence", "correct")
    )
    threshold = next(t for t in np.arange(0, 1, 0.01) if correct[confidence >= t].mean() >= target)
    return threshold, test.correct[test.confidence >= threshold].mean()


def takes_its_word(valid, test, target):
    return target, test.correct[test.confidence >= target].mean()


def every_digit_tosses(first, second):
    return binomtest(int((first & ~second).sum()), len(first)).pvalue


def one_side(first, second):
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return binomtest(only_first, only_first + only_second, alternative="greater").pvalue


def different_digits(first, second):
    p, q = first.mean(), second.mean()
    return 2 * norm.sf(abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / len(first)))


WRONG = {
    "check_always_eight": [(10, 100), (1.0, 0.1), (100, 100), (10, 10)],
    "check_half_as_wide": [20_000, 5_000, 100_000, 15_000],
    "check_choose": [
        chosen_by_the_test,
        reported_where_it_was_chosen,
        all_digits_reported,
        pooled,
        takes_its_word,
    ],
    "check_luck": [
        every_digit_tosses,
        one_side,
        different_digits,
        lambda first, second: first.mean() - second.mean(),
    ],
}

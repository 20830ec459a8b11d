"Wrong answers to exercises/06_evaluation.ipynb."

import numpy as np
from scipy.stats import binomtest, norm


def first_good(confidence, correct, target):
    for threshold in np.arange(0, 1, 0.01):
        if correct[confidence >= threshold].mean() >= target:
            return threshold


def share(predictions, threshold):
    return predictions.correct[predictions.confidence >= threshold].mean()


def chosen_on_the_test_set(valid, test, target):
    threshold = first_good(test.confidence, test.correct, target)
    return threshold, share(test, threshold)


def reported_where_it_was_chosen(valid, test, target):
    threshold = first_good(valid.confidence, valid.correct, target)
    return threshold, share(valid, threshold)


def all_images_reported(valid, test, target):
    return first_good(valid.confidence, valid.correct, target), test.correct.mean()


def pooled(valid, test, target):
    confidence = np.concatenate([valid.confidence, test.confidence])
    correct = np.concatenate([valid.correct, test.correct])
    threshold = first_good(confidence, correct, target)
    return threshold, share(test, threshold)


def target_as_threshold(valid, test, target):
    return target, share(test, target)


def every_image_is_a_toss(first, second):
    return binomtest(int((first & ~second).sum()), len(first)).pvalue


def one_side(first, second):
    only_first = int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    return binomtest(only_first, only_first + only_second, alternative="greater").pvalue


def different_images(first, second):
    standard_error = np.sqrt((first.var() + second.var()) / len(first))
    return 2 * norm.sf(abs(first.mean() - second.mean()) / standard_error)


WRONG = {
    "check_always_eight": [(10, 100), (1.0, 0.1), (100, 100), (10, 10)],
    "check_half_as_wide": [-1, 20_000, 5_000, 100_000, 15_000],
    "check_choose": [
        chosen_on_the_test_set,
        reported_where_it_was_chosen,
        all_images_reported,
        pooled,
        target_as_threshold,
    ],
    "check_mcnemar": [
        every_image_is_a_toss,
        one_side,
        different_images,
        lambda first, second: first.mean() - second.mean(),
    ],
}

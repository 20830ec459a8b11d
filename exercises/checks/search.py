"Checks of exercises/search.ipynb."

import numpy as np
from scipy import integrate, stats

from checks import FUNCTION, NUMBER, TEXT, call, check


@check(
    "With so few images, a difference of 0.05 percentage points is less than sampling noise.",
    NUMBER,
    NUMBER,
)
def check_resolution(images, standard_error):
    "0.05 percentage points of 5,000 images, and the standard error of an accuracy of 99.4 %."
    n = 5_000
    share = 0.994
    error = 100 * np.sqrt(share * (1 - share) / n)
    if np.isclose(images, 0.05 * n):
        return "0.05 percentage points are 0.05 of a hundredth of the images, not 0.05 of them."
    if np.isclose(images, 0.05 / 100 * 60_000) or np.isclose(images, 0.05 / 100 * 10_000):
        return "Count them among the 5,000 images of the validation set."
    if not np.isclose(images, 0.05 / 100 * n):
        return f"{images:g} images of 5,000 are {100 * images / n:g} %."
    if np.isclose(standard_error, error / 100, rtol=0.02):
        return (
            "That is the standard error as a fraction; "
            "it is wanted in percentage points, as the accuracy is in per cent."
        )
    if np.isclose(standard_error, 100 * share * (1 - share) / n, rtol=0.02):
        return "That is the variance of the share; its root is the standard error."
    if np.isclose(standard_error, 100 * np.sqrt(share * (1 - share)), rtol=0.02):
        return (
            "That is how far a single image, correct or not, is from the mean. "
            "The mean of n images varies less, by the root of n."
        )
    if not np.isclose(standard_error, error, rtol=0.02):
        return (
            f"{standard_error:g} is not it. A share p of n images has the standard error "
            "√(p(1 - p)/n), and a percentage point is a hundredth."
        )


def expected_bias(n: int) -> float:
    "The expected largest of `n` draws from a normal distribution, in standard deviations."

    def integrand(x):
        return n * x * stats.norm.pdf(x) * stats.norm.cdf(x) ** (n - 1)

    return integrate.quad(integrand, -8, 8)[0]


@check(
    "The best of ten seeds is one and a half standard deviations better than its recipe.", FUNCTION
)
def check_bias(bias):
    "`bias(n)`: by how many standard deviations the best of `n` equal runs exceeds their mean."
    for n in (2, 5, 10):
        got = call(bias, n, kind=NUMBER)
        again = call(bias, n, kind=NUMBER)
        correct = expected_bias(n)
        if abs(got - again) > 0.1:
            return (
                f"Called twice with n = {n} it gives {got:.2f} and {again:.2f}. "
                "Simulate a few thousand times, and take the mean."
            )
        if abs(got - correct) < 0.05:
            continue
        if abs(got - 2 * correct) < 0.1:
            return (
                f"For n = {n} it gives {got:.2f}, twice too much: "
                "that is from the worst run to the best. Count from the mean."
            )
        if abs(got) < 0.05:
            return (
                "It finds no bias at all: "
                "take the best of the n runs before the mean over many simulations."
            )
        return (
            f"For the best of {n} it gives {got:.2f}, and {correct:.2f} is correct. "
            "Draw n numbers of mean 0 and standard deviation 1 in each simulation."
        )


# Which recipe wins by which habit: the accuracies of three runs in the last epoch, in the best
# epoch, on the training set, and on the test set.
_STORIES = {
    "steady": ((99.42, 99.41, 99.43), 99.44, 99.6, 99.40),
    "lucky": ((99.20, 99.55, 99.22), 99.56, 99.5, 99.35),
    "early": ((99.30, 99.31, 99.29), 99.60, 99.4, 99.33),
    "overfitted": ((99.25, 99.26, 99.24), 99.30, 99.9, 99.30),
    "tested": ((99.33, 99.32, 99.34), 99.36, 99.5, 99.52),
}
_FAULTS = {
    "lucky": (
        "It chose a recipe with one very good run among three, whose mean is behind that of "
        "another. A recipe is as good as the mean of its runs."
    ),
    "early": (
        "It chose a recipe whose best epoch is very good and whose last is not. "
        "You would not know in which epoch to stop; compare the last ones."
    ),
    "overfitted": (
        "It chose the recipe with the highest training accuracy. Take the validation accuracy."
    ),
    "tested": "It used the test accuracy. Once it has served to choose, it is biased upwards.",
}


def _example_record(name: str, run: int, story: str) -> dict:
    "The record of one of the three runs of a story, with three epochs."
    lasts, best, train, test = _STORIES[story]
    validation = [best - 0.4, best - 0.01 * run, lasts[run]]
    training = [train - 0.6, train - 0.2, train]
    history = []
    for epoch, (valid_accuracy, train_accuracy) in enumerate(zip(validation, training), 1):
        row = {
            "epoch": epoch,
            "validation_accuracy": valid_accuracy,
            "validation_loss": 2 * (1 - valid_accuracy / 100),
            "train_accuracy": train_accuracy,
        }
        history.append(row)
    return {"recipe_name": name, "seed": run, "history": history, "test_accuracy": test}


def example_records(names: tuple = tuple(_STORIES), seed: int = 0) -> list[dict]:
    "Made-up records of three runs of each of five recipes, in random order."
    records = []
    for name, story in zip(names, _STORIES):
        records += [_example_record(name, run, story) for run in range(3)]
    return [records[i] for i in np.random.default_rng(seed).permutation(len(records))]


@check("It chose by the validation accuracy of the last epoch, on average over seeds.", FUNCTION)
def check_choose(choose):
    "`choose(records)`: the name of the recipe to take."
    for names in (("a", "b", "c", "d", "e"), ("wide", "narrow", "slow", "quick", "plain")):
        stories = dict(zip(names, _STORIES))
        got = call(choose, example_records(names, seed=len(names[0])), kind=TEXT)
        if got not in stories:
            return f"It gives {got!r}; a recipe's name is wanted, as it stands in `recipe_name`."
        if stories[got] != "steady":
            return _FAULTS[stories[got]]

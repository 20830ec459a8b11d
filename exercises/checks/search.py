"Checks of exercises/06_search.ipynb."

import numpy as np
from scipy import integrate, stats

from checks import call, check


@check("A difference of five hundredths of a point is less than chance brings, with so few digits.")
def check_resolution(digits, standard_error):
    "Of 5,000 digits held out: how many are 0.05 points, and the standard error in points of an accuracy of 99.4 %."
    n, share = 5_000, 0.994
    error = 100 * np.sqrt(share * (1 - share) / n)
    if np.isclose(digits, 0.05 * n):
        return "0.05 points are 0.05 of a hundredth of the digits, not 0.05 of them."
    if np.isclose(digits, 0.05 / 100 * 60_000) or np.isclose(digits, 0.05 / 100 * 10_000):
        return "Count them among the 5,000 digits that are held out."
    if not np.isclose(digits, 0.05 / 100 * n):
        return f"{digits:g} digits of 5,000 are {100 * digits / n:g} %."
    if np.isclose(standard_error, error / 100, rtol=0.02):
        return "That is the standard error as a fraction; it is asked for in points, as the accuracy is in per cent."
    if np.isclose(standard_error, 100 * share * (1 - share) / n, rtol=0.02):
        return "That is the variance of the share; its root is the standard error."
    if np.isclose(standard_error, 100 * np.sqrt(share * (1 - share)), rtol=0.02):
        return "That is how far a single digit, right or wrong, is from the mean. The mean of n digits varies less, by the root of n."
    if not np.isclose(standard_error, error, rtol=0.02):
        return f"{standard_error:g} is not it. A share p of n digits has the standard error √(p(1 - p)/n), and a point is a hundredth."


def flatters(n: int) -> float:
    "The expected largest of `n` draws from a normal distribution, in standard deviations."
    return integrate.quad(
        lambda x: n * x * stats.norm.pdf(x) * stats.norm.cdf(x) ** (n - 1), -8, 8
    )[0]


@check("The best of ten seeds is one and a half standard deviations better than its recipe.")
def check_flattery(flattery):
    "`flattery(n)`: by how many standard deviations the best of `n` equal runs exceeds their mean, on average."
    for n in (2, 5, 10):
        got, again, right = float(call(flattery, n)), float(call(flattery, n)), flatters(n)
        if abs(got - again) > 0.1:
            return f"Called twice with n = {n} it says {got:.2f} and {again:.2f}. Play the game a few thousand times, and take the mean."
        if abs(got - right) < 0.05:
            continue
        if abs(got - 2 * right) < 0.1:
            return f"For n = {n} it says {got:.2f}, twice too much: that is from the worst run to the best. Count from the mean."
        if abs(got) < 0.05:
            return "It finds no flattery at all: take the best of the n runs before taking means over many games."
        return f"For the best of {n} it says {got:.2f}, and {right:.2f} is right. Draw n numbers of mean 0 and standard deviation 1 in each game."


_STORIES = {  # who wins by which way to choose: the accuracies of three runs in their last epoch, best epoch, while learning, and on the test digits
    "steady": ((99.42, 99.41, 99.43), 99.44, 99.6, 99.40),
    "lucky": ((99.20, 99.55, 99.22), 99.56, 99.5, 99.35),
    "early": ((99.30, 99.31, 99.29), 99.60, 99.4, 99.33),
    "crammed": ((99.25, 99.26, 99.24), 99.30, 99.9, 99.30),
    "peeked": ((99.33, 99.32, 99.34), 99.36, 99.5, 99.52),
}
_FAULTS = {
    "lucky": "It chose a recipe with one very good run among three, whose mean is behind that of another. A recipe is as good as the mean of its runs.",
    "early": "It chose a recipe whose best epoch shines and whose last does not. You would not know in which epoch to stop; compare the last ones.",
    "crammed": "It chose the recipe that knows best what it has learnt from. Ask the digits held out.",
    "peeked": "It looked at the test digits. Once they have served to choose, they no longer test.",
}


def example_records(names=tuple(_STORIES), seed=0) -> list[dict]:
    "Made-up records of three runs of each of five recipes, in any order."

    def record(name, run, story):
        lasts, best, train, test = _STORIES[story]
        rows = [(best - 0.4, train - 0.6), (best - 0.01 * run, train - 0.2), (lasts[run], train)]
        history = [
            {
                "epoch": i,
                "validation_accuracy": v,
                "validation_loss": 2 * (1 - v / 100),
                "train_accuracy": t,
            }
            for i, (v, t) in enumerate(rows, 1)
        ]
        return {"recipe_name": name, "seed": run, "history": history, "test_accuracy": test}

    records = [record(name, run, story) for name, story in zip(names, _STORIES) for run in range(3)]
    return [records[i] for i in np.random.default_rng(seed).permutation(len(records))]


@check("It chose by what the digits held out say in the last epoch, on average over seeds.")
def check_choose(choose):
    "`choose(records)`: the name of the recipe to take."
    for names in (("a", "b", "c", "d", "e"), ("wide", "narrow", "slow", "quick", "plain")):
        story = dict(zip(names, _STORIES))
        got = call(choose, example_records(names, seed=len(names[0])))
        if got not in story:
            return f"It gives {got!r}; a recipe's name is wanted, as it stands in `recipe_name`."
        if story[got] != "steady":
            return _FAULTS[story[got]]

"Checks of exercises/06_experiments.ipynb."

from dataclasses import asdict

import numpy as np
from scipy import stats

from checks import call, check
from s6erav3.experiments import RUNGS
from s6erav3.training.train import recipe_of


@check("Where many questions are asked, some interval leaves out zero by chance alone.")
def check_false_alarms(expected, at_least_one):
    "Of as many questions as the ladder has steps, none of which has an effect, at a level of 5 %."
    n, level = len(RUNGS) - 1, 0.05
    if expected > 1.5 or at_least_one > 1:
        return "A chance lies between 0 and 1, and so few false alarms are expected that their number does, too; you may have given per cent."
    if np.isclose(expected, level, atol=0.005):
        return "That is what to expect of one question; there are as many as the ladder has steps."
    if not np.isclose(expected, n * level, atol=0.02):
        return f"{expected:g} false alarms are not to be expected: each question brings one with a chance of 5 %, and the numbers expected add up."
    if np.isclose(at_least_one, n * level, atol=0.01):
        return "Chances may be added only where no two alarms can come together; here two or three may, and are counted twice."
    if np.isclose(at_least_one, (1 - level) ** n, atol=0.01):
        return "That is the chance of no false alarm at all. What is the chance of the opposite?"
    if at_least_one < 0.01:
        return "That is the chance that all questions bring a false alarm together, not that at least one does."
    if not np.isclose(at_least_one, 1 - (1 - level) ** n, atol=0.01):
        return f"{at_least_one:g} is not the chance of at least one. Ask first how likely it is that every question stays quiet."


@check("It agrees with SciPy's paired test on runs that it had not seen.")
def check_paired_t(paired_t):
    "`paired_t(before, after)`: how many standard errors the mean difference is away from zero."
    rng = np.random.default_rng(0)
    for n in (5, 8):
        seeds = rng.normal(99.2, 0.2, n)
        before, after = seeds + rng.normal(0, 0.03, n), seeds + rng.normal(0.05, 0.03, n)
        got, right, d = (
            float(call(paired_t, before, after)),
            stats.ttest_rel(after, before).statistic,
            after - before,
        )
        if np.isclose(got, right):
            continue
        if np.isclose(got, -right):
            return "The sign is turned round: a gain, where `after` is larger, counts as positive."
        if np.isclose(got, stats.ttest_ind(after, before).statistic):
            return "That compares the two groups, not the pairs: what a seed does to both is left in the spread and hides the gain."
        if np.isclose(got, d.mean() / d.std(ddof=1)):
            return f"You divided by the spread of the differences. The mean of {n} spreads less than each of them: by the root of {n}."
        if np.isclose(got, d.mean() / d.std() * np.sqrt(n)):
            return "The standard deviation is that of NumPy's default, which divides by n. The mean was taken from the same n numbers; divide by n - 1 (`ddof=1`)."
        if np.isclose(got, d.mean() / d.std()):
            return "You divided by a spread, and by NumPy's default one (over n); a standard error is wanted: `ddof=1`, and the root of n."
        if np.isclose(got, d.mean()):
            return "That is the mean difference itself. It is large or small only in comparison with its standard error."
        return f"For {n} pairs it gives {got:.2f}, and {right:.2f} is right. Take the differences first, and forget the two columns."


def _pairs(records) -> dict:
    "The runs of each recipe by seed."
    by_recipe = {}
    for record in records:
        by_recipe.setdefault(record["recipe_name"], {})[record["seed"]] = record
    return by_recipe


def _fault_of_runs(by_recipe):
    "What is wrong with runs that are to compare the recipes `old` and `new`, or None."
    if not by_recipe:
        return "There is no record yet: `run_recipe` gives one for each run, beside the model."
    if set(by_recipe) != {"old", "new"}:
        return f"The records are of {', '.join(sorted(by_recipe))}; runs of `old` and of `new` are wanted."
    old, new = by_recipe["old"], by_recipe["new"]
    if old.keys() != new.keys():
        return "The two recipes were not run with the same seeds, so there are no pairs."
    if len(old) < 3:
        return f"{len(old)} pair{'s' * (len(old) > 1)} of runs cannot tell how much the differences vary; take three seeds."
    if any(record["test_accuracy"] is not None for record in [*old.values(), *new.values()]):
        return "These runs looked at the test digits. What serves to choose must leave them alone: `run_recipe` has a parameter for that."
    (one, *_), (other, *_) = old.values(), new.values()
    changed = {
        name
        for name, value in asdict(recipe_of(one)).items()
        if value != asdict(recipe_of(other))[name]
    } - {"name"}
    if changed != {"learning_rate"}:
        return f"Between the recipes differ: {', '.join(sorted(changed)) or 'nothing but the name'}. Change the learning rate, and nothing else."


@check("One change, the same seeds, digits held out, the last epoch: that is a fair comparison.")
def check_comparison(records, differences):
    "Differences in held-out accuracy, `new` minus `old`, for each seed, of the runs that left `records`."
    by_recipe = _pairs(records)
    if fault := _fault_of_runs(by_recipe):
        return fault
    seeds = sorted(by_recipe["old"])

    def last(name, what="validation_accuracy"):
        return np.array([by_recipe[name][seed]["history"][-1][what] for seed in seeds])

    def best(name):
        return np.array(
            [
                max(row["validation_accuracy"] for row in by_recipe[name][seed]["history"])
                for seed in seeds
            ]
        )

    given, right = np.asarray(differences, dtype=float).ravel(), last("new") - last("old")
    if len(given) != len(seeds):
        return f"{len(given)} number{'s' * (len(given) != 1)} for {len(seeds)} pairs: keep a difference for each seed, or its spread is lost."
    if np.allclose(given, right):
        return None
    if np.allclose(given, -right):
        return "That is `old` minus `new`; a gain should be positive."
    if np.allclose(given, best("new") - best("old")):
        return "You compared the best epochs. Which epoch is the best is luck as well; compare the last ones."
    if np.allclose(given, last("new", "train_accuracy") - last("old", "train_accuracy")):
        return "That is the accuracy on the digits learnt from; ask for those held out."
    if np.allclose(given, np.sort(last("new")) - np.sort(last("old"))):
        return "The runs were sorted before they were subtracted: a pair must share its seed."
    if np.allclose(given, right / 100):
        return "Your differences are fractions; accuracies in a record are in per cent."
    return "These are not the differences of the runs in the records: `last_epochs` gives a row for each recipe and a column for each seed."

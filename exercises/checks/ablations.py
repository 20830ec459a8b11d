"Checks of exercises/08_ablations.ipynb."

from dataclasses import asdict

import numpy as np
from scipy import stats

from checks import call, check
from s6erav3.ablations import ABLATIONS
from s6erav3.training.recipe import Recipe


@check("Where many questions are asked, some interval excludes zero by random variation alone.")
def check_false_alarms(expected, at_least_one):
    "Of as many questions as the ablation has, none of which has an effect, at a level of 5 %."
    n = len(ABLATIONS) - 1
    level = 0.05
    if expected > 1.5 or at_least_one > 1:
        return (
            "A probability lies between 0 and 1, and so few false alarms are expected that their "
            "number does, too; you may have given per cent."
        )
    if np.isclose(expected, level, atol=0.005):
        return "That is to be expected of one question; there is one for each ablation step."
    if not np.isclose(expected, n * level, atol=0.02):
        return (
            f"{expected:g} false alarms are not to be expected: each question brings one with a "
            "probability of 5 %, and the expected numbers add up."
        )
    if np.isclose(at_least_one, n * level, atol=0.01):
        return (
            "Probabilities may be added only where no two alarms can come together; here two or "
            "three may, and are counted twice."
        )
    if np.isclose(at_least_one, (1 - level) ** n, atol=0.01):
        return (
            "That is the probability of no false alarm at all. "
            "What is the probability of the opposite?"
        )
    if at_least_one < 0.01:
        return (
            "That is the probability that all questions bring a false alarm together, "
            "not that at least one does."
        )
    if not np.isclose(at_least_one, 1 - (1 - level) ** n, atol=0.01):
        return (
            f"{at_least_one:g} is not the probability of at least one. "
            "Ask first how likely it is that no question brings an alarm."
        )


def _fault_of_t(got: float, before: np.ndarray, after: np.ndarray) -> str:
    "What a number is that is not the paired t of `after` against `before`."
    d = after - before
    n = len(d)
    correct = stats.ttest_rel(after, before).statistic
    if np.isclose(got, -correct):
        return "The sign is reversed: a gain, where `after` is larger, counts as positive."
    if np.isclose(got, stats.ttest_ind(after, before).statistic):
        return (
            "That compares the two groups, not the pairs: "
            "what a seed does to both stays in the spread and hides the gain."
        )
    if np.isclose(got, d.mean() / d.std(ddof=1)):
        return (
            "You divided by the spread of the differences. "
            f"The mean of {n} spreads less than each of them: by the root of {n}."
        )
    if np.isclose(got, d.mean() / d.std() * np.sqrt(n)):
        return (
            "The standard deviation is that of NumPy's default, which divides by n. The mean was "
            "computed from the same n numbers; divide by n - 1 (`ddof=1`)."
        )
    if np.isclose(got, d.mean() / d.std()):
        return (
            "You divided by a spread, and by NumPy's default one (over n); "
            "a standard error is wanted: `ddof=1`, and the root of n."
        )
    if np.isclose(got, d.mean()):
        return (
            "That is the mean difference itself. "
            "It is large or small only in comparison with its standard error."
        )
    return (
        f"For {n} pairs it gives {got:.2f}, and {correct:.2f} is correct. "
        "Take the differences first, and forget the two columns."
    )


@check("It agrees with SciPy's paired test on runs that it had not seen.")
def check_paired_t(paired_t):
    "`paired_t(before, after)`: how many standard errors the mean difference is away from zero."
    rng = np.random.default_rng(0)
    for n in (5, 8):
        seeds = rng.normal(99.2, 0.2, n)
        before = seeds + rng.normal(0, 0.03, n)
        after = seeds + rng.normal(0.05, 0.03, n)
        got = float(call(paired_t, before, after))
        if not np.isclose(got, stats.ttest_rel(after, before).statistic):
            return _fault_of_t(got, before, after)


def _by_recipe(records) -> dict[str, dict[int, dict]]:
    "The runs of each recipe by seed."
    runs: dict[str, dict[int, dict]] = {}
    for record in records:
        runs.setdefault(record["recipe_name"], {})[record["seed"]] = record
    return runs


def _changed_fields(one: dict, other: dict) -> set[str]:
    "The hyperparameters in which two records differ."
    before = asdict(Recipe.from_record(one))
    after = asdict(Recipe.from_record(other))
    return {name for name in before if before[name] != after[name]} - {"name"}


def _fault_of_runs(runs: dict[str, dict[int, dict]]) -> str | None:
    "What is wrong with runs that are to compare the recipes `old` and `new`."
    if not runs:
        return "There is no record yet: `run_recipe` gives one for each run, beside the model."
    if runs.keys() != {"old", "new"}:
        names = ", ".join(sorted(runs))
        return f"The records are of {names}; runs of `old` and of `new` are wanted."
    old = runs["old"]
    new = runs["new"]
    if old.keys() != new.keys():
        return "The two recipes were not run with the same seeds, so there are no pairs."
    if len(old) < 3:
        return (
            f"{len(old)} pair{'s' * (len(old) > 1)} of runs cannot tell how much the differences "
            "vary; take three seeds."
        )
    if any(record["test_accuracy"] is not None for record in [*old.values(), *new.values()]):
        return (
            "These runs used the test set. Runs that are made in order to choose must not use "
            "it: `run_recipe` has a parameter for that."
        )
    seed = next(iter(old))
    changed = _changed_fields(old[seed], new[seed])
    if changed != {"learning_rate"}:
        names = ", ".join(sorted(changed)) or "nothing but the name"
        return f"The recipes differ in: {names}. Change the learning rate, and nothing else."


def _last(runs: dict[int, dict], key: str = "validation_accuracy") -> np.ndarray:
    "The accuracies of the last epoch, by seed."
    return np.array([runs[seed]["history"][-1][key] for seed in sorted(runs)])


def _best(runs: dict[int, dict]) -> np.ndarray:
    "The best validation accuracies of all epochs, by seed."
    best = []
    for seed in sorted(runs):
        best.append(max(row["validation_accuracy"] for row in runs[seed]["history"]))
    return np.array(best)


def _fault_of_differences(given: np.ndarray, old: dict, new: dict) -> str | None:
    "What is wrong with the differences between the runs of two recipes."
    correct = _last(new) - _last(old)
    if len(given) != len(correct):
        return (
            f"{len(given)} number{'s' * (len(given) != 1)} for {len(correct)} pairs: "
            "keep a difference for each seed, or its spread is lost."
        )
    if np.allclose(given, correct):
        return None
    if np.allclose(given, -correct):
        return "That is `old` minus `new`; a gain should be positive."
    if np.allclose(given, _best(new) - _best(old)):
        return (
            "You compared the best epochs. "
            "Which epoch is the best is random as well; compare the last ones."
        )
    if np.allclose(given, _last(new, "train_accuracy") - _last(old, "train_accuracy")):
        return "That is the training accuracy; take the validation accuracy."
    if np.allclose(given, np.sort(_last(new)) - np.sort(_last(old))):
        return "The runs were sorted before they were subtracted: a pair must share its seed."
    if np.allclose(given, correct / 100):
        return "Your differences are fractions; accuracies in a record are in per cent."
    return (
        "These are not the differences of the runs in the records: "
        "`final_accuracies` gives a row for each recipe and a column for each seed."
    )


@check("One change, the same seeds, a validation set, the last epoch: a fair comparison.")
def check_comparison(records, differences):
    "Differences in validation accuracy, `new` minus `old`, by seed, of the runs of `records`."
    runs = _by_recipe(records)
    fault = _fault_of_runs(runs)
    if fault:
        return fault
    given = np.asarray(differences, dtype=float).ravel()
    return _fault_of_differences(given, runs["old"], runs["new"])

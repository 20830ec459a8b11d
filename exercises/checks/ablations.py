"The quiz of nbs/08_ablations.ipynb, and the checks of exercises/08_ablations.ipynb."

import numpy as np
from msgspec.structs import asdict
from scipy import stats

from checks import (
    ARRAY,
    FUNCTION,
    LIST,
    NUMBER,
    WrongAnswer,
    call,
    check,
    described,
    make_quiz,
    shape_text,
)
from s6erav3.training.recipe import Recipe

quiz = make_quiz(
    (
        "c",
        {
            "a": "One run each: with another seed it may be the other way round.",
            "b": "That would need an interval within a margin, and one run has no interval.",
            "c": "The five runs of `cycle` alone differ by 0.19 percentage points.",
        },
    ),
    (
        "a",
        {
            "a": "What suits the shared images changes all differences together.",
            "b": "Their size has its own effect, on the differences themselves.",
            "c": "That is the other correction, of the p values.",
        },
    ),
    (
        "b",
        {
            "a": "It contains 0, but also 0.1. For no difference it must lie within the margin.",
            "b": "The data agree with a loss, with a gain and with nothing.",
            "c": "How much of an interval lies above 0 is no rule: it contains 0.",
        },
    ),
    (
        "c",
        {
            "a": "Each of a hundred questions without an effect has a chance of 5 % as well.",
            "b": "A p value is not the probability that there is an effect.",
            "c": "A correction for the number of questions is needed first.",
        },
    ),
    (
        "b",
        {
            "a": "It was not tested, but the rule that chose it was made from test results.",
            "b": "So it was with the allowance of 0.07 percentage points.",
            "c": "It decides which candidates reach a target, and it comes from the test set.",
        },
    ),
)


def _fault_of_adjustment(got: np.ndarray, p: np.ndarray) -> str:
    "What numbers are that are not the adjusted p values of `p`."
    m = len(p)
    order = p.argsort()
    scaled = p[order] * m / np.arange(1, m + 1)
    smallest_first = np.minimum.accumulate(scaled[::-1])[::-1]
    unlimited = np.empty(m)
    unlimited[order] = scaled
    if np.allclose(got, np.minimum(p * m, 1)) or np.allclose(got, p * m):
        return (
            "You multiplied each by the number of questions. That is Bonferroni's correction: "
            "divide by the rank as well, 1 for the smallest."
        )
    if np.allclose(got, smallest_first):
        return "These are sorted; give them in the order of the p values that were handed in."
    if np.allclose(got, unlimited) or np.allclose(got, scaled):
        return (
            "A larger p value has a smaller adjusted one here. "
            "Where a later one is smaller, it replaces the earlier ones."
        )
    if (got > 1).any():
        return "A p value is a probability, and these are not all between 0 and 1."
    worst = np.abs(got - stats.false_discovery_control(p)).argmax()
    return (
        f"{p[worst]:.3f} among {m} becomes {got[worst]:.3f}, and "
        f"{stats.false_discovery_control(p)[worst]:.3f} is correct. "
        "Sort, multiply by m, divide by the rank, then go from the largest to the smallest."
    )


@check(
    "It agrees with SciPy's false_discovery_control, also where values are not sorted.", FUNCTION
)
def check_adjusted(adjust):
    "`adjust(p)`: the adjusted p values of Benjamini and Hochberg, in the order of `p`."
    rng = np.random.default_rng(0)
    for p in (np.array([0.2, 0.01, 0.04, 0.03]), rng.uniform(0, 0.2, 19)):
        got = call(adjust, p.copy(), kind=ARRAY)
        if got.shape != p.shape:
            return f"Give a number for each of {len(p)} p values, not {shape_text(got.shape)}."
        if not np.allclose(got, stats.false_discovery_control(p)):
            return _fault_of_adjustment(got, p)


def _fault_of_t(got: float, before: np.ndarray, after: np.ndarray, ratio: float) -> str:
    "What a number is that is not the corrected paired t of `after` against `before`."
    d = after - before
    n = len(d)
    plain = stats.ttest_rel(after, before).statistic
    correct = plain / np.sqrt(1 + n * ratio)
    if np.isclose(got, -correct):
        return "The sign is reversed: a gain, where `after` is larger, counts as positive."
    if np.isclose(got, plain):
        return (
            "That is the plain test. It takes the differences as independent, "
            "although their runs share training images: add the ratio to 1/n."
        )
    if np.isclose(got, stats.ttest_ind(after, before).statistic):
        return (
            "That compares the two groups, not the pairs: "
            "what a seed does to both stays in the spread and hides the gain."
        )
    if np.isclose(got, correct * np.sqrt(n / (n - 1))):
        return (
            "The standard deviation is that of NumPy's default, which divides by n. The mean was "
            "computed from the same n numbers; divide by n - 1 (`ddof=1`)."
        )
    if np.isclose(got, d.mean() / (d.std(ddof=1) * (1 / np.sqrt(n) + ratio))):
        return "Variances add up, standard deviations do not: add 1/n and the ratio, then the root."
    if np.isclose(got, d.mean() / (d.std(ddof=1) * (1 / n + ratio))):
        return "1/n plus the ratio is the factor of the variance; the error needs its root."
    if np.isclose(got, d.mean()):
        return (
            "That is the mean difference itself. "
            "It is large or small only in comparison with its standard error."
        )
    return (
        f"For {n} pairs and a ratio of {ratio:g} it gives {got:.2f}, and {correct:.2f} is correct. "
        "Take the differences first, and forget the two columns."
    )


@check(
    "It agrees with SciPy's paired test where the ratio is 0, and is smaller where it is not.",
    FUNCTION,
)
def check_paired_t(paired_t):
    "`paired_t(before, after, ratio)`: how many corrected standard errors the mean is from zero."
    rng = np.random.default_rng(0)
    for n, ratio in ((5, 0.2), (8, 0.5), (5, 0.0)):
        seeds = rng.normal(99.2, 0.2, n)
        before = seeds + rng.normal(0, 0.03, n)
        after = seeds + rng.normal(0.05, 0.03, n)
        got = call(paired_t, before.copy(), after.copy(), ratio, kind=NUMBER)
        plain = stats.ttest_rel(after, before).statistic
        if not np.isclose(got, plain / np.sqrt(1 + n * ratio)):
            return _fault_of_t(got, before, after, ratio)


OLD = Recipe("old", epochs=2, batch_size=32, schedule="one_cycle")  # of the exercise
NEW_RATE = 0.3
KEYS = {"recipe_name", "seed", "history", "test_accuracy"}  # of a record, looked at here


def _checked(record) -> dict:
    "A run record; `WrongAnswer` for anything else."
    if isinstance(record, (tuple, list)) and len(record) == 2:
        raise WrongAnswer(
            "`run_recipe` returns a pair, the model and the record; keep the record alone."
        )
    if not isinstance(record, dict) or not record.keys() >= KEYS:
        raise WrongAnswer(
            "`records` should hold run records, as `run_recipe` gives them beside the model, "
            f"not {described(record)}."
        )
    try:
        Recipe.from_record(record)
        float(record["history"][-1]["validation_accuracy"])
    except Exception:
        raise WrongAnswer(
            "One of the records is not as `run_recipe` gives it: leave them unchanged."
        ) from None
    return record


def _by_recipe(records) -> dict[str, dict[int, dict]]:
    "The runs of each recipe by seed."
    runs: dict[str, dict[int, dict]] = {}
    for record in records:
        runs.setdefault(str(record["recipe_name"]), {})[int(record["seed"])] = record
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
    if asdict(Recipe.from_record(old[seed])) != asdict(OLD):
        return "The recipe `old` is not the one of the exercise; leave it as it is given."
    rate = Recipe.from_record(new[seed]).learning_rate
    if not np.isclose(rate, NEW_RATE):
        return f"The recipe `new` has the learning rate {rate:g}; {NEW_RATE:g} is asked about."


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


@check(
    "One change, the same seeds, a validation set, the last epoch: a fair comparison.", LIST, ARRAY
)
def check_comparison(records, differences):
    "Differences in validation accuracy, `new` minus `old`, by seed, of the runs of `records`."
    runs = _by_recipe([_checked(record) for record in records])
    fault = _fault_of_runs(runs)
    if fault:
        return fault
    return _fault_of_differences(differences.ravel(), runs["old"], runs["new"])

import numpy as np
from scipy import stats

from s6erav3.training.recipe import Recipe

OLD = Recipe("old", epochs=2, batch_size=32, schedule="one_cycle")
NEW = OLD.replace(name="new", learning_rate=0.3)
ACCURACY = {"old": (60.0, 72.0, 55.0), "new": (71.0, 70.0, 80.0)}


def record(recipe, seed, test) -> dict:
    "The record of a run that was never made."
    last = ACCURACY[recipe.name][seed]
    is_old = recipe is OLD
    first = {"validation_accuracy": last + 3 * seed + is_old, "train_accuracy": last - 9}
    final = {"validation_accuracy": last, "train_accuracy": last + seed * (1 + is_old)}
    return {
        "recipe_name": recipe.name,
        "recipe": recipe.to_record(),
        "seed": seed,
        "history": [first, final],
        "test_accuracy": test,
    }


def runs(new=NEW, seeds=(0, 1, 2), test=None) -> list[dict]:
    "The records of two recipes."
    return [record(recipe, seed, test) for recipe in (OLD, new) for seed in seeds]


def standardised(factor, ddof=1):
    "The mean difference, divided by the spread of the differences times a factor of their number."

    def statistic(before, after):
        differences = after - before
        return differences.mean() / (differences.std(ddof=ddof) * factor(len(differences)))

    return statistic


def without_replacing(p):
    "Adjusted p values that do not rise with the p values."
    return p * len(p) / stats.rankdata(p)


old = np.array(ACCURACY["old"])
new = np.array(ACCURACY["new"])
fair = runs()
WRONG = {
    "check_adjusted": [
        lambda p: p,
        lambda p: p * len(p),
        lambda p: np.minimum(p * len(p), 1),
        lambda p: np.sort(stats.false_discovery_control(p)),
        without_replacing,
        lambda p: p * stats.rankdata(p) / len(p),
        lambda p: stats.false_discovery_control(p, method="by"),
        lambda p: stats.false_discovery_control(p).min(),
    ],
    "check_paired_t": [
        lambda before, after, ratio: stats.ttest_rel(after, before).statistic,
        lambda before, after, ratio: stats.ttest_ind(after, before).statistic,
        lambda before, after, ratio: -standardised(lambda n: (1 / n + ratio) ** 0.5)(before, after),
        lambda before, after, ratio: standardised(lambda n: (1 / n + ratio) ** 0.5, 0)(
            before, after
        ),
        lambda before, after, ratio: standardised(lambda n: n**-0.5 + ratio)(before, after),
        lambda before, after, ratio: standardised(lambda n: 1 / n + ratio)(before, after),
        lambda before, after, ratio: (after - before).mean(),
        lambda before, after, ratio: stats.wilcoxon(after, before).statistic,
    ],
    "check_comparison": [
        (runs(NEW.replace(learning_rate=0.03)), new - old),
        ([(None, one) for one in fair], new - old),
        (fair, old - new),
        (fair, (new - old).mean()),
        (fair, np.sort(new) - np.sort(old)),
        (fair, new - old + [-1, -1, -1]),
        (fair, (new - old) / 100),
        ([], new - old),
        (runs(test=98.0), new - old),
        (runs(NEW.replace(momentum=0.5)), new - old),
        (runs(seeds=(0,)), new[:1] - old[:1]),
        (fair, new - old + [0, -1, -2]),
    ],
}

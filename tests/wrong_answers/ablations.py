from dataclasses import replace

import numpy as np
from scipy import stats

from s6erav3.training.recipe import Recipe

OLD = Recipe("old", epochs=2, schedule="one_cycle")
NEW = replace(OLD, name="new", learning_rate=0.3)
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


def standardised(ddof):
    "The mean difference, divided by the spread of the differences."
    return lambda before, after: (after - before).mean() / (after - before).std(ddof=ddof)


old = np.array(ACCURACY["old"])
new = np.array(ACCURACY["new"])
fair = runs()
WRONG = {
    "check_false_alarms": [(0.05, 0.05), (0.95, 0.95), (0.95, 0.38), (0.95, 0.05**19), (95, 62)],
    "check_paired_t": [
        lambda before, after: stats.ttest_ind(after, before).statistic,
        lambda before, after: stats.ttest_rel(before, after).statistic,
        lambda before, after: (after - before).mean(),
        lambda before, after: standardised(0)(before, after) * len(after) ** 0.5,
        standardised(1),
        lambda before, after: stats.wilcoxon(after, before).statistic,
    ],
    "check_comparison": [
        (fair, old - new),
        (fair, (new - old).mean()),
        (fair, np.sort(new) - np.sort(old)),
        (fair, new - old + [-1, -1, -1]),
        (fair, (new - old) / 100),
        ([], new - old),
        (runs(test=98.0), new - old),
        (runs(replace(NEW, momentum=0.5)), new - old),
        (runs(seeds=(0,)), new[:1] - old[:1]),
        (fair, new - old + [0, -1, -2]),
    ],
}

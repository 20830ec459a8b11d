import numpy as np
import pandas as pd

rng = np.random.default_rng(0)


def by_mean(value):
    "Choose by the mean of a value over the runs of a recipe."

    def choose(records):
        rows = [(record["recipe_name"], value(record)) for record in records]
        table = pd.DataFrame(rows, columns=["recipe", "value"])
        return table.groupby("recipe")["value"].mean().idxmax()

    return choose


def last(record, key="validation_accuracy"):
    return record["history"][-1][key]


def best(record):
    return max(row["validation_accuracy"] for row in record["history"])


WRONG = {
    "check_resolution": [
        (250, 0.11),
        (30, 0.11),
        (2, 0.11),
        (2.5, 0.0011),
        (2.5, 0.00012),
        (2.5, 7.7),
        (2.5, 0.5),
    ],
    "check_bias": [
        lambda n: rng.normal(size=n).max(),
        lambda n: np.ptp(rng.normal(size=(20_000, n)), axis=1).mean(),
        lambda n: rng.normal(size=(20_000, n)).mean(axis=1).mean(),
        lambda n: 1.0,
    ],
    "check_choose": [
        lambda records: max(records, key=last)["recipe_name"],
        by_mean(best),
        by_mean(lambda record: last(record, "train_accuracy")),
        by_mean(lambda record: record["test_accuracy"]),
        lambda records: records[0],
        lambda records: max(records),
    ],
}

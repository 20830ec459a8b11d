import pandas as pd
from scipy import stats

from wrong_answers.ablations import fair, new, old


def by_scipy(before, after, ratio):
    t = stats.ttest_1samp(after - before, 0).statistic
    return t / (1 + len(before) * ratio) ** 0.5


RIGHT = {
    "check_paired_t": [by_scipy],
    "check_adjusted": [lambda p: stats.false_discovery_control(p).tolist()],
    "check_comparison": [(tuple(fair[::-1]), pd.Series(new - old))],
}

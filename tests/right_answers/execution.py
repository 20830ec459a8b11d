import statistics


def by_medians(a, b, clock):
    "Taking turns, the median of each."
    a(), b()
    times = ([], [])
    for _ in range(21):
        for task, own in zip((a, b), times):
            start = clock()
            task()
            own.append(clock() - start)
    pairs = [first / second for first, second in zip(*times)]
    return statistics.median(pairs)


def by_pairs_of_minima(a, b, clock):
    "Taking turns, the fastest call of each, the first ones included."
    best = {a: float("inf"), b: float("inf")}
    for _ in range(8):
        for task in (a, b):
            start = clock()
            task()
            best[task] = min(best[task], clock() - start)
    return best[a] / best[b]


def about_the_first(x):
    y = x - x[0]
    n = len(y)
    return (y @ y - y.sum() ** 2 / n) / n


RIGHT = {
    "check_stops": [256.0],
    "check_times_longer": [by_medians, by_pairs_of_minima],
    "check_variance": [about_the_first],
}

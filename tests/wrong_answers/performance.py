import numpy as np


def times(call, clock, n=1):
    "The times of some calls."
    found = []
    for _ in range(n):
        start = clock()
        call()
        found.append(clock() - start)
    return found


def in_turn(average, skip=1, n=12):
    "Time in turn, leave out the first `skip` repeats, and compare the averages."

    def ratio(a, b, clock):
        pairs = np.array([times(a, clock) + times(b, clock) for _ in range(n)])[skip:]
        return np.divide(*average(pairs, axis=0))

    return ratio


def one_after_the_other(a, b, clock):
    return np.median(times(a, clock, 20)) / np.median(times(b, clock, 20))


def fastest_one_after_the_other(a, b, clock):
    return min(times(a, clock, 4)[1:]) / min(times(b, clock, 4)[1:])


WRONG = {
    "check_faster_step": [
        (2, 2.5),
        (0.7, 0.4),
        (1.3, 1.6),
        (1.43, np.inf),
        (1.43, 0.4),
        (1.43, 1.67),
        (1.5, 2.5),
        (1.43, 3),
    ],
    "check_intensity": [
        lambda i, o, s: 9 * i * o / (4 * (i + o)),
        lambda i, o, s: 18 * i * o / (i + o),
        lambda i, o, s: 18 * o / 4,
        lambda i, o, s: 18 * i / 4,
        lambda i, o, s: 18 * o / (4 * (i + o)),
        lambda i, o, s: 2 * i * o / (4 * (i + o)),
        lambda i, o, s: s,
    ],
    "check_ratio": [
        fastest_one_after_the_other,
        lambda a, b, clock: times(a, clock)[0] / times(b, clock)[0],
        in_turn(np.mean, skip=0),
        in_turn(np.mean),
        one_after_the_other,
        lambda a, b, clock: 1 / one_after_the_other(a, b, clock),
        lambda a, b, clock: 1.5,
    ],
}

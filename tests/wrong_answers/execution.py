from statistics import mean


def textbook(x):
    return (x * x).sum() / len(x) - (x.sum() / len(x)) ** 2


def average_seconds(work, clock, warm_up, average):
    "The average time of ten calls, after some that do not count."
    for _ in range(warm_up):
        work()
    found = []
    for _ in range(10):
        start = clock()
        work()
        found.append(clock() - start)
    return average(found)


def in_blocks(warm_up=1, average=min):
    "All of `a`, then all of `b`."

    def times_longer(a, b, clock):
        first = average_seconds(a, clock, warm_up, average)
        return first / average_seconds(b, clock, warm_up, average)

    return times_longer


def sequential(n):
    "The fastest of a few calls of one, then of the other."

    def times_longer(a, b, clock):
        best = []
        for work in (a, b):
            times = []
            for _ in range(n):
                start = clock()
                work()
                times.append(clock() - start)
            best.append(min(times))
        return best[0] / best[1]

    return times_longer


WRONG = {
    "check_stops": [2**24, 2**11, 255, 128, 512, 65_536, 1_000],
    "check_times_longer": [
        sequential(3),
        sequential(5),
        in_blocks(warm_up=0, average=mean),
        in_blocks(warm_up=0, average=max),
        in_blocks(average=mean),
        in_blocks(),
        lambda a, b, clock: 1 / in_blocks()(a, b, clock),
        lambda a, b, clock: clock(),
    ],
    "check_variance": [
        lambda x: x.double().var(correction=0),
        lambda x: x.var(correction=0),
        textbook,
        lambda x: x.var(),
        lambda x: x.std(correction=0),
        lambda x: (x * x).mean(),
        lambda x: 1.0,
    ],
}

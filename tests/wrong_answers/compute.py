def naive(x):
    return (x * x).sum() / len(x) - (x.sum() / len(x)) ** 2


def in_blocks(warm=1, best=min):
    "All of `a`, then all of `b`."

    def times_longer(a, b, clock):
        def seconds(call):
            for _ in range(warm):
                call()
            times = []
            for _ in range(10):
                start = clock()
                call()
                times.append(clock() - start)
            return best(times)

        return seconds(a) / seconds(b)

    return times_longer


def mean(times):
    return sum(times) / len(times)


WRONG = {
    "check_stops": [2**24, 2**11, 255, 128, 512, 65_536, 1_000],
    "check_times_longer": [
        in_blocks(warm=0, best=mean),
        in_blocks(warm=0, best=max),
        in_blocks(best=mean),
        in_blocks(),
        lambda a, b, clock: 1 / in_blocks()(a, b, clock),
        lambda a, b, clock: clock(),
    ],
    "check_variance": [
        naive,
        lambda x: x.var(),
        lambda x: x.std(correction=0),
        lambda x: (x * x).mean(),
        lambda x: 1.0,
    ],
}

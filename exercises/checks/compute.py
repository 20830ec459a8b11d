"Checks of exercises/03_compute.ipynb."

import math

import torch

from checks import call, check


def _stops_at(dtype) -> int:
    "The smallest whole number to which 1 can be added without an effect."
    n = torch.tensor(1.0, dtype=dtype)
    while n + 1 != n:
        n = 2 * n
    return int(n)


@check("From there on neighbouring numbers are two apart, and a sum of ones stands still.")
def check_stops(n):
    "Where counting in bfloat16 ends."
    right = _stops_at(torch.bfloat16)
    if n == _stops_at(torch.float32):
        return f"{n:,} is where float32 ends; bfloat16 has a third of its bits of mantissa."
    if n == _stops_at(torch.float16):
        return f"{n:,} is where float16 ends. It has more bits of mantissa than bfloat16, and fewer for the exponent."
    if n == right - 1:
        return f"{n} + 1 is {right}, and {right} can still be written."
    if n == right // 2:
        return f"{n} + 1 can still be written: count the leading 1 among the 8 bits."
    if n == 2 * right:
        return f"Already below {n} only every second whole number can be written."
    if n == 2**16:
        return "Half of the 16 bits are sign and exponent; they do not make a number exact."
    if n != right:
        return f"{n} is not it. Try it: `torch.tensor(256.0, dtype=torch.bfloat16) + 1`, and other numbers."


class _Machine:
    "Work that takes time on a clock of its own: the first call of each piece `first` times as long, every fifth call interrupted, all slower after so many calls."

    def __init__(self, first=1.0, interrupted=0.0, slow_after=math.inf):
        self.now, self.calls, self.first, self.interrupted, self.slow_after = (
            0.0,
            0,
            first,
            interrupted,
            slow_after,
        )

    def clock(self):
        return self.now

    def work(self, seconds):
        done = [0]

        def piece():
            self.calls, done[0] = self.calls + 1, done[0] + 1
            took = (
                seconds
                * (self.first if done[0] == 1 else 1)
                * (2 if self.calls > self.slow_after else 1)
            )
            self.now += took + (self.interrupted if done[0] % 5 == 4 else 0)

        return piece


@check(
    "A first call, an interruption, a machine that slows down: none of them changes what it says."
)
def check_times_longer(times_longer):
    "`times_longer(a, b, clock)`: how many times as long `a` takes as `b`."
    for machine, fault in (
        (_Machine(), "though nothing disturbs it"),
        (
            _Machine(first=50),
            "where the first call of each takes fifty times as long, as compiling does: a first call has to be made, and not counted",
        ),
        (
            _Machine(interrupted=0.5),
            "where now and then another program interrupts a call: a mean or a sum takes the interruptions in",
        ),
        (
            _Machine(slow_after=12),
            "where the machine slows down half-way: all of `a` was measured before all of `b`, and the two did not have the same conditions",
        ),
    ):
        got = call(times_longer, machine.work(0.03), machine.work(0.01), machine.clock)
        if math.isclose(got, 1 / 3, rel_tol=0.02):
            return "That is how many times as long `b` takes as `a`."
        if not math.isclose(got, 3, rel_tol=0.02):
            return f"`a` takes 3 times as long as `b`, and it says {got:.2f} {fault}."


@check("Sums about a number near the mean: exact enough, in one pass.")
def check_variance(variance):
    "`variance(x)` by sums, of float32 numbers far from 0."
    for x in (
        torch.tensor([1.0, 2.0, 3.0, 6.0]),
        torch.randn(10_000, generator=torch.Generator().manual_seed(0)),
        torch.randn(10_000, generator=torch.Generator().manual_seed(1)) + 10_000,
    ):
        got, right = float(call(variance, x)), x.double().var(correction=0).item()
        if math.isclose(got, right, rel_tol=1e-3):
            continue
        where = f"For {len(x):,} numbers around {x.mean().item():,.0f} it says {got:.4g}, and {right:.4g} is right"
        if math.isclose(got, math.sqrt(right), rel_tol=1e-3):
            return f"{where}: you took the root, which gives the standard deviation."
        if math.isclose(got, x.double().var().item(), rel_tol=1e-4):
            return f"{where}: you divided by n - 1; batch normalisation divides by n."
        if math.isclose(got, x.double().square().mean().item(), rel_tol=1e-3):
            return f"{where}: that is the mean of the squares, from which the square of the mean has to be taken away."
        if x.mean() > 1_000:
            return f"{where}: the mean of the squares and the square of the mean are nearly the same, about {x.mean().item() ** 2:,.0f}, and their difference is lost in rounding. Which numbers have the same variance, but are small?"
        return f"{where}."

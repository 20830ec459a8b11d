"Checks of exercises/execution.ipynb."

import math
from dataclasses import dataclass

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from checks import FUNCTION, NUMBER, WHOLE, call, check


def _largest_count(dtype) -> int:
    "The smallest whole number to which 1 can be added without an effect."
    n = torch.tensor(1.0, dtype=dtype)
    while n + 1 != n:
        n = 2 * n
    return int(n)


@check("From there on neighbouring numbers are two apart, and a sum of ones does not grow.", WHOLE)
def check_stops(n):
    "Where counting in bfloat16 ends."
    correct = _largest_count(torch.bfloat16)
    if n == _largest_count(torch.float32):
        return f"{n:,} is where float32 ends; bfloat16 has a third of its bits of mantissa."
    if n == _largest_count(torch.float16):
        return (
            f"{n:,} is where float16 ends. "
            "It has more bits of mantissa than bfloat16, and fewer for the exponent."
        )
    if n == correct - 1:
        return f"{n} + 1 is {correct}, and {correct} can still be represented."
    if n == correct // 2:
        return f"{n} + 1 can still be represented: count the leading 1 among the 8 bits."
    if n == 2 * correct:
        return f"Already below {n} only every second whole number can be represented."
    if n == 2**16:
        return "Half of the 16 bits are sign and exponent; they do not make a number exact."
    if n != correct:
        return (
            f"{n} is not it. Try it: `torch.tensor(256.0, dtype=torch.bfloat16) + 1`, "
            "and other numbers."
        )


@dataclass
class _Machine:
    "A simulated machine: work takes time on a clock of its own."

    first: float = 0.0  # additional seconds of the first call of each piece of work
    interruption: float = 0.0  # additional seconds of every fifth call of a piece of work
    slow_after: float = math.inf  # after so many calls, everything takes twice as long
    now: float = 0.0
    calls: int = 0

    def clock(self) -> float:
        "The time in seconds."
        return self.now

    def work(self, seconds: float):
        "A piece of work that takes so long."
        own_calls = 0

        def piece():
            nonlocal own_calls
            self.calls += 1
            own_calls += 1
            took = seconds
            if self.calls > self.slow_after:
                took *= 2
            if own_calls == 1:
                took += self.first
            if own_calls % 5 == 4:
                took += self.interruption
            self.now += took

        return piece


_SLOWED = (
    "where the machine slows down half-way: all of `a` was measured before all of `b`, "
    "and the two did not have the same conditions"
)
_TRIALS = (
    ({}, "though nothing disturbs it"),
    (
        {"first": 3.0},
        "where the first call of each takes three seconds longer, as compiling does: "
        "make a first call that does not count",
    ),
    (
        {"interruption": 0.5},
        "where now and then another program interrupts a call: "
        "a mean or a sum includes the interruptions",
    ),
    *(({"slow_after": n}, _SLOWED) for n in (12, 2, 4, 30)),
)


@check(
    "A first call, an interruption, a machine that slows down: none of them changes its result.",
    FUNCTION,
)
def check_times_longer(times_longer):
    "`times_longer(a, b, clock)`: how many times as long `a` takes as `b`."
    for disturbances, fault in _TRIALS:
        machine = _Machine(**disturbances)
        tasks = machine.work(0.03), machine.work(0.01)
        got = call(times_longer, *tasks, machine.clock, kind=NUMBER)
        if machine.calls < 2:
            return "Call both of them; what they do takes time on the clock that is passed."
        if math.isclose(got, 1 / 3, rel_tol=0.02):
            return "That is how many times as long `b` takes as `a`."
        if not math.isclose(got, 3, rel_tol=0.02):
            return f"`a` takes 3 times as long as `b`, and it gives {got:.2f} {fault}."


class _Watch(TorchDispatchMode):
    "Notices an operation that the exercise rules out."

    def __init__(self, n: int):
        super().__init__()
        self.n = n
        self.fault = ""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        name = operation.__name__.split(".")[0].removeprefix("_").removesuffix("_")
        if name in ("var", "std", "var_mean", "std_mean"):
            self.fault = f"Without `{name.split('_')[0]}`: compute it from two sums."
        double = isinstance(result, torch.Tensor) and result.dtype == torch.float64
        if double and result.numel() >= self.n:
            self.fault = (
                "float64 would do, but takes twice the memory and time; stay in float32, and "
                "make the numbers small instead."
            )
        return result


def _reason(got: float, x: torch.Tensor) -> str:
    "Why a number is not the variance of `x`; an empty text if that is not known."
    exact = x.double()
    if math.isclose(got, exact.std(correction=0).item(), rel_tol=1e-3):
        return ": you took the root, which gives the standard deviation"
    if math.isclose(got, exact.var().item(), rel_tol=1e-4):
        return ": you divided by n - 1; batch normalisation divides by n"
    if math.isclose(got, exact.square().mean().item(), rel_tol=1e-3):
        return (
            ": that is the mean of the squares, "
            "from which the square of the mean has to be subtracted"
        )
    if x.mean() > 1_000:
        return (
            ": the mean of the squares and the square of the mean are nearly the same, about "
            f"{x.mean().item() ** 2:,.0f}, and their difference is lost in rounding. "
            "Which numbers have the same variance, but are small?"
        )
    return "."


@check("Sums about a number near the mean: exact enough, in one pass.", FUNCTION)
def check_variance(variance):
    "`variance(x)` by sums, of float32 numbers far from 0."
    small = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    large = torch.randn(10_000, generator=torch.Generator().manual_seed(1)) + 10_000
    for x in (torch.tensor([1.0, 2.0, 3.0, 6.0]), small, large):
        with _Watch(len(x)) as watch:
            got = call(variance, x.clone(), kind=NUMBER)
        if watch.fault:
            return watch.fault
        correct = x.double().var(correction=0).item()
        if math.isclose(got, correct, rel_tol=1e-3):
            continue
        place = f"For {len(x):,} numbers around {x.mean().item():,.0f}"
        text = f"{place} it gives {got:.4g}, and {correct:.4g} is correct{_reason(got, x)}"
        return text if text.endswith((".", "?")) else f"{text}."

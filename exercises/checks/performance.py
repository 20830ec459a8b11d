"Checks of exercises/performance.ipynb."

import numpy as np
from torch import nn

from checks import ANY_NUMBER, FUNCTION, NUMBER, call, check
from s6erav3 import layer_table


@check("The part that is not accelerated soon takes most of the time.", NUMBER, ANY_NUMBER)
def check_faster_step(twice, at_most):
    "A step of 30 ms, 18 of them in convolutions: the gain with these twice as fast, or free."
    step = 30
    convolutions = 18
    rest = step - convolutions
    if np.isclose(twice, 2):
        return "Only the convolutions are twice as fast; the other 12 ms stay as they are."
    if np.isclose(twice, (rest + convolutions / 2) / step, atol=0.01):
        return (
            "That is the share of the old time that is left. "
            "How many times faster is the old time divided by the new."
        )
    if np.isclose(twice, 1 + convolutions / 2 / step, atol=0.01):
        return (
            "That much of the time is saved, but what is saved and how many times faster are not "
            "the same: divide the old time by the new."
        )
    if not np.isclose(twice, step / (rest + convolutions / 2), atol=0.02):
        return f"{twice:g} times is not it. How many milliseconds does the new step take?"
    if np.isinf(at_most):
        return "Without convolutions the step still takes the other 12 ms, so there is a limit."
    if np.isclose(at_most, rest / step, atol=0.01):
        return "The second number is the share of the old time that is left; take its inverse."
    if np.isclose(at_most, step / convolutions, atol=0.02):
        return "That is the limit if all *but* the convolutions took no time."
    if not np.isclose(at_most, step / rest, atol=0.02):
        return (
            f"{at_most:g} times is not the limit. "
            "What is left of the step where convolutions take no time?"
        )


def _intensity(channels_in: int, channels_out: int, side: int) -> float:
    "Operations per byte of a 3×3 convolution, from the layer table."
    layers = nn.Sequential(nn.Conv2d(channels_in, channels_out, 3, padding=1))
    operations = 2 * layer_table(layers, (channels_in, side, side)).macs.sum()
    return operations / (4 * side**2 * (channels_in + channels_out))


def _fault_of_intensity(ratio: float, channels_in: int, channels_out: int) -> str | None:
    "What is wrong with an answer that is `ratio` times the correct one."
    channels = channels_in + channels_out
    faults = {
        1 / 2: "half of the correct number: a multiplication and an addition are two operations",
        4: "four times too much: that is per number, and a number of float32 has four bytes",
        channels / channels_in: "what is written counts, too, not only what is read",
        channels / channels_out: "what is read counts, too, not only what is written",
        1 / channels_in: f"each output number is a sum over all {channels_in} input channels",
        1 / 9: "a kernel of 3×3 multiplies nine numbers of each channel",
    }
    for factor, fault in faults.items():
        if np.isclose(ratio, factor, rtol=0.01):
            return fault
    return None


@check("So few channels do few operations with each byte, and wait for the memory.", FUNCTION)
def check_intensity(intensity):
    "`intensity(channels_in, channels_out, side)` of a 3×3 convolution with padding 1, float32."
    for channels_in, channels_out, side in ((8, 12, 28), (1, 8, 28), (64, 64, 14)):
        got = call(intensity, channels_in, channels_out, side, kind=NUMBER)
        correct = _intensity(channels_in, channels_out, side)
        if np.isclose(got, correct, rtol=0.01):
            continue
        place = f"For {channels_in} → {channels_out} channels it gives {got:.2f}"
        fault = _fault_of_intensity(got / correct, channels_in, channels_out)
        if fault:
            return f"{place}: {fault}."
        return (
            f"{place}, and {correct:.2f} is correct. Count the operations of one output number "
            "first, then how many output numbers there are."
        )


class Machine:
    "A simulated processor with a clock of its own: `tasks` take the seconds given, or longer."

    def __init__(
        self,
        *seconds: float,  # of each task
        first: float = 0.0,  # additional seconds of the first call of each task
        interruption: float = 0.0,  # additional seconds of every seventh call
        slowdown: float = 0.0,  # by which fraction every call makes the next ones longer
    ):
        self.now = 0.0
        self.calls = 0
        self.first = first
        self.interruption = interruption
        self.slowdown = slowdown
        self.tasks = [self._task(each) for each in seconds]

    def clock(self) -> float:
        "The time in seconds."
        return self.now

    def _task(self, seconds):
        called = False

        def task():
            nonlocal called
            self.calls += 1
            self.now += seconds * (1 + self.slowdown * self.calls)
            if not called:
                self.now += self.first
            if self.calls % 7 == 4:
                self.now += self.interruption
            called = True

        return task


_TRIALS = (
    ({}, ""),
    (
        {"first": 3.0},
        "The first call of anything takes longer: things are loaded and prepared. "
        "Make it before you measure.",
    ),
    (
        {"interruption": 2.0},
        "Now and then another program has the processor for a while. A mean includes that; "
        "measure more often, and take a number that does not.",
    ),
    (
        {"slowdown": 0.05},
        "This machine becomes slower as it gets warm, and you timed one call after the other "
        "was finished. Time them in turn.",
    ),
)


@check(
    "It takes turns, leaves the first calls out, and is not misled by an interruption.",
    FUNCTION,
)
def check_ratio(ratio):
    "`ratio(a, b, clock)`: how many times as long the call `a` takes as the call `b`."
    correct = 1.5
    for disturbances, reason in _TRIALS:
        machine = Machine(0.03, 0.02, **disturbances)
        got = call(ratio, *machine.tasks, machine.clock, kind=NUMBER)
        if machine.calls < 2:
            return "Call both of them; what they do takes time on the clock that is passed."
        if abs(got - correct) < 0.08:
            continue
        if abs(got - 1 / correct) < 0.05:
            return "That is the inverse: the time of `a` over that of `b` is wanted."
        return reason or (
            f"On a machine that nothing disturbs it gives {got:.2f} where one call takes 1.5 "
            "times as long as the other. Read `clock()` before and after."
        )

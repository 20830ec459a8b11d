"Checks of exercises/07_speed.ipynb."

import numpy as np
from torch import nn

from checks import call, check
from s6erav3 import layer_table


@check("What is not made faster soon takes most of the time.")
def check_faster_step(twice, at_most):
    "A step of 30 ms, 18 of them in convolutions: how many times faster with those twice as fast, and with those done in no time."
    step, convolutions = 30, 18
    rest = step - convolutions
    if np.isclose(twice, 2):
        return "Only the convolutions are twice as fast; the other 12 ms stay as they are."
    if np.isclose(twice, (rest + convolutions / 2) / step, atol=0.01):
        return "That is the share of the old time that is left. How many times faster is the old time divided by the new."
    if np.isclose(twice, 1 + convolutions / 2 / step, atol=0.01):
        return "That much of the time is saved, but what is saved and how many times faster are not the same: divide the old time by the new."
    if not np.isclose(twice, step / (rest + convolutions / 2), atol=0.02):
        return f"{twice:g} times is not it. How many milliseconds does the new step take?"
    if np.isinf(at_most):
        return (
            "Without convolutions the step still takes the other 12 ms, so it is not without limit."
        )
    if np.isclose(at_most, rest / step, atol=0.01):
        return "The second number is the share of the old time that is left; turn it round."
    if np.isclose(at_most, step / convolutions, atol=0.02):
        return "That is the limit if all *but* the convolutions took no time."
    if not np.isclose(at_most, step / rest, atol=0.02):
        return f"{at_most:g} times is not the limit. What is left of the step where convolutions take no time?"


@check("So few channels do few operations with each byte, and wait for the memory.")
def check_intensity(intensity):
    "`intensity(channels_in, channels_out, side)`: operations for each byte of a 3×3 convolution with padding 1 in float32."
    for channels_in, channels_out, side in ((8, 12, 28), (1, 8, 28), (64, 64, 14)):
        layers = nn.Sequential(nn.Conv2d(channels_in, channels_out, 3, padding=1))
        operations, pixels = 2 * layer_table(layers, (channels_in, side, side)).macs.sum(), side**2
        right = operations / (4 * pixels * (channels_in + channels_out))
        got = float(call(intensity, channels_in, channels_out, side))
        where = f"For {channels_in} → {channels_out} channels it gives {got:.2f}"
        if np.isclose(got, right, rtol=0.01):
            continue
        if np.isclose(got, right / 2, rtol=0.01):
            return f"{where}, half of what is right: a multiplication and an addition are two operations."
        if np.isclose(got, right * 4, rtol=0.01):
            return f"{where}, four times too much: that is for each number, and a number of float32 has four bytes."
        if np.isclose(got, right * (channels_in + channels_out) / channels_in, rtol=0.01):
            return f"{where}: what is written counts, too, not only what is read."
        if np.isclose(got, right * (channels_in + channels_out) / channels_out, rtol=0.01):
            return f"{where}: what is read counts, too, not only what is written."
        if np.isclose(got, right / channels_in, rtol=0.01):
            return f"{where}: each output number is a sum over all of the {channels_in} input channels."
        if np.isclose(got, right / 9, rtol=0.01):
            return f"{where}: a kernel of 3×3 multiplies nine numbers of each channel."
        return f"{where}, and {right:.2f} is right. Count the operations of one output number first, then how many output numbers there are."


class Machine:
    "A make-believe processor with a clock of its own: `tasks` take the seconds given, and more where something disturbs."

    def __init__(self, *seconds, first=0.0, visitor=0.0, tiring=0.0):
        self.now, self.calls, self.disturbances = 0.0, 0, (first, visitor, tiring)
        self.tasks = [self._task(s) for s in seconds]

    def clock(self) -> float:
        return self.now

    def _task(self, seconds):
        first, visitor, tiring = self.disturbances
        done = []

        def task():
            self.calls += 1
            self.now += (
                seconds * (1 + tiring * self.calls)
                + first * (not done)
                + visitor * (self.calls % 7 == 4)
            )
            done.append(True)

        return task


@check("It takes turns, leaves the first round out, and is not impressed by a visitor.")
def check_ratio(ratio):
    "`ratio(a, b, clock)`: how many times as long the call `a` takes as the call `b`."
    trials = {
        "plain": ({}, ""),
        "first": (
            {"first": 3.0},
            "The first call of anything takes longer: things are loaded and prepared. Let it pass before you measure.",
        ),
        "visitor": (
            {"visitor": 2.0},
            "Now and then another program has the processor for a while. A mean carries that; time more often, and take a number that does not.",
        ),
        "tiring": (
            {"tiring": 0.02},
            "This machine grows warm and slower as it goes, and you timed one call after the other was done with. Let them take turns.",
        ),
    }
    for disturbances, reason in trials.values():
        machine = Machine(0.03, 0.02, **disturbances)
        got, right = float(call(ratio, *machine.tasks, machine.clock)), 1.5
        if machine.calls < 2:
            return "Call both of them; what they do takes time on the clock that is handed over."
        if abs(got - right) < 0.08:
            continue
        if abs(got - 1 / right) < 0.05:
            return "Turned round: the time of `a` over that of `b` is wanted."
        return (
            reason
            or f"On a machine that nothing disturbs it gives {got:.2f} where one call takes 1.5 times as long as the other. Read `clock()` before and after."
        )

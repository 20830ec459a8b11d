"Checks of exercises/08_drawing.ipynb."

from functools import cache

import numpy as np
import torch

from checks import call, check
from s6erav3 import load_pretrained
from s6erav3.drawing import SENT, example_drawing, read_drawing


@check("So few bytes are sent at once, and the hand notices nothing.")
def check_bytes(there, back):
    "Bytes of pictures each way at a stroke, with the maps of conv2 shown."
    reading = read_drawing(example_drawing(), load_pretrained(), "conv2")
    drawing, seen, maps = SENT * SENT, len(reading["seen"]), len(reading["maps"])
    if there == 8 * drawing:
        return "Those are bits. One byte says whether there is ink in a pixel, and how much."
    if there == 4 * drawing:
        return "A drawing is sent as bytes, not as float32: one for each pixel."
    if there == seen:
        return "The page sends the whole drawing; that it becomes 28×28 is the work of Python, which knows MNIST's rule."
    if there != drawing:
        return f"{there} bytes are not what the page sends: it is a square drawing, a byte for each pixel."
    if back == maps:
        return "The maps are not all: the 28×28 pixels that the network is given go back, too."
    if back == seen + maps // reading["shape"][0]:
        return "That is one map of conv2; all of its channels are shown."
    if back == seen + 4 * maps:
        return "In the network the maps are float32. They are made shades of grey before they are sent: a byte each."
    if back == maps + drawing:
        return "What goes back is not the drawing, which the page has, but what the network is given in its place."
    if back != seen + maps:
        return f"{back} bytes are not what goes back: how many channels has conv2, and how many rows and columns has each of its maps?"


@check("All maps of a stage share one scale, from the smallest number to the largest.")
def check_shades(shades):
    "`shades(maps)`: bytes from 0 to 255 in the same shape, on one scale for all channels."
    torch.manual_seed(0)
    maps = torch.randn(3, 4, 4) * torch.tensor([1.0, 5.0, 0.2])[:, None, None] + 2
    low, high = maps.min(), maps.max()
    right = 255 * (maps - low) / (high - low)
    got = call(shades, maps.clone())
    if tuple(got.shape) != (3, 4, 4):
        return f"The shape became {tuple(got.shape)}; it should stay as it was."
    if got.dtype != torch.uint8:
        return f"The numbers are {str(got.dtype).removeprefix('torch.')}; the page wants bytes, `torch.uint8`."
    given = got.float()
    if given.max() <= 1:
        return "The shades go from 0 to 1, and as bytes those are all black: spread them to 255."
    flat = maps.flatten(1)
    each = (
        255
        * (flat - flat.min(dim=1, keepdim=True).values)
        / (flat.max(dim=1, keepdim=True).values - flat.min(dim=1, keepdim=True).values)
    )
    if (given - each.view_as(maps)).abs().max() <= 1:
        return "Each map has a scale of its own, so a channel that hardly answers looks as strong as one that shouts. Take one scale for all."
    if (given - right).abs().max() > 1:
        return "Negative numbers, or too large ones, come out as wrong shades. The smallest number of all becomes 0 and the largest 255; what is between follows on a straight line."
    flat = call(shades, torch.full((2, 3, 3), 1.5))
    if len(flat.unique()) != 1 or flat.dtype != torch.uint8:
        return "Where all numbers are alike, all shades should be alike."
    if flat.max() > 0:
        return "Where all numbers are alike, you divide by zero: what comes out is no number, and which byte becomes of it is chance. Let all shades be 0 there."


@cache
def answers() -> list:
    "What the network reads where only so many rows of the example are drawn, from none to all; None where there is no ink."
    drawing, model = (
        np.frombuffer(example_drawing(), np.uint8).reshape(SENT, SENT),
        load_pretrained(),
    )

    def read(rows):
        probabilities = read_drawing(
            (drawing * (np.arange(SENT) < rows)[:, None].astype(np.uint8)).tobytes(), model
        )["probabilities"]
        return int(np.argmax(probabilities)) if sum(probabilities) else None

    return [read(rows) for rows in range(SENT + 1)]


@check(
    "Half a three is read as other digits, and surely at times: the network knows only whole ones."
)
def check_settles(rows):
    "How many rows of the example have to be drawn for the answer to be three from then on."
    said = answers()
    right = max(n for n, digit in enumerate(said) if digit != 3) + 1
    if rows == right:
        return None
    if rows == right - 1:
        return f"With {rows} rows the answer is {said[rows]}. You have found the last number of rows with another answer, or counted rows from zero."
    if rows == said.index(3):
        return f"With {rows} rows it says three for the first time, but not from then on: with {next(n for n in range(rows, len(said)) if said[n] != 3)} rows it has changed its mind."
    if not 0 <= rows <= SENT:
        return f"The drawing has {SENT} rows."
    if rows > right:
        return f"From {rows} rows on it is three, but it has been for a while."
    return f"After {rows} rows the answer still changes. Take down the answer for every number of rows, and look from the end."

"Checks of exercises/drawing_canvas.ipynb."

import json
from functools import cache

import numpy as np
import torch

from checks import FUNCTION, NUMBER, TENSOR, WHOLE, WrongAnswer, call, check, described, shape_text
from s6erav3.models.weights import load_pretrained
from s6erav3.pictures.canvas import CANVAS_SIZE, classify_drawing, example_drawing


@check("So few bytes are sent at once, and the hand notices nothing.", WHOLE, WHOLE)
def check_bytes(there, back):
    "Bytes of pictures each way after a stroke, with the maps of conv2 shown."
    response = classify_drawing(example_drawing(), load_pretrained(), "conv2")
    drawing = CANVAS_SIZE * CANVAS_SIZE
    image = len(response["image"])
    maps = len(response["maps"])
    if there == 8 * drawing:
        return "Those are bits. One byte says whether there is ink in a pixel, and how much."
    if there == 4 * drawing:
        return "A drawing is sent as bytes, not as float32: one for each pixel."
    if there == image:
        return (
            "The page sends the whole drawing; Python, which knows MNIST's rule, "
            "makes 28×28 pixels of it."
        )
    if there != drawing:
        return (
            f"{there} bytes are not what the page sends: "
            "it is a square drawing, a byte for each pixel."
        )
    if back == maps:
        return "The maps are not all: the 28×28 pixels that the network is given go back, too."
    if back == image + maps // response["shape"][0]:
        return "That is one map of conv2; all of its channels are shown."
    if back == image + 4 * maps:
        return (
            "In the network the maps are float32. "
            "They are made shades of grey before they are sent: a byte each."
        )
    if back == maps + drawing:
        return (
            "What goes back is not the drawing, which the page has, "
            "but what the network is given in its place."
        )
    if back != image + maps:
        return (
            f"{back} bytes are not what goes back: how many channels has conv2, "
            "and how many rows and columns has each of its maps?"
        )


def _scaled(maps, low, high):
    "Maps as shades from 0 at `low` to 255 at `high`."
    return 255 * (maps - low) / (high - low)


@check("All maps of a stage share one scale, from the smallest number to the largest.", FUNCTION)
def check_shades(shades):
    "`shades(maps)`: bytes from 0 to 255 in the same shape, on one scale for all channels."
    torch.manual_seed(0)
    maps = torch.randn(3, 4, 4) * torch.tensor([1.0, 5.0, 0.2])[:, None, None] + 2
    right = _scaled(maps, maps.min(), maps.max())
    each = _scaled(maps, maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True))
    got = call(shades, maps.clone(), kind=TENSOR)
    if got.shape != (3, 4, 4):
        return f"3×4×4 numbers became {shape_text(got.shape)}; the shape should stay as it was."
    if got.dtype != torch.uint8:
        kind = str(got.dtype).removeprefix("torch.")
        return f"The numbers are {kind}; the page wants bytes, `torch.uint8`."
    given = got.float()
    if given.max() <= 1:
        return "The shades go from 0 to 1, and as bytes those are all black: spread them to 255."
    if (given - each).abs().max() <= 1:
        return (
            "Each map has a scale of its own, so a channel with small activations looks as strong "
            "as one with large ones. Take one scale for all."
        )
    if (given - right).abs().max() > 1:
        return (
            "Negative numbers, or too large ones, come out as wrong shades. The smallest number "
            "of all becomes 0 and the largest 255; what is between follows on a straight line."
        )
    return _fault_of_flat(call(shades, torch.full((2, 3, 3), 1.5), kind=TENSOR))


def _fault_of_flat(flat):
    "What is wrong with the shades of maps whose numbers are all equal, or None."
    if len(flat.unique()) != 1 or flat.dtype != torch.uint8:
        return "Where all numbers are equal, all shades should be equal."
    if flat.max() > 0:
        return (
            "Where all numbers are equal, you divide by zero: the result is not a number, and "
            "which byte becomes of it is undefined. Let all shades be 0 there."
        )


@cache
def predictions() -> list:
    """What the network predicts where only so many rows of the example are drawn.

    From none to all of the rows; None where there is no ink.
    """
    model = load_pretrained()
    example = np.frombuffer(example_drawing(), np.uint8).reshape(CANVAS_SIZE, CANVAS_SIZE)
    predicted = []
    for rows in range(CANVAS_SIZE + 1):
        drawing = example.copy()
        drawing[rows:] = 0
        probabilities = classify_drawing(drawing.tobytes(), model)["probabilities"]
        predicted.append(int(np.argmax(probabilities)) if sum(probabilities) else None)
    return predicted


@check(
    "Half a three is predicted as other digits, at times with confidence: "
    "the network was trained on whole digits only.",
    WHOLE,
)
def check_settles(rows):
    "How many rows of the example have to be drawn for the prediction to be three from then on."
    predicted = predictions()
    right = max(n for n, digit in enumerate(predicted) if digit != 3) + 1
    if rows == right:
        return None
    if rows == right - 1:
        return (
            f"With {rows} rows the prediction is {predicted[rows]}. You have found the last number "
            "of rows with another prediction, or counted rows from zero."
        )
    if rows == predicted.index(3):
        changed = next(n for n in range(rows, len(predicted)) if predicted[n] != 3)
        return (
            f"With {rows} rows it predicts three for the first time, but not from then on: "
            f"with {changed} rows the prediction has changed."
        )
    if not 0 <= rows <= CANVAS_SIZE:
        return f"The drawing has {CANVAS_SIZE} rows."
    if rows > right:
        return f"From {rows} rows on it is three, but it has been for a while."
    return (
        f"After {rows} rows the prediction still changes. "
        "Take down the prediction for every number of rows, and look from the end."
    )


@check("Who asks faster than responses come falls behind further and further.", NUMBER, NUMBER)
def check_queue(waiting, seconds):
    "How many requests of 40 ms wait after one came every 10 ms for a second, and how long."
    asked = 100
    answered = 25
    each = 0.04  # seconds
    right = asked - answered
    if waiting == answered:
        return "That many have been answered. How many have been asked?"
    if waiting == asked:
        return "That many have been asked; some have been answered meanwhile."
    if waiting == 0:
        return "That would be so if a response took no longer than the next point takes to come."
    if abs(waiting - right) > 1:
        return (
            f"{waiting:g} are not left waiting. "
            "How many requests come in a second, and how many are answered?"
        )
    if abs(seconds - each) < 0.001:
        return "So long one response takes. First those before it must be answered."
    if abs(seconds - right * 0.01) < 0.02:
        return "Those waiting are answered one every 40 ms, not one every 10 ms."
    if abs(seconds - asked * each) < 0.05:
        return (
            "So long do all the requests take together; "
            "some of them were answered while the hand was still moving."
        )
    if abs(seconds - right * each) > 0.1:
        return (
            f"{seconds:g} seconds are not what those waiting take. "
            "Each of them takes 40 ms, one after the other."
        )


DRAWINGS = (  # who asks, and what was drawn
    ("left", bytes([0, 255, 255, 0])),
    ("right", bytes([255] * 9)),
    ("left", bytes([0, 1, 127, 128, 200])),
)


@check("The page gets text as JSON, pixels as bytes, and learns who had asked.", FUNCTION)
def check_answer(answer):
    "`answer(send, request, buffers)`: sends the share of ink and the negative of the drawing."
    for view, drawing in DRAWINGS:
        sent = []

        def send(content, buffers=()):
            sent.append((content, buffers))

        call(answer, send, {"view": view, "stage": "conv1"}, [memoryview(drawing)])
        if not sent:
            return (
                "Nothing was sent. What a message's handler returns goes nowhere; "
                "the response has to be given to `send`."
            )
        if len(sent) > 1:
            return (
                f"It sent {len(sent)} messages for one request; "
                "the page takes each of them for a response."
            )
        fault = _fault_of_content(*sent[0], view) or _fault_of_pixels(*sent[0], drawing)
        if fault:
            return fault


def _fault_of_content(content, buffers, view):
    "What is wrong with the first part of a message and with whom it names, or None."
    if type(content) is not dict:
        return f"`send` takes a dictionary first, not {described(content)}."
    try:
        json.dumps(content)
    except (TypeError, ValueError) as error:
        return (
            f"The first part of a message travels as JSON, and this cannot be put so: {error}. "
            "Plain numbers and texts can; pixels belong into the buffers."
        )
    if not isinstance(buffers, (list, tuple)):
        return f"The buffers are handed to `send` as a list, not as {described(buffers)}."
    if not buffers:
        return (
            "The negative is missing: "
            "it goes into a list of buffers, the second thing handed to `send`."
        )
    if "view" not in content:
        return (
            "The response does not say whose request it answers. A canvas may be shown in two "
            "places, and each needs to know which responses are its own: send `view` back."
        )
    if content["view"] != view:
        return f"The request came from {view!r}, and the response goes to {content['view']!r}."


def _fault_of_pixels(content, buffers, drawing):
    "What is wrong with the negative of a drawing or with its share of ink, or None."
    if len(buffers) != 1:
        return f"There are {len(buffers)} buffers; the negative is one."
    negative = buffers[0]
    if not isinstance(negative, (bytes, bytearray, memoryview)):
        return f"The buffer is {described(negative)}; bytes are wanted."
    if bytes(negative) == drawing:
        return "The drawing went back as it came; its negative is 255 minus each byte."
    if bytes(negative) != bytes(255 - pixel for pixel in drawing):
        return (
            "The buffer is not the drawing's negative: "
            "as many bytes, each 255 minus the one that came."
        )
    share = sum(pixel > 127 for pixel in drawing) / len(drawing)
    ink = NUMBER.of(content.get("ink"), "`ink` should be")
    if ink == share * len(drawing) != share:
        return "`ink` counts the pixels; their share of all is wanted."
    if abs(ink - share) > 1e-6:
        return (
            f"`ink` is {ink:g} for the pixels {list(drawing)}; "
            f"{share:g} of them are ink (more than 127)."
        )


MAX_PENDING = 3  # requests on their way at once


def _asked(Page, moves: str) -> list:
    "What a page has asked about after moves, `d` for a drawing and `a` for a response."
    sent = []
    page = call(Page, sent.append)
    for name in ("drawn", "answered"):
        if not callable(getattr(page, name, None)):
            raise WrongAnswer(
                f"`Page(send)` should have a method `{name}`; it is {described(page)}."
            )
    n = 0
    for move in moves:
        if move == "d":
            n += 1
            call(page.drawn, n)
        else:
            call(page.answered)
    return sent


@check(
    "Nothing queues up, the newest drawing is asked about, "
    "and the last one always gets a response.",
    FUNCTION,
)
def check_page(Page):
    "`Page(send)` with `drawn(drawing)` and `answered()`, at most three requests on their way."
    return _fault_of_number(Page) or _fault_of_choice(Page) or _fault_of_memory(Page)


def _fault_of_number(Page):
    "What is wrong with how many requests a page has on their way, or None."
    first = _asked(Page, "d")
    if first != [1]:
        return (
            f"After one drawing, with no request on its way, {first} was sent; "
            "it should be asked about at once."
        )
    sent = len(_asked(Page, "ddddd"))
    if sent > MAX_PENDING:
        return (
            f"Of five drawings without a response it sent {sent}; "
            f"at most {MAX_PENDING} requests may be on their way."
        )
    if sent < MAX_PENDING:
        return (
            f"Of five drawings without a response it sent only {sent}; "
            f"{MAX_PENDING} requests may be on their way."
        )


def _fault_of_choice(Page):
    "What is wrong with the drawing that a page asks about next, or None."
    after = _asked(Page, "ddddda")[MAX_PENDING:]
    if not after:
        return (
            "Five drawings came, three were asked about, a response came, and the fifth was never "
            "asked about: the last stroke would not get a response."
        )
    if after == [4]:
        return (
            "When a response came, it asked about drawing 4, though 5 is the newest: "
            "what waits in a row is old when its turn comes. Keep one."
        )
    if after != [5]:
        return (
            f"When a response came after five drawings, it sent {after}; "
            "the newest, 5, and nothing else is wanted."
        )


def _fault_of_memory(Page):
    "What is wrong with what a page remembers of older drawings, or None."
    if _asked(Page, "dddddaa") == [1, 2, 3, 5, 4]:
        return (
            "It asked about 5, and then about 4, which is older: "
            "what a newer drawing has overtaken needs no response. Keep one."
        )
    if _asked(Page, "dddaaa") != [1, 2, 3] or _asked(Page, "daaa") != [1]:
        return (
            "When a response came, it asked again about a drawing that had been asked about "
            "already. Forget what was sent."
        )
    after_pause = _asked(Page, "dddddaaaadd")
    if after_pause != [1, 2, 3, 5, 6, 7]:
        return (
            f"After a pause, with all answered, it sent {after_pause}; 1, 2, 3, 5, and then "
            "6 and 7 at once are wanted. Does it count down at each response?"
        )

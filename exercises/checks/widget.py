"Checks of exercises/08_widget.ipynb."

import json

from checks import call, check


@check("Who asks faster than answers come falls behind further and further.")
def check_queue(waiting, seconds):
    "After one second of a point every 10 ms, each of them a question of 40 ms: how many wait, and how late the last answer will be."
    asked, answered, each = 100, 25, 0.04
    right = asked - answered
    if waiting == answered:
        return "That many have been answered. How many have been asked?"
    if waiting == asked:
        return "That many have been asked; some have been answered meanwhile."
    if waiting == 0:
        return "That would be so if an answer took no longer than the next point takes to come."
    if abs(waiting - right) > 1:
        return f"{waiting} are not left waiting. How many questions come in a second, and how many are answered?"
    if abs(seconds - each) < 0.001:
        return "So long an answer takes when its turn has come. First those before it must be answered."
    if abs(seconds - right * 0.01) < 0.02:
        return "Those waiting are answered one every 40 ms, not one every 10 ms."
    if abs(seconds - asked * each) < 0.05:
        return "So long do all the questions take together; some of them were answered while the hand was still moving."
    if abs(seconds - right * each) > 0.1:
        return f"{seconds} seconds are not what those waiting take. Each of them takes 40 ms, one after the other."


@check("The page gets text as JSON, pixels as bytes, and learns who had asked.")
def check_answer(answer):
    "`answer(send, question, buffers)`: sends how much of the drawing is ink, and the drawing turned into its negative."
    for view, drawing in (("left", bytes([0, 255, 255, 0])), ("right", bytes([255] * 9))):
        sent = []
        call(
            answer,
            lambda *message: sent.append(message),
            {"view": view, "stage": "conv1"},
            [memoryview(drawing)],
        )
        if not sent:
            return "Nothing was sent. What a message's handler returns goes nowhere; the answer has to be given to `send`."
        if len(sent) > 1:
            return f"It sent {len(sent)} messages to one question; the page takes each of them for an answer."
        content, *rest = sent[0]
        try:
            json.dumps(content)
        except TypeError as error:
            return f"The first part of a message travels as JSON, and this cannot be put so: {error}. Plain numbers and texts can; pixels belong into the buffers."
        if not rest or not rest[0]:
            return "The negative is missing: it goes into a list of buffers, the second thing handed to `send`."
        if "view" not in content:
            return "The answer does not say whose question it answers. A pad may be shown in two places, and each needs to know which answers are its own: send `view` back."
        if content["view"] != view:
            return f"The question came from {view!r}, and the answer goes to {content['view']!r}."
        (negative,) = rest[0]
        if not isinstance(negative, (bytes, bytearray, memoryview)):
            return f"The buffer is a {type(negative).__name__}; bytes are wanted."
        if bytes(negative) == drawing:
            return "The drawing went back as it came; its negative is 255 minus each byte."
        if bytes(negative) != bytes(255 - pixel for pixel in drawing):
            return "The buffer is not the drawing's negative: as many bytes, each 255 minus the one that came."
        share = sum(pixel > 127 for pixel in drawing) / len(drawing)
        if content.get("ink") == share * len(drawing) != share:
            return "`ink` counts the pixels; their share of all is wanted."
        if content.get("ink") != share:
            return f"`ink` is {content.get('ink')!r} for the pixels {list(drawing)}; {share:g} of them are ink (more than 127)."


MOST = 3  # questions on their way at once


def _play(page, moves) -> str:
    "Let a page go through moves, `d` for a drawing and `a` for an answer."
    n = 0
    for move in moves:
        if move == "d":
            call(page.drawn, n := n + 1)
        else:
            call(page.answered)


@check("Nothing queues up, the newest drawing is asked about, and the last one is always answered.")
def check_page(Page):
    "`Page(send)` with `drawn(drawing)` and `answered()`, at most three questions on their way."

    def asked(moves):
        sent = []
        _play(Page(sent.append), moves)
        return sent

    if asked("d") != [1]:
        return f"After one drawing, with no question on its way, {asked('d')} was sent; it should be asked about at once."
    if len(asked("ddddd")) > MOST:
        return f"Of five drawings without an answer it sent {len(asked('ddddd'))}; at most {MOST} questions may be on their way."
    if len(asked("ddddd")) < MOST:
        return f"Of five drawings without an answer it sent only {len(asked('ddddd'))}; {MOST} questions may be on their way."
    after = asked("ddddda")[MOST:]
    if not after:
        return "Five drawings came, three were asked about, an answer came, and the fifth was never asked about: the last stroke would not be answered."
    if after == [4]:
        return "When an answer came, it asked about drawing 4, though 5 is the newest: what waits in a row is old when its turn comes. Keep one."
    if after != [5]:
        return f"When an answer came after five drawings, it sent {after}; the newest, 5, and nothing else is wanted."
    if asked("dddddaa") == [1, 2, 3, 5, 4]:
        return "It asked about 5, and then about 4, which is older: what a newer drawing has overtaken needs no answer. Keep one."
    if asked("dddaaa") != [1, 2, 3] or asked("daaa") != [1]:
        return "When an answer came, it asked again about a drawing that had been asked about already. Forget what was sent."
    if asked("dddddaaaadd") != [1, 2, 3, 5, 6, 7]:
        return f"After a pause, with all answered, it sent {asked('dddddaaaadd')}; 1, 2, 3, 5, and then 6 and 7 at once are wanted. Does it count down at each answer?"

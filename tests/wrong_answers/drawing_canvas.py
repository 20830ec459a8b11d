import numpy as np
import torch


def each_for_itself(maps):
    flat = maps.flatten(1)
    low, high = flat.min(dim=1, keepdim=True).values, flat.max(dim=1, keepdim=True).values
    return (255 * (flat - low) / (high - low).clamp(min=1e-9)).view_as(maps).byte()


def undefined_for_one_colour(maps):
    if maps.min() == maps.max():
        return torch.full_like(maps, 255).byte()
    return (255 * (maps - maps.min()) / (maps.max() - maps.min())).byte()


def negative(buffers):
    return bytes(255 - pixel for pixel in bytes(buffers[0]))


def ink(buffers):
    return np.mean(np.frombuffer(buffers[0], np.uint8) > 127).item()


def returned(send, request, buffers):
    return {"ink": ink(buffers), "view": request["view"]}, [negative(buffers)]


def without_view(send, request, buffers):
    send({"ink": ink(buffers)}, [negative(buffers)])


def to_the_left(send, request, buffers):
    send({"ink": ink(buffers), "view": "left"}, [negative(buffers)])


def pixels_in_json(send, request, buffers):
    send({"ink": ink(buffers), "view": request["view"], "pixels": negative(buffers)}, [])


def numpy_number(send, request, buffers):
    send(
        {"ink": (np.frombuffer(buffers[0], np.uint8) > 127).sum(), "view": request["view"]},
        [negative(buffers)],
    )


def as_it_came(send, request, buffers):
    send({"ink": ink(buffers), "view": request["view"]}, [buffers[0]])


def counted(send, request, buffers):
    send(
        {"ink": sum(pixel > 127 for pixel in bytes(buffers[0])), "view": request["view"]},
        [negative(buffers)],
    )


class Eager:
    "Asks about everything at once."

    def __init__(self, send):
        self.send = send

    def drawn(self, drawing):
        self.send(drawing)

    def answered(self):
        pass


class Forgetful:
    "Drops what comes while three requests are on their way."

    def __init__(self, send):
        self.send = send
        self.pending = 0

    def ask(self, drawing):
        self.pending += 1
        self.send(drawing)

    def drawn(self, drawing):
        if self.pending < 3:
            self.ask(drawing)

    def answered(self):
        self.pending -= 1


class Patient(Forgetful):
    "Keeps all that comes, and asks about the newest first."

    next = -1

    def __init__(self, send):
        super().__init__(send)
        self.waiting = []

    def drawn(self, drawing):
        self.waiting.append(drawing)
        if self.pending < 3:
            self.ask(self.waiting.pop(0))

    def answered(self):
        super().answered()
        if self.waiting:
            self.ask(self.waiting.pop(self.next))


class Queue(Patient):
    "Asks about the oldest first."

    next = 0


class Repeating(Forgetful):
    "Asks about the newest at each response, even where it has been asked about."

    def drawn(self, drawing):
        self.newest = drawing
        super().drawn(drawing)

    def answered(self):
        super().answered()
        self.drawn(self.newest)


def every_grey(send, request, buffers):
    share = float(np.mean(np.frombuffer(buffers[0], np.uint8) > 0))
    send({"ink": share, "view": request["view"]}, [negative(buffers)])


def in_two_buffers(send, request, buffers):
    send({"ink": ink(buffers), "view": request["view"]}, [negative(buffers), b""])


WRONG = {
    "check_bytes": [
        (8 * 140 * 140, 10_192),
        (4 * 140 * 140, 10_192),
        (784, 10_192),
        (140, 10_192),
        (19_600, 9_408),
        (19_600, 784 + 784),
        (19_600, 784 + 4 * 9_408),
        (19_600, 29_008),
        (19_600, 784),
    ],
    "check_shades": [
        each_for_itself,
        undefined_for_one_colour,
        lambda maps: (255 * maps / maps.max()).abs().byte(),
        lambda maps: ((maps - maps.min()) / (maps.max() - maps.min())).byte(),
        lambda maps: maps - maps.min(),
        lambda maps: each_for_itself(maps).flatten(),
        lambda maps: maps.tobytes(),
    ],
    "check_settles": [64, 103, 140, 36, 500],
    "check_queue": [
        (25, 3),
        (100, 4),
        (0, 0.04),
        (50, 2),
        (75, 0.04),
        (75, 0.75),
        (75, 4),
        (75, 1),
    ],
    "check_answer": [
        every_grey,
        in_two_buffers,
        returned,
        without_view,
        to_the_left,
        pixels_in_json,
        numpy_number,
        as_it_came,
        counted,
        lambda send: None,
    ],
    "check_page": [Eager, Forgetful, Queue, Patient, Repeating],
}

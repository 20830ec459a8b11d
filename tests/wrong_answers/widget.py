import numpy as np


def negative(buffers):
    return bytes(255 - pixel for pixel in bytes(buffers[0]))


def ink(buffers):
    return np.mean(np.frombuffer(buffers[0], np.uint8) > 127).item()


def returned(send, question, buffers):
    return {"ink": ink(buffers), "view": question["view"]}, [negative(buffers)]


def without_view(send, question, buffers):
    send({"ink": ink(buffers)}, [negative(buffers)])


def to_the_left(send, question, buffers):
    send({"ink": ink(buffers), "view": "left"}, [negative(buffers)])


def pixels_in_json(send, question, buffers):
    send({"ink": ink(buffers), "view": question["view"], "pixels": negative(buffers)}, [])


def numpy_number(send, question, buffers):
    send(
        {"ink": (np.frombuffer(buffers[0], np.uint8) > 127).sum(), "view": question["view"]},
        [negative(buffers)],
    )


def as_it_came(send, question, buffers):
    send({"ink": ink(buffers), "view": question["view"]}, [buffers[0]])


def counted(send, question, buffers):
    send(
        {"ink": sum(pixel > 127 for pixel in bytes(buffers[0])), "view": question["view"]},
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
    "Drops what comes while three questions are on their way."

    def __init__(self, send):
        self.send, self.on_their_way = send, 0

    def drawn(self, drawing):
        if self.on_their_way < 3:
            self.on_their_way, _ = self.on_their_way + 1, self.send(drawing)

    def answered(self):
        self.on_their_way -= 1


class Patient(Forgetful):
    "Keeps all that comes in a queue."

    def __init__(self, send):
        self.send, self.on_their_way, self.waiting = send, 0, []

    def drawn(self, drawing):
        self.waiting.append(drawing)
        if self.on_their_way < 3:
            self.on_their_way, _ = self.on_their_way + 1, self.send(self.waiting.pop(0))

    def answered(self):
        self.on_their_way -= 1
        if self.waiting:
            self.on_their_way, _ = self.on_their_way + 1, self.send(self.waiting.pop())


class Queue(Patient):
    "Asks about the oldest first."

    def answered(self):
        self.on_their_way -= 1
        if self.waiting:
            self.on_their_way, _ = self.on_their_way + 1, self.send(self.waiting.pop(0))


class Repeating(Forgetful):
    "Asks about the newest at each answer, even where it has been asked about."

    def drawn(self, drawing):
        self.newest = drawing
        super().drawn(drawing)

    def answered(self):
        self.on_their_way -= 1
        self.drawn(self.newest)


WRONG = {
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

import numpy as np
import torch

from checks.drawing_canvas import predictions


def by_numpy(maps):
    "As an array, rounded to the nearest."
    array = maps.numpy()
    span = np.ptp(array) or 1
    return np.rint((array - array.min()) / span * 255).astype(np.uint8)


def by_keyword(send, request, buffers):
    drawing = bytearray(buffers[0])
    ink = sum(pixel > 127 for pixel in drawing) / len(drawing)
    drawing[:] = [pixel ^ 255 for pixel in drawing]
    send({"view": request["view"], "ink": ink, "stage": request["stage"]}, buffers=(drawing,))


def make_page(send):
    "A function that makes a page, and no class."

    class Closed:
        room = 3
        waiting = ()

        def drawn(self, drawing):
            self.waiting = (drawing,)
            self.go()

        def answered(self):
            self.room += 1
            self.go()

        def go(self):
            if self.waiting and self.room:
                self.room -= 1
                (drawing,), self.waiting = self.waiting, ()
                send(drawing)

    return Closed()


ROWS = max(n for n, digit in enumerate(predictions()) if digit != 3) + 1
RIGHT = {
    "check_bytes": [(19_600.0, torch.tensor(10_192))],
    "check_shades": [by_numpy],
    "check_settles": [float(ROWS), np.int64(ROWS)],
    "check_queue": [(75.0, 3), (76, 3.04)],
    "check_answer": [by_keyword],
    "check_page": [make_page],
}

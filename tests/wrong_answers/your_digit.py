import numpy as np
from scipy import ndimage


def by_piece_before(pieces, gap):
    "Compares each piece with the one before it only."
    found = [[pieces[0]]]
    for before, piece in zip(pieces, pieces[1:]):
        if piece[0] - before[1] >= gap:
            found.append([])
        found[-1].append(piece)
    return found


def with_limit(difference):
    "Groups by the ink that ends last, with another gap."

    def groups(pieces, gap):
        found, end = [], -1000
        for piece in pieces:
            if piece[0] - end >= gap + difference:
                found.append([])
            found[-1].append(piece)
            end = max(end, piece[1])
        return found

    return groups


WRONG = {
    "check_size": [(28, 11), (8, 20), (20, 20), (50, 20), (18, 8), (20, 11)],
    "check_groups": [
        lambda pieces, gap: with_limit(0)(pieces, 4),
        by_piece_before,
        with_limit(1),
        with_limit(-3),
        with_limit(100),
        lambda pieces, gap: [[piece] for piece in pieces],
        lambda pieces, gap: [pieces],
        lambda pieces, gap: [[piece] for piece in pieces[:1]],
        lambda pieces, gap: len(pieces),
    ],
    "check_find": [
        lambda grey: grey < ndimage.maximum_filter(grey, 31) - 20,
        lambda grey: grey < ndimage.maximum_filter(grey, 31) - 40,
        lambda grey: grey < 128,
        lambda grey: grey > ndimage.maximum_filter(grey, 41) * 0.7,
        lambda grey: np.zeros_like(grey, dtype=bool),
        lambda grey: grey < 0.7 * ndimage.maximum_filter(grey, 5),
        lambda grey: grey.mean(),
    ],
}

import numpy as np
from scipy import ndimage


def placed(ink, top, left):
    field = np.zeros((28, 28))
    field[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return field


def middle_of_the_box(ink):
    return placed(ink, *((28 - side) // 2 for side in ink.shape))


def by_mass_about(middle):
    return lambda ink: placed(
        ink, *(max(0, int(np.ceil(middle - c))) for c in ndimage.center_of_mass(ink))
    )


def interchanged(ink):
    y, x = ndimage.center_of_mass(ink)
    return placed(ink, round(13.5 - x), round(13.5 - y))


WRONG = {
    "check_size": [(28, 11), (8, 20), (20, 20), (50, 20), (18, 8), (20, 11)],
    "check_centre": [
        middle_of_the_box,
        by_mass_about(14),
        interchanged,
        lambda ink: ink,
        lambda ink: np.zeros((28, 28)),
        lambda ink: placed(2 * ink, 3, 3),
    ],
    "check_find": [
        lambda grey: grey < 128,
        lambda grey: grey > ndimage.maximum_filter(grey, 41) * 0.7,
        lambda grey: np.zeros_like(grey, dtype=bool),
        lambda grey: grey < 0.7 * ndimage.maximum_filter(grey, 5),
        lambda grey: grey.mean(),
    ],
}

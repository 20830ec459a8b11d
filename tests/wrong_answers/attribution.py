"Wrong answers to exercises/attribution.ipynb."

import numpy as np
import torch

from s6erav3.data.augment import to_float
from s6erav3.evaluation.attribution import saliency_map
from s6erav3.inference import predict_log_proba


def correlation(first, second):
    return np.corrcoef(first.flatten(), second.flatten())[0, 1]


def predicted_by(model, image):
    return int(predict_log_proba(model, image[None]).argmax())


def own_predictions(explain, trained, untrained, image):
    first = explain(trained, image, predicted_by(trained, image))
    second = explain(untrained, image, predicted_by(untrained, image))
    return correlation(first, second)


def no_class(explain, trained, untrained, image):
    return correlation(explain(trained, image), explain(untrained, image))


def class_of_the_untrained(explain, trained, untrained, image):
    digit = predicted_by(untrained, image)
    return correlation(explain(trained, image, digit), explain(untrained, image, digit))


def same_network(explain, trained, untrained, image):
    digit = predicted_by(trained, image)
    return correlation(explain(trained, image, digit), explain(trained, image, digit))


def whole_matrix(explain, trained, untrained, image):
    digit = predicted_by(trained, image)
    maps = [explain(model, image, digit).flatten() for model in (trained, untrained)]
    return np.corrcoef(*maps)


def difference(explain, trained, untrained, image):
    digit = predicted_by(trained, image)
    return (explain(trained, image, digit) - explain(untrained, image, digit)).abs().mean()


def same_label(labels, chosen):
    return (labels[chosen] == labels).float().mean()


def itself(points, labels):
    return same_label(labels, torch.cdist(points, points).argmin(dim=1))


def farthest(points, labels):
    return same_label(labels, torch.cdist(points, points).argmax(dim=1))


def nothing_at_zero(points, labels):
    distances = torch.cdist(points, points).fill_diagonal_(0)
    return same_label(labels, distances.masked_fill(distances == 0, torch.inf).argmin(dim=1))


def per_cent(points, labels):
    distances = torch.cdist(points, points).fill_diagonal_(torch.inf)
    return 100 * same_label(labels, distances.argmin(dim=1))


def along(model, image, digit, steps=50):
    ink = to_float(image)
    return torch.stack([saliency_map(model, ink * (k + 0.5) / steps, digit) for k in range(steps)])


def ink_times_gradient(model, image, digit):
    return to_float(image)[0] * saliency_map(model, image, digit)


def without_ink(model, image, digit):
    return along(model, image, digit).mean(dim=0)


def sum_over_steps(model, image, digit):
    return to_float(image)[0] * along(model, image, digit).sum(dim=0)


def half_of_the_way(model, image, digit):
    return to_float(image)[0] * along(model, image, digit)[:25].mean(dim=0)


def bytes_as_ink(model, image, digit):
    return image[0] * along(model, image, digit).mean(dim=0)


WRONG = {
    "check_blank": [108, 56, 54, 28, 0, 27],
    "check_map_correlation": [
        own_predictions,
        no_class,
        class_of_the_untrained,
        same_network,
        whole_matrix,
        difference,
    ],
    "check_leave_one_out": [itself, farthest, nothing_at_zero, per_cent],
    "check_integrated_gradients": [
        saliency_map,
        ink_times_gradient,
        without_ink,
        sum_over_steps,
        half_of_the_way,
        bytes_as_ink,
        along,
    ],
}

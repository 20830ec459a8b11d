import torch
import torch.nn.functional as F

from s6erav3.data.augment import normalize


def as_it_is(model, digits):
    predicted = model(normalize(digits.images)).argmax(dim=1)
    return 100 * (predicted == digits.labels).double().mean().item()


def without_gradient(model, digits):
    with torch.no_grad():
        return as_it_is(model, digits)


def stays_in_evaluation(model, digits):
    return as_it_is(model.eval(), digits)


def back_to_training(model, digits):
    result = as_it_is(model.eval(), digits)
    model.train()
    return result


def fraction(model, digits):
    return stays_in_evaluation(model, digits) / 100


def not_normalised(model, digits):
    predicted = model(digits.images.float()).argmax(dim=1)
    return 100 * (predicted == digits.labels).double().mean().item()


def impulse(first, second):
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 4, 4] = 1
    return F.conv2d(F.conv2d(image, first[None, None]), second[None, None])[0, 0]


WRONG = {
    "check_count": [6822, 1308, 7242, 8130, 7000],
    "check_merge": [
        lambda a, b: F.pad(a + b, (1, 1, 1, 1)),
        lambda a, b: F.pad(a * b, (1, 1, 1, 1)),
        impulse,
        lambda a, b: a @ b,
        lambda a, b: F.conv2d(F.pad(a, (2, 2, 2, 2))[None, None], b[None, None])[0, 0],
    ],
    "check_accuracy": [
        as_it_is,
        without_gradient,
        stays_in_evaluation,
        back_to_training,
        fraction,
        not_normalised,
    ],
}

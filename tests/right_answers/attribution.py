import numpy as np
import torch

from s6erav3.data.augment import normalize, to_float


def by_hand(explain, trained, untrained, image):
    with torch.no_grad():
        digit = trained(normalize(image[None])).argmax()
    maps = [explain(net, image, digit=digit).flatten().double() for net in (trained, untrained)]
    first, second = [each - each.mean() for each in maps]
    return first @ second / (first.norm() * second.norm())


def one_by_one(points, labels):
    hits = 0
    for i, point in enumerate(points):
        distances = ((points - point) ** 2).sum(1)
        distances[i] = torch.inf
        hits += bool(labels[distances.argmin()] == labels[i])
    return hits / len(points)


def in_one_batch(model, image, digit):
    "An array, of one batch of steps."
    steps = (torch.arange(1, 51) / 50)[:, None, None, None]
    batch = (to_float(image) * steps).requires_grad_()
    logits = []
    hook = model.eval().fc.register_forward_hook(lambda *call: logits.append(call[-1]))
    model(normalize(batch))
    hook.remove()
    logits[0][:, digit].sum().backward()
    return np.asarray((to_float(image) * batch.grad.mean(0))[0].detach())


RIGHT = {
    "check_blank": [55.0],
    "check_map_correlation": [by_hand],
    "check_leave_one_out": [one_by_one],
    "check_integrated_gradients": [in_one_batch],
}

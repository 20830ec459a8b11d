"Checks of exercises/05_evidence.ipynb."

import functools

import numpy as np
import torch

from checks import call, check
from s6erav3 import MNISTModel, layer_table, load_pretrained
from s6erav3.data import load_splits, normalize, to_unit
from s6erav3.evaluation.evidence import gradient_map
from s6erav3.evaluation.interpret import stage_outputs


def _never_read(size):
    "Places where a patch of `size` covers nothing that the network sees."
    last = layer_table(MNISTModel()).span.iloc[-1][1]
    seen = max(28 - (27 - last) + size // 2, 0)  # rows whose patch reaches a row that is seen
    return 28**2 - min(seen, 28) ** 2


@check(
    "A patch is harmless only where all of it lies in what the network does not read. Blank values in such a map need not be about the digit."
)
def check_blank(blank):
    "Values of an occlusion map with patches of 3×3 that are 0 for every digit."
    right = _never_read(3)
    if blank == right:
        return None
    if blank == _never_read(1):
        return f"{blank} pixels are never read. But a patch of 3×3 reaches one pixel further: which of those patches cover nothing that is read?"
    if blank in (right - 1, right + 1):
        return "Nearly: the place where the last row and the last column meet is one place, and is to be counted once."
    if blank == (right + 1) // 2:
        return "That counts one edge. Rows and columns are alike here."
    if blank == 0:
        return "Some patches cover only what the network never reads: look at the last row."
    return f"{blank} is not it. Mark the rows and columns that are never read, then ask of a patch's middle: may one of its three rows (or columns) be a read one?"


class _Contrary(torch.nn.Module):
    "Says `digit` of everything."

    def __init__(self, digit):
        super().__init__()
        self.scores = torch.nn.Parameter(10.0 * torch.eye(10)[digit])

    def forward(self, x):
        return torch.log_softmax(self.scores, 0).expand(len(x), 10)


@functools.cache
def _read_digit():
    "A test digit with ink enough, and what the shipped network says of it."
    test = load_splits().test.take(slice(20))
    with torch.inference_mode():
        answers = load_pretrained()(normalize(test.images)).argmax(dim=1)
    where = int(test.images.sum(dim=(1, 2, 3), dtype=torch.int64).argmax())
    return test.images[where], int(answers[where])


@check(
    "1 for a picture that does not ask the network at all: such a picture explains nothing, however good it looks."
)
def check_resemblance(resemblance):
    "`resemblance(explain, trained, untrained, image)`: correlation of two maps of one digit."
    image, answer = _read_digit()
    trained, other, asked = load_pretrained(), _Contrary((answer + 1) % 10), []

    def explain(model, image, digit=None):
        asked.append((model is trained, digit))
        noise = torch.rand(28, 28, generator=torch.Generator().manual_seed(int(model is trained)))
        return to_unit(image)[0] + noise

    def outline(model, image, digit=None):
        return to_unit(image)[0]

    got = call(resemblance, explain, trained, other, image)
    maps = [explain(model, image).flatten().numpy() for model in (trained, other)]
    right = float(np.corrcoef(*maps)[0, 1])
    if (n := torch.as_tensor(got).numel()) != 1:
        return f"One number is wanted, and it gives {n}. `np.corrcoef` gives all correlations of two maps, also of each with itself."
    if {which for which, _ in asked[:-2]} != {True, False}:
        return "Both maps are of the same network. What does the other one say?"
    digits = {None if digit is None else int(digit) for _, digit in asked[:-2]}
    if digits == {None} or len(digits) > 1:
        return "Each network is asked about its own answer, so two things differ at once: the network and the question. Ask both about the digit that the trained one answers."
    if digits != {answer}:
        return f"Both are asked about {digits.pop()}; the trained network answers {answer} here."
    if abs(float(got) - np.abs(maps[0] - maps[1]).mean()) < 1e-4:
        return "That is the mean difference, which depends on the unit of the map. A correlation does not."
    if abs(float(got) - right) > 1e-4:
        return f"It says {float(got):.3f}, and the correlation of these two maps, pixel by pixel, is {right:.3f}."
    if abs(float(call(resemblance, outline, trained, other, image)) - 1) > 1e-4:
        return "For a picture that is the same whatever the network, the correlation should be 1."


@check(
    "Chance gives chance now. Whoever tests on what was learnt by heart finds nothing but the memory."
)
def check_share_read(share_read):
    "`share_read(points, labels)`: by the nearest *other* point."
    generator = torch.Generator().manual_seed(0)
    points, labels = (
        torch.randn(400, 5, generator=generator),
        torch.randint(0, 4, (400,), generator=generator),
    )
    distances = torch.cdist(points, points).fill_diagonal_(torch.inf)
    got, right = (
        float(call(share_read, points.clone(), labels.clone())),
        (labels[distances.argmin(dim=1)] == labels).float().mean().item(),
    )
    if got > 1:
        return f"It says {got:g}; the share is a fraction, from 0 to 1."
    if got > 0.99:
        return "Of points and labels drawn at random it still reads all. The nearest of all points to a point is that point itself."
    far = (labels[torch.cdist(points, points).argmax(dim=1)] == labels).float().mean().item()
    if abs(got - far) < 1e-6:
        return "That is the vote of the point *farthest* away."
    if abs(got - right) > 1e-6:
        return f"Of points and labels drawn at random it reads {got:.3f}, and {right:.3f} is what the nearest other point gives."
    corners = torch.cartesian_prod(*[torch.arange(2.0)] * 5).repeat(2, 1)
    answers = torch.arange(32).repeat(2)
    got = float(call(share_read, corners, answers))
    if got < 0.99:
        return f"Where each point has a twin in the very same place, with the same label, it reads {got:.2f}. Leave out the point itself, not all that lies at distance 0."


@check(
    "The map adds up to what the digit has more than blank paper: no other map of the lesson can say that of itself."
)
def check_integrated(integrated):
    "`integrated(model, image, digit)`: gradients on the way from blank paper, averaged, times the ink."
    model, (image, answer) = load_pretrained(), _read_digit()
    ink = to_unit(image)
    got = call(integrated, model, image, answer)
    gradients = torch.stack([gradient_map(model, ink * (k + 0.5) / 50, answer) for k in range(50)])
    with torch.inference_mode(), stage_outputs(model) as outputs:
        model(normalize(torch.stack([ink, 0 * ink])))
    gain = (outputs["fc"][0, answer] - outputs["fc"][1, answer]).item()
    if tuple(got.shape) != (28, 28):
        return f"The map has the shape {tuple(got.shape)}, not (28, 28)."

    def like(other):
        return float(np.corrcoef(got.numpy().ravel(), other.numpy().ravel())[0, 1]) > 0.95

    total, case = (
        got.sum().item(),
        f"The map adds up to {got.sum():.2f}; the digit's logit is {gain:.2f} above that of blank paper.",
    )
    if like(gradients[-1]) or like(ink[0] * gradients[-1]):
        return f"{case} That is the gradient at the digit itself. Average it over the whole way from blank paper."
    if like(gradients.mean(dim=0)):
        return f"{case} The gradients are averaged, but not multiplied by the ink of each pixel."
    if abs(total) > 5 * abs(gain):
        return (
            f"{case} Is it the *mean* over the steps, not the sum, and ink from 0 to 1, not bytes?"
        )
    if not like(ink[0] * gradients.mean(dim=0)):
        return f"{case} Go from blank paper to the digit in even steps: `ink * k / steps`."
    if abs(total - gain) > 0.05 * abs(gain) + 0.5:
        return f"{case} The places are right, the size is not: more steps, or the mean over all of them."

"Checks of exercises/01_model.ipynb."

import torch
import torch.nn.functional as F

from checks import call, check
from s6erav3.data import load_splits, normalize
from s6erav3.models.model import CHANNELS, MNISTModel, count_parameters, evaluating, load_pretrained


@check(
    "One squeeze of 104 parameters saves more than it costs, because conv3 is fed by 8 maps and not by 12."
)
def check_count(parameters):
    "All parameters where transition1 only pools and conv3 takes what conv2 gives."
    c1, c2, t1, *rest = CHANNELS
    published, right = (
        count_parameters(MNISTModel()),
        count_parameters(MNISTModel((c1, c2, None, *rest))),
    )
    squeeze, wider = (c2 + 1) * t1, (9 * c2 + 1) * rest[0]
    if parameters == published - squeeze:
        return "You only took the 1×1 convolution out. What comes into conv3 now, and how many weights has it then?"
    if parameters == wider:
        return f"{parameters:,} is conv3's new convolution alone; asked is the whole network."
    if parameters == right - rest[0]:
        return "Nearly: does your count of conv3 have its biases?"
    if parameters == published - squeeze + wider:
        return "The old conv3 is still counted beside the new one."
    if parameters != right:
        return f"{parameters:,} is not it. Begin with {published:,}, take away what goes (twice something), add what comes."


@check("The weight stands to the left: each new pixel asks its left neighbour.")
def check_shift(weights):
    "3×3 weights that move a picture one pixel to the right."
    weights = torch.as_tensor(weights, dtype=torch.float32)
    if weights.shape != (3, 3):
        return f"Give 3×3 weights; these are {'×'.join(map(str, weights.shape))}."
    picture = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(0))

    def moved_by(w):
        return F.conv2d(picture, w[None, None], padding=1)

    def goes(down, right):
        return torch.allclose(
            moved_by(weights)[..., 2:-2, 2:-2],
            picture.roll((down, right), dims=(2, 3))[..., 2:-2, 2:-2],
        )

    if goes(0, 1):
        return
    if goes(0, -1):
        return "The picture moves to the left. The weights are not carried along; they say where each new pixel looks."
    if goes(1, 0) or goes(-1, 0):
        return "The picture moves up or down: the first index of the weights is the row, the second the column."
    if goes(0, 0):
        return "The picture stays where it is: this weight is the middle one, which looks at the pixel itself."
    if (weights != 0).sum() > 1:
        return f"{int((weights != 0).sum())} weights are not zero, so several pixels are mixed. Each new pixel is a copy of one."
    return "The picture should look as before, neither brighter nor darker, one pixel to the right."


def _both(first, second, picture):
    return F.conv2d(F.conv2d(picture, first[None, None]), second[None, None])


@check("Two convolutions without ReLU between them are one.")
def check_merge(merge):
    "`merge(first, second)`: the 5×5 weights that do at once what two filters of 3×3 do one after the other."
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 3, 3, generator=generator)
    picture = torch.randn(1, 1, 12, 12, generator=generator)
    weights = torch.as_tensor(call(merge, first.clone(), second.clone()), dtype=torch.float32)
    if weights.shape != (5, 5):
        return f"Two filters of 3×3 see 5×5 pixels together; your weights are {'×'.join(map(str, weights.shape))}."
    wanted = _both(first, second, picture)

    def gives(w):
        return torch.allclose(F.conv2d(picture, w[None, None]), wanted, atol=1e-4)

    if gives(weights):
        return
    if gives(weights.flip(0, 1)):
        return "It is turned by half a turn. What comes out of a single 1 in the picture is the filter upside down and back to front."
    if torch.allclose(weights, F.pad(first, (1, 1, 1, 1)) + F.pad(second, (1, 1, 1, 1)), atol=1e-5):
        return "A sum of the two is what they would do side by side, added up. Here the second works on what the first has made."
    if torch.allclose(weights, F.pad(first * second, (1, 1, 1, 1)), atol=1e-5):
        return "Weight times weight misses most paths: from a pixel to the result there are several ways, through different cells in between."
    if torch.allclose(
        weights,
        F.conv2d(F.pad(first, (2, 2, 2, 2))[None, None], second[None, None])[0, 0],
        atol=1e-4,
    ):
        return (
            "Nearly: `conv2d` does not flip its weights, and here one of the two must be flipped."
        )
    return "On a random picture it does not give what the two filters give one after the other."


@check("It counts with the averages that training stored, and leaves the network as it was.")
def check_accuracy(accuracy):
    "`accuracy(model, digits)`: per cent of right answers, the network left as it was."
    model, digits = load_pretrained(), load_splits("auto").valid.take(slice(200))
    with torch.no_grad():
        right = (
            100
            * (model(normalize(digits.images)).argmax(dim=1) == digits.labels)
            .double()
            .mean()
            .item()
        )
    model.train()
    model.conv1.eval()
    modes, state = (
        [m.training for m in model.modules()],
        {name: t.clone() for name, t in model.state_dict().items()},
    )
    with evaluating(model):
        got = call(accuracy, model, digits)
    if isinstance(got, torch.Tensor):
        got = got.item()
    if abs(100 * got - right) < 1e-3:
        return "This is a fraction: give it in per cent."
    if abs(got - right) > 1e-3:
        return f"Of a network in evaluation mode it says {got:.1f} %, and {right:.1f} % are right."
    got = call(accuracy, model, digits)
    if changed := [
        name for name, t in model.state_dict().items() if not torch.equal(t, state[name])
    ]:
        return f"It was called with a network in training mode, and has changed it: `{changed[0]}` is not what it was."
    if abs(got - right) > 1e-3:
        return "Of the same network in training mode it says something else: dropout is at work, or digits are normalised by their companions."
    if [m.training for m in model.modules()] != modes:
        return (
            "Afterwards the network is in evaluation mode. Its owner was training it, and would go on without dropout."
            if not model.training
            else "Afterwards all of the network is in training mode. A part of it was not, before."
        )

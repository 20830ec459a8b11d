"The quiz of nbs/02_model.ipynb, and the checks of exercises/02_model.ipynb."

import torch
import torch.nn.functional as F

from checks import ARRAY, FUNCTION, NUMBER, WHOLE, call, check, make_quiz, shape_text
from s6erav3.data.augment import normalize
from s6erav3.data.mnist import load_splits
from s6erav3.models.model import CHANNELS, MNISTModel, count_parameters, eval_mode
from s6erav3.models.weights import load_pretrained

quiz = make_quiz(
    (
        "b",
        {
            "a": "That would be 9 · 20: the filters have weights for each of the 16 input "
            "channels, too.",
            "b": "(3 · 3 · 16 + 1) · 20 = 2,900, whatever the size of the maps.",
            "c": "The size of the maps does not matter, since the weights are shared.",
        },
    ),
    (
        "a",
        {
            "a": "One row and one column is lost at each side.",
            "b": "A filter of 3×3 cannot be centred on the outermost positions, and there are "
            "two sides.",
            "c": "That would take padding.",
        },
    ),
    (
        "a",
        {
            "a": "Each layer multiplies their scale by another small factor.",
            "b": "That is what weights do which are too large.",
            "c": "Every layer gets the small activations of the layer before it.",
        },
    ),
    (
        "c",
        {
            "a": "Which channels are zeroed is random, and only in training mode.",
            "b": "The probability does not change, but it is used in training mode only.",
            "c": "All channels are used, and nothing is scaled.",
        },
    ),
    (
        "b",
        {
            "a": "It may, but that is not the reason.",
            "b": "Batch normalisation updates its running averages with every batch that passes.",
            "c": "Weights change in a training step only; the running averages change with "
            "every batch.",
        },
    ),
)


@check(
    "The 1×1 convolution of 104 parameters saves more than it costs, "
    "because conv3 then has 8 input channels and not 12.",
    WHOLE,
)
def check_count(parameters):
    "All parameters where transition1 only pools and conv3 takes what conv2 outputs."
    c1, c2, t1, c3, *rest = CHANNELS
    published = count_parameters(MNISTModel())
    correct = count_parameters(MNISTModel((c1, c2, None, c3, *rest)))
    transition = (c2 + 1) * t1
    new_conv3 = (9 * c2 + 1) * c3
    if parameters == published - transition:
        return (
            "You only removed the 1×1 convolution. "
            "What are the input channels of conv3 now, and how many weights has it then?"
        )
    if parameters == new_conv3:
        return f"{parameters:,} is conv3's new convolution alone; asked is the whole network."
    if parameters == correct - c3:
        return "Nearly: does your count of conv3 have its biases?"
    if parameters == published - transition + new_conv3:
        return "The old conv3 is still counted beside the new one."
    if parameters != correct:
        return (
            f"{parameters:,} is not it. Start from {published:,}, "
            "subtract what goes (two things), add what comes."
        )


@check("Two convolutions without a nonlinearity between them are one.", FUNCTION)
def check_merge(merge):
    "`merge(first, second)`: 5×5 weights that do what two 3×3 filters do one after the other."
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 3, 3, generator=generator)
    image = torch.randn(1, 1, 12, 12, generator=generator)
    found = call(merge, first.clone(), second.clone(), kind=ARRAY)
    if found.shape != (5, 5):
        return (
            "Two filters of 3×3 cover 5×5 pixels together; "
            f"your weights are {shape_text(found.shape)}."
        )
    weights = torch.as_tensor(found, dtype=torch.float32)
    expected = F.conv2d(F.conv2d(image, first[None, None]), second[None, None])

    def gives_expected(w):
        return torch.allclose(F.conv2d(image, w[None, None]), expected, atol=1e-4)

    if gives_expected(weights):
        return
    if gives_expected(weights.flip(0, 1)):
        return (
            "It is rotated by 180°. What a single 1 in the image is turned into is the filter "
            "upside down and back to front."
        )
    return _wrong_merge(weights, first, second)


def _wrong_merge(weights, first, second) -> str:
    "What is wrong with merged weights."
    if torch.allclose(weights, F.pad(first, (1, 1, 1, 1)) + F.pad(second, (1, 1, 1, 1)), atol=1e-5):
        return (
            "A sum of the two is what they would do side by side, added up. "
            "Here the input of the second is the output of the first."
        )
    if torch.allclose(weights, F.pad(first * second, (1, 1, 1, 1)), atol=1e-5):
        return (
            "Weight times weight misses most paths: from a pixel to the result there are several "
            "paths, through different positions between."
        )
    unflipped = F.conv2d(F.pad(first, (2, 2, 2, 2))[None, None], second[None, None])[0, 0]
    if torch.allclose(weights, unflipped, atol=1e-4):
        return (
            "Nearly: `conv2d` does not flip its weights, and here one of the two must be flipped."
        )
    return "On a random image the result is not that of the two filters one after the other."


def _accuracy(model, digits) -> float:
    "The accuracy of a network in evaluation mode, in per cent."
    with torch.no_grad():
        predicted = model(normalize(digits.images)).argmax(dim=1)
    return 100 * (predicted == digits.labels).double().mean().item()


def _wrong_modes(model) -> str:
    "What is wrong with the modes that are left behind."
    if not model.training:
        return (
            "Afterwards the network is in evaluation mode. "
            "Its owner was training it, and would go on without dropout."
        )
    return "Afterwards all of the network is in training mode. A part of it was not, before."


@check("It uses the averages that training stored, and leaves the network as it was.", FUNCTION)
def check_accuracy(accuracy):
    "`accuracy(model, digits)`: per cent of correct predictions, the network left as it was."
    model = load_pretrained()
    digits = load_splits("auto").valid.subset(slice(200))
    correct = _accuracy(model, digits)
    model.train()
    model.conv1.eval()
    modes = [m.training for m in model.modules()]
    state = {name: t.clone() for name, t in model.state_dict().items()}
    with eval_mode(model):
        got = call(accuracy, model, digits, kind=NUMBER)
    if abs(100 * got - correct) < 1e-3:
        return "This is a fraction: give it in per cent."
    if abs(got - correct) > 1e-3:
        return (
            f"Of a network in evaluation mode it returns {got:.1f} %; "
            f"{correct:.1f} % of the predictions are correct."
        )
    got = call(accuracy, model, digits, kind=NUMBER)
    changed = [name for name, t in model.state_dict().items() if not torch.equal(t, state[name])]
    if changed:
        return (
            "It was called with a network in training mode, and has changed it: "
            f"`{changed[0]}` is not what it was."
        )
    if abs(got - correct) > 1e-3:
        return (
            "Of the same network in training mode it returns something else: dropout is active, "
            "or images are normalised by the statistics of their batch."
        )
    if [m.training for m in model.modules()] != modes:
        return _wrong_modes(model)

"""The layer table on many networks, against published figures, the gradient and other tools.

Tests marked `thorough` take minutes together; the others take seconds.
"""

import contextlib
import math
import random
import subprocess
import sys
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
import torchinfo
import torchscan
import torchsummary
from torch import nn
from torchvision import models

from s6erav3.anatomy.inputs import network_inputs
from s6erav3.anatomy.plots import plot_network
from s6erav3.anatomy.table import (
    effective_receptive_field,
    gradient_receptive_field,
    layer_table,
    summary,
)
from s6erav3.anatomy.tracing import trace
from s6erav3.models.model import MNISTModel


def thorough_except(names, quick):
    "The names as parameters of a test; all but the quick ones marked as thorough."
    thorough = [
        pytest.param(name, marks=pytest.mark.thorough) for name in names if name not in quick
    ]
    return [*(name for name in names if name in quick), *thorough]


# Networks of torchvision

CLASSIFIERS = models.list_models(module=models)
QUICK = ("alexnet", "googlenet", "mobilenet_v2", "resnet18", "squeezenet1_1")
WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")
INITIALISERS = (
    "kaiming_uniform_",
    "kaiming_normal_",
    "xavier_uniform_",
    "uniform_",
    "normal_",
    "trunc_normal_",
    "constant_",
    "ones_",
    "zeros_",
)


def keep(tensor, *args, **kwargs):
    "Initialise nothing."
    return tensor


def build(name: str) -> nn.Module:
    "A network of torchvision whose weights are not initialised, which saves time."
    options = {"init_weights": False} if name in WITH_AUXILIARY_HEADS else {}
    if name.startswith("vit_"):  # takes images of one size, which its published weights state
        options["image_size"] = published(name)[0][1]
    with mock.patch.multiple(nn.init, **dict.fromkeys(INITIALISERS, keep)):
        return models.get_model(name, weights=None, **options)


def published(name: str) -> tuple:
    "Input size, parameters and multiply-adds in billions, as torchvision publishes them."
    weights = next(iter(models.get_model_weights(name)))
    size = weights.transforms().crop_size[0]
    return (3, size, size), weights.meta["num_params"], weights.meta["_ops"]


def n_parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("name", thorough_except(CLASSIFIERS, QUICK))
def test_totals_of_torchvision_networks(name):
    net = build(name)
    size, parameters, billions = published(name)
    table = layer_table(net, size)
    assert table.attrs["params"] == n_parameters(net)
    if name not in WITH_AUXILIARY_HEADS:  # which the published figure leaves out
        assert table.attrs["params"] == parameters
    assert table.attrs["macs"] / 1e9 == pytest.approx(billions, abs=6e-4)


@pytest.mark.parametrize("name", thorough_except(CLASSIFIERS, QUICK))
def test_every_field_of_torchvision_networks_is_known(name):
    table = layer_table(build(name), published(name)[0])
    called = table[table["out_shape"].notna() & (table["kind"] != "Parameter")]
    assert called["receptive_field"].notna().all()
    assert called.loc[called["receptive_field"].ne(0), "span"].notna().all()
    assert called.iloc[-1]["receptive_field"] == math.inf


LAST_MAP = {
    "alexnet": "features",
    "vgg11": "features",
    "squeezenet1_0": "features",
    "squeezenet1_1": "features",
    "resnet18": "layer4",
    "resnet34": "layer4",
    "resnet50": "layer4",
    "resnext50_32x4d": "layer4",
    "mobilenet_v2": "features",
    "mnasnet0_5": "layers",
    "googlenet": "inception5b",
    "inception_v3": "Mixed_7c",
    "densenet121": "features",
    "regnet_x_400mf": "trunk_output",
    "shufflenet_v2_x0_5": "conv5",
    "convnext_tiny": "features",
}


def is_map(shape) -> bool:
    return shape is not None and len(shape) == 3


@pytest.mark.parametrize("name", thorough_except(LAST_MAP, ("alexnet", "squeezenet1_1")))
def test_field_of_the_last_map_is_the_one_by_gradient(name):
    torch.manual_seed(0)
    options = {}
    if name in WITH_AUXILIARY_HEADS:
        options = {"init_weights": False, "aux_logits": False}
    net = models.get_model(name, weights=None, **options)
    layer = LAST_MAP[name]
    table = layer_table(net, published(name)[0])
    maps = table[table["layer"].str.startswith(layer) & table["out_shape"].map(is_map)]
    field, jump, start = maps.iloc[-1][["receptive_field", "jump", "start"]]
    height = int(field + 6 * jump) // 32 * 32 + 64
    (first, last), _ = gradient_receptive_field(net, (3, height, 96), layer, n_images=3)
    assert last - first + 1 == field
    assert ((first + last) / 2 - start) % jump == 0


def test_a_vision_transformer_sees_patches_and_then_everything():
    net = build("vit_b_32")
    table = layer_table(net, (3, 224, 224))
    assert table.attrs["params"] == n_parameters(net)
    known = table["receptive_field"].dropna().tolist()
    assert known == sorted(known) and set(known) == {32, math.inf}
    assert table.iloc[-1]["receptive_field"] == math.inf


OTHER_TOOLS = ("alexnet", "resnet18", "mobilenet_v2", "squeezenet1_1")


@pytest.mark.parametrize("name", thorough_except(OTHER_TOOLS, ("squeezenet1_1",)))
def test_other_tools_agree_about_totals_and_shapes(name, capsys):
    net = build(name).eval()
    table = layer_table(net, (3, 224, 224))
    torchsummary.summary(net, (3, 224, 224), device="cpu")
    assert f"Total params: {table.attrs['params']:,}" in capsys.readouterr().out
    assert torchinfo.summary(net, (1, 3, 224, 224), verbose=0).total_params == table.attrs["params"]
    layers = torchscan.crawl_module(net, (3, 224, 224))["layers"]
    scanned = {layer["path"]: layer for layer in layers}
    for row in table[table["kind"] == "Conv2d"].itertuples():
        assert tuple(scanned[row.layer]["output"]["shape"][1:]) == row.out_shape
        assert scanned[row.layer]["metrics"]["macs"]["value"] == row.macs


# Kinds of layers, each checked by gradient


class Union(nn.Module):
    "Two branches of different reach, added; a third, concatenated."

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(2, 2, 5, padding=2)
        self.b = nn.Conv2d(2, 2, (1, 7), padding=(0, 3))
        self.c = nn.Conv2d(2, 2, 3, padding=2, dilation=2)
        self.mix = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        added = F.relu(self.a(x)) + self.b(x)
        return self.mix(torch.cat([added, self.c(F.max_pool2d(x, 3, 1, 1))], 1))


class Twice(nn.Module):
    "One module called twice."

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        return self.conv(F.avg_pool2d(self.conv(x), 2))


POINTWISE = [nn.BatchNorm2d(2), nn.SiLU(), nn.Dropout(), nn.Identity(), nn.LeakyReLU()]
KINDS = {
    "dilated": [nn.Conv2d(2, 2, 3, dilation=3)],
    "rectangular": [nn.Conv2d(2, 2, (3, 5), stride=(2, 1), padding=(1, 0))],
    "grouped": [nn.Conv2d(2, 4, 3, groups=2)],
    "same": [nn.Conv2d(2, 2, 5, padding="same", dilation=2)],
    "valid": [nn.Conv2d(2, 2, 5, padding="valid")],
    "transposed": [nn.Conv2d(2, 2, 3, 2), nn.ConvTranspose2d(2, 2, 3, 2)],
    "transposed 4, then conv": [nn.ConvTranspose2d(2, 2, 4, 2, 1), nn.Conv2d(2, 2, 3)],
    "max": [nn.MaxPool2d(3, 2, 1), nn.Conv2d(2, 2, 3)],
    "ceil": [nn.MaxPool2d(3, 2, ceil_mode=True)],
    "average": [nn.AvgPool2d((2, 3))],
    "adaptive": [nn.AdaptiveAvgPool2d((20, 13))],
    "pooled, padded": [nn.MaxPool2d(2), nn.Conv2d(2, 2, 3, padding=1)],
    "strided, padded": [nn.Conv2d(2, 2, 1, stride=2), nn.Conv2d(2, 2, 3, padding=1)],
    "stride over kernel": [nn.Conv2d(2, 2, 1, stride=3, padding=1), nn.Conv2d(2, 2, 1)],
    "branches": [Union()],
    "called twice": [Twice()],
    "zero padding": [nn.ZeroPad2d((1, 2, 3, 4)), nn.Conv2d(2, 2, 3)],
    "depthwise, pointwise": [nn.Conv2d(2, 2, 3, groups=2), *POINTWISE, nn.Sigmoid()],
    "whole map": [nn.Conv2d(2, 2, 3), nn.AdaptiveAvgPool2d(1)],
    "odd edge": [nn.MaxPool2d(2), nn.Conv2d(2, 2, 3, padding=1), nn.AdaptiveAvgPool2d(1)],
}
N_POSITIONS = 41  # along the diagonal of the last map


def for_both_axes(value) -> tuple:
    "A value of the table for height and width; where they agree it is given once."
    return value if isinstance(value, tuple) and isinstance(value[0], tuple) else (value, value)


def ranges_by_gradient(net: nn.Sequential, size: tuple, out_shape: tuple) -> np.ndarray:
    "The pixels that positions of the last map depend on: `(positions, axis, first and last)`."
    _, height, width = out_shape
    last = str(len(net) - 1)
    ranges = []
    for i in range(N_POSITIONS):
        position = (i * height // N_POSITIONS, i * width // N_POSITIONS)
        found = gradient_receptive_field(net, size, last, position, n_images=4)
        if found is not None:
            ranges.append(found)
    return np.array(ranges)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(2, 29, 29), (2, 41, 30)], ids=str)
def test_span_and_field_of_every_kind(kind, size):
    torch.manual_seed(0)
    net = nn.Sequential(*KINDS[kind])
    row = layer_table(net, size).iloc[-1]
    ranges = ranges_by_gradient(net, size, row["out_shape"])
    first = ranges[:, :, 0]
    last = ranges[:, :, 1]
    spans = tuple(zip(first.min(axis=0), last.max(axis=0)))
    assert for_both_axes(row["span"]) == spans
    field = row["receptive_field"]
    field = field if isinstance(field, tuple) else (field, field)
    if field[0] < math.inf:
        assert field == tuple((last - first + 1).max(axis=0))


# What is counted


class Odd(nn.Module):
    "A parameter of its own, a parametrization, shared weights, and a layer that is never called."

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(5))
        self.conv = nn.Conv2d(1, 5, 3, padding=1)
        self.unused = nn.Linear(7, 7)
        self.normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(5, 4, 3))
        self.tied = nn.Linear(4, 4)
        self.also = nn.Linear(4, 4)
        self.also.weight = self.tied.weight

    def forward(self, x):
        scaled = self.conv(x) * self.scale.view(1, 5, 1, 1)
        return self.also(self.tied(self.normed(scaled).mean((2, 3))))


def test_totals_are_the_networks():
    net = Odd()
    table = layer_table(net, (1, 9, 9))
    assert table.attrs["params"] == table["params"].sum() == n_parameters(net)
    assert table.attrs["macs"] == 81 * 5 * 9 + 49 * 4 * 45 + 2 * 16
    assert table.set_index("layer").loc["unused", "kind"] == "Linear (not called)"


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_weights_computed_from_others(name):
    expected = contextlib.nullcontext()
    if name == "weight_norm":
        expected = pytest.warns(FutureWarning)
    with expected:
        net = nn.Sequential(getattr(nn.utils, name)(nn.Conv2d(1, 4, 3)))
    net(torch.zeros(1, 1, 9, 9))
    assert layer_table(net, (1, 9, 9)).attrs["params"] == n_parameters(net)


class Scaled(nn.Module):
    "Calls a network with weights that are computed from its own."

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))

    def forward(self, x):
        scaled = {name: 1.01 * weight for name, weight in self.net.named_parameters()}
        return torch.func.functional_call(self.net, scaled, (x,))


def test_tensors_that_replace_parameters_are_not_counted():
    net = Scaled()
    assert layer_table(net, (1, 9, 9)).attrs["params"] == n_parameters(net)


class Vmapped(nn.Module):
    "The second of three convolutions is called for each image."

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 2, 3)

    def forward(self, x):
        return self.c(torch.vmap(self.b)(self.a(x)))


def test_the_receptive_field_under_vmap_is_not_known():
    fields = layer_table(Vmapped(), (1, 12, 12)).set_index("layer")["receptive_field"]
    assert fields["a"] == 3 and fields[["b", "c"]].isna().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_number_types(dtype):
    assert layer_table(MNISTModel().to(dtype)).attrs["params"] == 6_926


def test_a_network_without_parameters():
    assert layer_table(nn.MaxPool2d(2), (1, 8, 8))["receptive_field"].tolist() == [2]


class Adds(nn.Module):
    "Adds two inputs."

    def forward(self, x, y):
        return x + y


def test_two_inputs():
    table = layer_table(Adds(), ((1, 8, 8), (1, 8, 8)))
    assert table["out_shape"].tolist() == [(1, 8, 8)]


def test_each_call_is_a_row_at_any_depth():
    conv = nn.Conv2d(1, 1, 3)
    table = layer_table(nn.Sequential(conv, conv), (1, 9, 9), depth=1)
    assert table["out_shape"].tolist() == [(1, 7, 7), (1, 5, 5)]


def test_stages_of_a_residual_network():
    stages = layer_table(build("resnet18"), (3, 224, 224), depth=1)
    names = "conv1 bn1 relu maxpool layer1 layer2 layer3 layer4 avgpool flatten fc"
    assert stages["layer"].tolist() == names.split()
    assert stages["params"].sum() == 11_689_512
    assert stages.loc[4, ["in_shape", "out_shape"]].tolist() == [(64, 56, 56)] * 2


@pytest.mark.parametrize("depth", [0, -1, 1.5, "1"])
def test_depth_is_a_number_from_1(depth):
    with pytest.raises(ValueError, match="depth is a whole number from 1 up"):
        layer_table(MNISTModel(), depth=depth)


def test_summary_as_text_ends_with_the_totals():
    totals = "Total Parameters: 6,926\nMultiply-Adds: 1,122,056\nModel Size: 0.03 MB"
    assert repr(summary(MNISTModel())).endswith(totals)
    assert summary(MNISTModel())._repr_html_().endswith(f"<pre>{totals}</pre>")


# What is not known


class Shuffles(nn.Module):
    "A pixel shuffle by hand: even and odd positions depend on different maps."

    def forward(self, x):
        n, c, h, w = x.shape
        x = x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3)
        return x.reshape(n, c // 4, 2 * h, 2 * w)


class Replicates(nn.Module):
    "Repeats the first and last row."

    def forward(self, x):
        return torch.cat([x[:, :, :1], x, x[:, :, -1:]], 2)


class Shares(nn.Module):
    "Adds in place to a tensor of which a view is used later."

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.last = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        x = self.conv(x)
        skip = x[:, :1]
        x += self.conv(x)
        return self.last(skip)


class Reverses(nn.Module):
    "Reverses the columns."

    def forward(self, x):
        return torch.flip(x, (3,))


UNKNOWN = {
    "shuffled": [nn.Conv2d(1, 4, 3), Shuffles(), nn.Conv2d(1, 1, 3)],
    "replicated": [Replicates(), nn.Conv2d(1, 1, 3)],
    "shared": [nn.Conv2d(1, 2, 1), Shares()],
    "reversed": [nn.Conv2d(1, 1, 3), Reverses(), nn.Conv2d(1, 1, 3)],
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_left_empty(name):
    table = layer_table(nn.Sequential(*UNKNOWN[name]), (1, 9, 9))
    assert pd.isna(table.iloc[-1]["receptive_field"])
    assert table.iloc[-1]["span"] is None


def test_a_field_is_known_until_an_operation_without_a_rule():
    table = layer_table(nn.Sequential(*UNKNOWN["reversed"]), (1, 9, 9))
    assert table["receptive_field"].isna().tolist() == [False, True, True]


# Multiply-adds, on the meta device and where the processor executes a layer as one operation


class Calls(nn.Module):
    "A function of the input and of weights."

    def __init__(self, function, *shapes):
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList(torch.zeros(shape) for shape in shapes)

    def forward(self, x):
        return self.function(x, *self.weights)


COSTS = {  # network, input size, multiply-adds counted by hand
    "grouped": (nn.Conv2d(4, 8, 3, groups=4), (4, 9, 9), 49 * 8 * 9),
    "transposed": (nn.ConvTranspose2d(4, 8, 3, stride=2, groups=2), (4, 9, 9), 81 * 4 * 4 * 9),
    "1-dimensional": (nn.Conv1d(4, 8, 3), (4, 9), 7 * 8 * 12),
    "functional": (Calls(F.conv2d, (8, 4, 3, 3)), (4, 9, 9), 49 * 8 * 36),
    "linear": (nn.Linear(9, 5), (7, 9), 7 * 45),
    "matrices": (Calls(lambda x: x @ x.mT), (7, 9), 7 * 7 * 9),
    "sum of matrices": (
        Calls(lambda x, b: torch.addbmm(b, x, x.mT, beta=0.5)[None], (7, 7)),
        (7, 9),
        7 * 7 * 9,
    ),
    "vector": (Calls(lambda x, w: (x[0] @ w)[None], 9), (7, 9), 7 * 9),
    "vector and bias": (
        Calls(lambda x, w, b: torch.addmv(b, x[0], w, alpha=2)[None], 9, 7),
        (7, 9),
        7 * 9,
    ),
    "vectors": (Calls(lambda x, w: torch.dot(x[0], w)[None], 9), (9,), 9),
    "recurrent": (
        nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True),
        (7, 6),
        7 * 2 * 20 * (6 + 5 + 10 + 5),
    ),
    "attention": (
        Calls(lambda x: F.scaled_dot_product_attention(x, x, x)),
        (2, 7, 8),
        2 * 2 * 7 * 7 * 8,
    ),
    "transformer": (
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (7, 8),
        7 * 8 * 24 + 2 * 7 * 7 * 8 + 7 * 8 * 8 + 2 * 7 * 8 * 16,
    ),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", COSTS)
def test_multiply_adds_of_any_operation(name, device):
    model, size, macs = COSTS[name]
    rows = trace(model, network_inputs(model, size), device).rows
    assert sum(row.macs for row in rows) == macs
    assert not any(row.uncounted for row in rows)


# Failures


class Tries(nn.Module):
    "Uses another layer where the first one fails."

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)
        self.b = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        try:
            return self.a(x)
        except RuntimeError:
            return self.b(x)


def test_a_failure_that_the_network_handles():
    table = layer_table(Tries(), (1, 9, 9))
    macs = layer_table(nn.Conv2d(1, 2, 3), (1, 9, 9)).attrs["macs"]
    assert table.attrs == {"params": 32, "macs": macs, "params_mb": 32 * 4 / 1024**2}
    assert table.set_index("layer").loc["b", "receptive_field"] == 3


CONV1_FAILS = r"'conv1.0' \(Conv2d\) cannot take an input of shape \(3, 28, 28\)"
FC_FAILS = r"'1' \(Linear\) cannot take an input of shape \(1600,\)"
SMALL = nn.Sequential(nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 5))
WRONG = [
    ("resnet", (3, 8, 8), TypeError, "takes a torch.nn.Module, not str"),
    (MNISTModel(), (3, 28, 28), ValueError, CONV1_FAILS),
    (MNISTModel(), (1, 40, 40), ValueError, "takes images of 28×28 pixels, not 40×40"),
    (nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), (1, 40, 40), ValueError, FC_FAILS),
    (SMALL, (1, 9, 9), ValueError, r"'2' \(Conv2d\) cannot take"),
    (MNISTModel(), (1, -1, 28), ValueError, "whole numbers above 0"),
    (MNISTModel(), 28, ValueError, "whole numbers above 0"),
    (MNISTModel(), (), ValueError, "whole numbers above 0"),
    (torch.jit.ScriptModule(), (1, 9, 9), TypeError, "scripted"),
    (nn.LazyConv2d(1, 3), (1, 9, 9), TypeError, "lazy"),
    (MNISTModel(), ((1, 28, 28), (1, 28, 28)), TypeError, "does not take 2 tensors"),
    (nn.Bilinear(3, 3, 3), (3,), TypeError, "give a tuple of sizes"),
]


@pytest.mark.parametrize("model, size, kind, message", WRONG)
def test_wrong_calls(model, size, kind, message):
    with pytest.raises(kind, match=message):
        layer_table(model, size)


@pytest.mark.parametrize("field", [gradient_receptive_field, effective_receptive_field])
@pytest.mark.parametrize(
    "layer, position, message",
    [
        ("conv9", None, "no layer 'conv9'"),
        ("fc", None, "returns no map"),
        ("conv5", (5, 0), "none at"),
    ],
)
def test_fields_that_have_no_gradient(field, layer, position, message):
    with pytest.raises(ValueError, match=message):
        field(MNISTModel(), (1, 28, 28), layer, position)


# Side effects


class Noisy(nn.Module):
    "Uses random numbers, and fails after that if asked to."

    def __init__(self, fails):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.fails = fails

    def forward(self, x):
        x = F.dropout(self.norm(self.conv(x)), 0.5, training=True)
        x = x * random.random() * np.random.rand()
        if x.sum().item() > -math.inf and self.fails:
            raise RuntimeError("no")
        return x


def bytes_of(tensor) -> bytes:
    return b"" if tensor is None else tensor.detach().numpy().tobytes()


def state_of(net: nn.Module) -> dict:
    "Everything that looking at a network might change, as values that `==` compares."
    modules = list(net.modules())
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules]
    return {
        "weights": [bytes_of(tensor) for tensor in (*net.parameters(), *net.buffers())],
        "gradients": [bytes_of(parameter.grad) for parameter in net.parameters()],
        "modes": [module.training for module in modules],
        "hooks": hooks,
        "torch": bytes_of(torch.get_rng_state()),
        "numpy": np.random.get_state()[1].tobytes(),
        "python": random.getstate(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
    }


def test_nothing_is_changed():
    net = Noisy(fails=False)
    net.norm.eval()
    net(torch.randn(2, 1, 8, 8)).sum().backward()
    before = state_of(net)
    layer_table(net, (1, 8, 8))
    summary(net, (1, 8, 8), depth=1)
    gradient_receptive_field(net, (1, 8, 8), "conv")
    effective_receptive_field(net, (1, 8, 8), "conv", n_images=2)
    assert state_of(net) == before


def test_nothing_is_changed_by_a_failure():
    net = Noisy(fails=True)
    before = state_of(net)
    with pytest.raises(ValueError, match="no"):
        layer_table(net, (1, 8, 8))
    assert state_of(net) == before


def test_any_surrounding_mode():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2))
    plain = layer_table(net, (1, 9, 9))
    assert plain.attrs["macs"] == 49 * 2 * 9
    for mode in (torch.inference_mode(), torch.no_grad()):
        with mode:
            assert layer_table(net, (1, 9, 9)).equals(plain)
            assert gradient_receptive_field(net, (1, 9, 9), "1") == ((2, 5), (2, 5))


def test_hooks_of_the_user_leave_no_trace_and_are_not_lost():
    net = MNISTModel()
    calls = []
    net.conv1.register_forward_hook(lambda *args: calls.append(1))
    net.conv2.register_forward_pre_hook(lambda *args: calls.append(1))
    layer_table(net)
    gradient_receptive_field(net, (1, 28, 28), "conv2")
    assert not calls
    net(torch.zeros(1, 1, 28, 28))
    assert len(calls) == 2


def test_the_table_is_imported_without_matplotlib():
    code = "import sys, s6erav3.anatomy.table; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "False"


# The drawing


def drawn(*args, **kwargs):
    "The texts that `plot_network` draws, and the number of rectangles."
    ax = plot_network(*args, **kwargs)
    plt.close(ax.figure)
    return [text.get_text() for text in ax.texts], len(ax.patches)


STAGES = "conv1 conv2 transition1 conv3 conv4 transition2 conv5 gap fc".split()


def test_drawing_of_the_network():
    texts, n_patches = drawn(MNISTModel(), highlight=("conv2",))
    assert texts[::2] == ["image", *STAGES]
    assert "12×28×28\n900\nparameters" in texts
    sheets = 1 + 8 + 12 + 8 + 12 + 16 + 16 + 20 + 20 + 10
    assert n_patches == sheets + 1  # and a frame


def test_drawing_of_other_poolings():
    texts, _ = drawn(MNISTModel())
    assert drawn(MNISTModel(pool="global"))[0] == texts
    without_pooling = MNISTModel((3, 4, None, 5, 6, 7), pool="none")
    assert "gap" not in drawn(without_pooling)[0]


def test_drawing_of_a_chain_without_names():
    conv = nn.Conv2d(3, 32, 3, stride=2)
    chain = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(32 * 15 * 15, 100))
    texts, n_patches = drawn(chain, input_size=(3, 32, 32))
    assert texts[::2] == ["image", "Conv2d", "Linear"]
    assert texts[1] == "3×32×32\n"
    assert texts[3] == "32×15×15\n896\nparameters"
    assert texts[5] == "100\n720,100\nparameters"
    assert n_patches == 3 + 20 + 20


def test_drawing_of_an_unknown_stage():
    with pytest.raises(ValueError, match="no stage 'conv6'; choose among image, conv1"):
        plot_network(MNISTModel(), highlight=("conv6",))

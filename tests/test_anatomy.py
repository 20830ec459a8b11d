"The layer table on real networks: torchvision's, against their published figures and against the gradient."

import contextlib
import math
import random
from unittest import mock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchinfo
import torchscan
import torchsummary
from torch import nn
from torchvision import models

from s6erav3.models.anatomy import layer_table, measured_receptive_field, summary
from s6erav3.models.model import MNISTModel

CLASSIFIERS = models.list_models(module=models)
CONVOLUTIONAL = [name for name in CLASSIFIERS if not name.startswith(("vit", "swin", "maxvit"))]
QUIET = {
    name: lambda tensor, *args, **kwargs: tensor
    for name in (
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
}


def build(name: str) -> nn.Module:
    "A network whose weights were never filled, which takes no time."
    arguments = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with mock.patch.multiple(nn.init, **QUIET):
        return models.get_model(name, weights=None, **arguments)


def figures(name: str) -> tuple:
    "Input size, parameters and multiply-adds in billions, as torchvision publishes them."
    weights = next(iter(models.get_model_weights(name)))
    size = weights.transforms().crop_size[0]
    return (3, size, size), weights.meta["num_params"], weights.meta["_ops"]


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_torchvision_networks(name):
    net, (size, parameters, billions) = build(name), figures(name)
    table = layer_table(net, size)
    assert table.attrs["params"] == sum(p.numel() for p in net.parameters())
    assert (
        name in ("googlenet", "inception_v3") or table.attrs["params"] == parameters
    )  # theirs leave out auxiliary heads
    assert table.attrs["macs"] / 1e9 == pytest.approx(billions, abs=6e-4)
    called = table[table["out_shape"].notna() & (table["kind"] != "Parameter")]
    assert called["receptive_field"].notna().all() and called["span"].notna().all()
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


@pytest.mark.parametrize("name", LAST_MAP)
def test_field_is_what_the_gradient_says(name):
    torch.manual_seed(0)
    arguments = (
        {"init_weights": False, "aux_logits": False}
        if name in ("googlenet", "inception_v3")
        else {}
    )
    net, layer = models.get_model(name, weights=None, **arguments), LAST_MAP[name]
    table = layer_table(net, figures(name)[0])
    maps = table[
        table["layer"].str.startswith(layer)
        & table["out_shape"].map(lambda shape: shape is not None and len(shape) == 3)
    ]
    field, jump, start = maps.iloc[-1][["receptive_field", "jump", "start"]]
    (first, last), _ = measured_receptive_field(
        net, (3, (field + 6 * jump) // 32 * 32 + 64, 96), layer, n=3
    )
    assert last - first + 1 == field
    assert ((first + last) / 2 - start) % jump == 0


class Union(nn.Module):
    "Two branches of different reach, added; a third, concatenated."

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (
            nn.Conv2d(2, 2, 5, padding=2),
            nn.Conv2d(2, 2, (1, 7), padding=(0, 3)),
            nn.Conv2d(2, 2, 3, padding=2, dilation=2),
        )
        self.mix = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.mix(
            torch.cat([F.relu(self.a(x)) + self.b(x), self.c(F.max_pool2d(x, 3, 1, 1))], 1)
        )


class Twice(nn.Module):
    "One module called twice."

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        return self.conv(F.avg_pool2d(self.conv(x), 2))


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
    "depthwise, norm, silu": [
        nn.Conv2d(2, 2, 3, groups=2),
        nn.BatchNorm2d(2),
        nn.SiLU(),
        nn.Dropout(),
        nn.Identity(),
        nn.LeakyReLU(),
        nn.Sigmoid(),
    ],
    "whole map": [nn.Conv2d(2, 2, 3), nn.AdaptiveAvgPool2d(1)],
    "odd edge": [nn.MaxPool2d(2), nn.Conv2d(2, 2, 3, padding=1), nn.AdaptiveAvgPool2d(1)],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(2, 29, 29), (2, 41, 30)], ids=str)
def test_span_and_field_of_every_kind(kind, size):
    torch.manual_seed(0)
    net = nn.Sequential(*KINDS[kind])
    row = layer_table(net, size).iloc[-1]
    span = row["span"] if isinstance(row["span"][0], tuple) else (row["span"],) * 2
    height, width = row["out_shape"][1:]
    cells = [
        measured_receptive_field(
            net, size, str(len(net) - 1), (i * height // 41, i * width // 41), n=4
        )
        for i in range(41)
    ]
    cells = [cell for cell in cells if cell]
    assert span == tuple(
        (min(c[axis][0] for c in cells), max(c[axis][1] for c in cells)) for axis in (0, 1)
    )
    field = (
        row["receptive_field"]
        if isinstance(row["receptive_field"], tuple)
        else (row["receptive_field"],) * 2
    )
    if field[0] < math.inf:
        assert field == tuple(max(c[axis][1] - c[axis][0] + 1 for c in cells) for axis in (0, 1))


class Odd(nn.Module):
    "A parameter of its own, a shared layer, a layer that is never called, and weights in a parametrization."

    def __init__(self):
        super().__init__()
        self.scale, self.conv, self.unused = (
            nn.Parameter(torch.ones(5)),
            nn.Conv2d(1, 5, 3, padding=1),
            nn.Linear(7, 7),
        )
        self.normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(5, 4, 3))
        self.tied = nn.Linear(4, 4)
        self.also = nn.Linear(4, 4)
        self.also.weight = self.tied.weight

    def forward(self, x):
        return self.also(
            self.tied(self.normed(self.conv(x) * self.scale.view(1, 5, 1, 1)).mean((2, 3)))
        )


def test_totals_are_the_networks():
    net = Odd()
    table = layer_table(net, (1, 9, 9))
    assert (
        table.attrs["params"] == table["params"].sum() == sum(p.numel() for p in net.parameters())
    )
    assert table.attrs["macs"] == 81 * 5 * 9 + 49 * 4 * 45 + 2 * 16
    assert table.set_index("layer").loc["unused", "kind"] == "Linear (not called)"


class Noisy(nn.Module):
    "Uses chance, and fails after that if asked to."

    def __init__(self, fails):
        super().__init__()
        self.conv, self.norm, self.fails = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), fails

    def forward(self, x):
        x = (
            F.dropout(self.norm(self.conv(x)), 0.5, training=True)
            * random.random()
            * np.random.rand()
        )
        if x.sum().item() > -math.inf and self.fails:
            raise RuntimeError("no")
        return x


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_behind(fails):
    net = Noisy(fails)
    net.norm.eval()
    net(torch.randn(2, 1, 8, 8)).sum().backward() if not fails else None

    def state():
        return (
            [t.clone() for t in (*net.parameters(), *net.buffers())],
            [p.grad is None or p.grad.clone() for p in net.parameters()],
            [m.training for m in net.modules()],
            [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()],
            torch.get_rng_state(),
            np.random.get_state()[1].copy(),
            random.getstate(),
            torch.get_default_dtype(),
            torch.get_default_device(),
        )

    before = state()
    if fails:
        with pytest.raises(ValueError, match="no"):
            layer_table(net, (1, 8, 8))
    else:
        (
            layer_table(net, (1, 8, 8)),
            measured_receptive_field(net, (1, 8, 8), "conv"),
            summary(net, (1, 8, 8), depth=1),
        )
    for a, b in zip(before, state()):
        same = (
            all(torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y for x, y in zip(a, b))
            if isinstance(a, list)
            else np.array_equal(a, b)
            if isinstance(a, np.ndarray)
            else torch.equal(a, b)
            if isinstance(a, torch.Tensor)
            else a == b
        )
        assert same


class Tries(nn.Module):
    "Falls back to another layer where the first one fails."

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Conv2d(1, 2, 3)

    def forward(self, x):
        try:
            return self.a(x)
        except RuntimeError:
            return self.b(x)


class Shuffles(nn.Module):
    "A pixel shuffle by hand: what a cell sees depends on whether it is odd."

    def forward(self, x):
        n, c, h, w = x.shape
        return (
            x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)
        )


class Replicates(nn.Module):
    "Repeats the first and last row."

    def forward(self, x):
        return torch.cat([x[:, :, :1], x, x[:, :, -1:]], 2)


class Shares(nn.Module):
    "Adds in place to a tensor of which a view is used later."

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(1, 1, 1)

    def forward(self, x):
        x = self.conv(x)
        skip = x[:, :1]
        x += self.conv(x)
        return self.last(skip)


def test_a_failure_that_the_network_handles():
    table = layer_table(Tries(), (1, 9, 9))
    assert table.attrs == layer_table(
        nn.Sequential(nn.Linear(3, 3), nn.Conv2d(1, 2, 3))[1], (1, 9, 9)
    ).attrs | {"params": 32, "params_mb": 32 * 4 / 1024**2}
    assert table.set_index("layer").loc["b", "receptive_field"] == 3


@pytest.mark.parametrize(
    "strange",
    [
        nn.Sequential(nn.Conv2d(1, 4, 3), Shuffles(), nn.Conv2d(1, 1, 3)),
        nn.Sequential(Replicates(), nn.Conv2d(1, 1, 3)),
        nn.Sequential(nn.Conv2d(1, 2, 1), Shares()),
    ],
    ids=["shuffled", "replicated", "shared"],
)
def test_what_is_not_known_is_left_empty(strange):
    assert layer_table(strange, (1, 9, 9)).iloc[-1]["receptive_field"] is None


def test_any_surrounding_mode():
    net, plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2)), None
    plain = layer_table(net, (1, 9, 9))
    for mode in (torch.inference_mode(), torch.no_grad()):
        with mode:
            assert layer_table(net, (1, 9, 9)).equals(plain) and plain.attrs["macs"] == 49 * 2 * 9
            assert measured_receptive_field(net, (1, 9, 9), "1") == ((2, 5), (2, 5))


def test_hooks_of_the_user_are_neither_run_nor_lost():
    net, calls = MNISTModel(), []
    net.conv1.register_forward_hook(lambda *args: calls.append(1))
    net.conv2.register_forward_pre_hook(lambda *args: calls.append(1))
    layer_table(net), measured_receptive_field(net, (1, 28, 28), "conv2")
    assert not calls and net(torch.zeros(1, 1, 28, 28)) is not None and len(calls) == 2


def test_each_call_is_a_row_at_any_depth():
    conv = nn.Conv2d(1, 1, 3)
    assert layer_table(nn.Sequential(conv, conv), (1, 9, 9), depth=1)["out_shape"].tolist() == [
        (1, 7, 7),
        (1, 5, 5),
    ]
    stages = layer_table(build("resnet18"), (3, 224, 224), depth=1)
    assert stages["layer"].tolist() == [
        "conv1",
        "bn1",
        "relu",
        "maxpool",
        "layer1",
        "layer2",
        "layer3",
        "layer4",
        "avgpool",
        "flatten",
        "fc",
    ]
    assert (
        stages["params"].sum() == 11_689_512
        and stages.loc[4, ["in_shape", "out_shape"]].tolist() == [(64, 56, 56)] * 2
    )


def test_weights_computed_from_others():
    for norm in (nn.utils.weight_norm, nn.utils.spectral_norm):
        with (
            pytest.warns(FutureWarning)
            if norm is nn.utils.weight_norm
            else contextlib.nullcontext()
        ):
            net = nn.Sequential(norm(nn.Conv2d(1, 4, 3)))
        net(torch.zeros(1, 1, 9, 9))
        assert layer_table(net, (1, 9, 9)).attrs["params"] == sum(
            p.numel() for p in net.parameters()
        )


@pytest.mark.parametrize(
    "layer, cell, message",
    [
        ("conv9", None, "no layer 'conv9'"),
        ("fc", None, "puts out no map"),
        ("conv5", (5, 0), "none at"),
    ],
)
def test_fields_that_cannot_be_measured(layer, cell, message):
    with pytest.raises(ValueError, match=message):
        measured_receptive_field(MNISTModel(), (1, 28, 28), layer, cell)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_number_types_and_no_parameters(dtype):
    assert layer_table(MNISTModel().to(dtype)).attrs["params"] == 6_926
    assert layer_table(nn.MaxPool2d(2), (1, 8, 8))["receptive_field"].tolist() == [2]


def test_a_vision_transformer_has_shapes_and_costs_but_no_fields():
    net = build("vit_b_32")
    table = layer_table(net, (3, 224, 224))
    assert (
        table.attrs["params"] == sum(p.numel() for p in net.parameters())
        and table.iloc[-1]["receptive_field"] is None
    )


@pytest.mark.parametrize(
    "model, size, kind, message",
    [
        ("resnet", (3, 8, 8), TypeError, "takes a torch.nn.Module, not str"),
        (
            MNISTModel(),
            (3, 28, 28),
            ValueError,
            r"'conv1.0' \(Conv2d\) cannot take an input of shape \(3, 28, 28\)",
        ),
        (
            MNISTModel(),
            (1, 40, 40),
            ValueError,
            r"'fc' \(Linear\) cannot take an input of shape \(80,\)",
        ),
        (MNISTModel(), (1, -1, 28), ValueError, "whole numbers above 0"),
        (MNISTModel(), 28, ValueError, "whole numbers above 0"),
        (MNISTModel(), (), ValueError, "whole numbers above 0"),
        (torch.jit.ScriptModule(), (1, 9, 9), TypeError, "scripted"),
        (nn.LazyConv2d(1, 3), (1, 9, 9), TypeError, "lazy"),
        (MNISTModel(), ((1, 28, 28), (1, 28, 28)), TypeError, "does not take 2 tensors"),
        (nn.Bilinear(3, 3, 3), (3,), TypeError, "give a tuple of sizes"),
    ],
)
def test_what_cannot_be(model, size, kind, message):
    with pytest.raises(kind, match=message):
        layer_table(model, size)


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "mobilenet_v2", "squeezenet1_1"])
def test_beside_other_tools(name, capsys):
    net = build(name).eval()
    table = layer_table(net, (3, 224, 224))
    torchsummary.summary(net, (3, 224, 224), device="cpu")
    assert f"Total params: {table.attrs['params']:,}" in capsys.readouterr().out
    assert torchinfo.summary(net, (1, 3, 224, 224), verbose=0).total_params == table.attrs["params"]
    scanned = {
        layer["path"]: layer for layer in torchscan.crawl_module(net, (3, 224, 224))["layers"]
    }
    for row in table[table["kind"] == "Conv2d"].itertuples():
        assert tuple(scanned[row.layer]["output"]["shape"][1:]) == row.out_shape
        assert scanned[row.layer]["metrics"]["macs"]["value"] == row.macs

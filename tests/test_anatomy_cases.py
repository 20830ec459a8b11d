"""Networks of the kinds on which tools of this sort fail, each with the right values."""

import threading

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune
from torchvision.models import detection

from s6erav3 import summary
from s6erav3.anatomy import tracing
from s6erav3.anatomy.display import WIDTH, Comparison, compare_tables
from s6erav3.anatomy.plots import plot_network
from s6erav3.anatomy.rows import ALL_COLUMNS, COLUMNS
from s6erav3.anatomy.table import TraceError, gradient_receptive_field, layer_table
from s6erav3.models.model import MNISTModel

Conv = nn.Conv2d


class Forward(nn.Module):
    "A network with some layers whose forward is a function of it and of the inputs."

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def macs(model, *sizes, **options):
    "The multiply-adds of a network."
    return layer_table(model, sizes if len(sizes) > 1 else sizes[0], **options).attrs["macs"]


# No trace without an end


def adds_a_constant(net, x):
    half = torch.tensor(0.5)
    y = net.conv(x)
    y += x
    return y * half


def test_a_tensor_made_in_forward():
    table = layer_table(Forward(adds_a_constant, conv=Conv(3, 3, 3, padding=1)), (3, 16, 16))
    assert table.iloc[-1]["out_shape"] == (3, 16, 16)
    assert (table.attrs["params"], table.attrs["macs"]) == (84, 20_736)


def packs(net, x):
    packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([6]), batch_first=True)
    return net.lstm(packed)[0].data


def test_a_packed_sequence():
    assert macs(Forward(packs, lstm=nn.LSTM(4, 5, batch_first=True)), (6, 4)) == 6 * 20 * 9


def test_a_forward_without_an_end_is_an_error(monkeypatch):
    monkeypatch.setattr(tracing, "MOST_OPERATIONS", 50)

    def never_ends(net, x):
        while True:
            x = net.conv(x)

    with pytest.raises(ValueError, match="more than 50 operations"):
        layer_table(Forward(never_ends, conv=Conv(1, 1, 1)), (1, 8, 8))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "build",
    [detection.ssdlite320_mobilenet_v3_large, detection.fasterrcnn_mobilenet_v3_large_320_fpn],
)
def test_detectors(build):
    net = build(weights=None, weights_backbone=None)
    table = layer_table(net, (3, 320, 320))
    assert table.attrs["params"] == sum(parameter.numel() for parameter in net.parameters())
    assert table.attrs["macs"] > 5e8


# The network is left as it was


def with_autocast():
    net = nn.Sequential(Conv(3, 4, 3), nn.BatchNorm2d(4))
    net.forward = torch.autocast("cpu")(net.forward)
    return net


def closing_over_itself():
    net = nn.Sequential(nn.BatchNorm2d(3), Conv(3, 4, 3))
    net.forward = lambda x: net[1](net[0](x))
    return net


@pytest.mark.parametrize("build", [with_autocast, closing_over_itself])
def test_a_forward_that_refers_to_the_network(build):
    net = build().train()
    buffers = [buffer.clone() for buffer in net.buffers()]
    table = layer_table(net, (3, 16, 16))
    assert all(map(torch.equal, buffers, net.buffers()))
    assert net.training and all(module.training for module in net)
    assert not table["kind"].str.contains("not called").any()
    assert table.iloc[-1]["receptive_field"] == 3 and table.attrs["macs"] == 196 * 108


def test_activations_that_are_kept_and_what_cannot_be_copied():
    def keep(net, x):
        net.kept.append(net.conv(x))
        return net.kept[-1]

    net = Forward(keep, conv=Conv(3, 4, 3))
    net.kept, net.lock = [], threading.Lock()
    with open(__file__, encoding="utf-8") as file:
        net.file = file
        kept = net(torch.zeros(1, 3, 8, 8))
        assert layer_table(net, (3, 8, 8)).iloc[-1]["out_shape"] == (4, 6, 6)
        gradient_receptive_field(net, (3, 8, 8), "conv")
    assert len(net.kept) == 1 and net.kept[0] is kept


@pytest.mark.parametrize("reads", [False, True], ids=["shapes", "numbers"])
def test_tensors_of_the_network_that_forward_writes(reads):
    def write(net, x):
        net.conv.weight.data *= net.mask
        net.calls += 1
        assert not reads or x.sum().item() == 0
        return net.conv(x)

    net = Forward(write, conv=Conv(1, 1, 3))
    net.register_buffer("mask", torch.zeros(3, 3))
    net.register_buffer("calls", torch.tensor(0))
    loss = net.conv(torch.ones(1, 1, 8, 8)).square().sum()
    weight = net.conv.weight.detach().clone()
    layer_table(net, (1, 8, 8))
    assert torch.equal(net.conv.weight, weight) and net.calls == 0
    loss.backward()  # raises an error if a weight was changed in between


def test_hooks_of_the_network_count():
    net = nn.Sequential(Conv(3, 4, 3))
    net[0].register_forward_hook(lambda module, args, out: F.max_pool2d(out, 2))
    assert layer_table(net, (3, 10, 10)).iloc[-1]["out_shape"] == (4, 4, 4)


def test_a_pruned_layer_and_an_equalised_learning_rate():
    pruned = prune.random_unstructured(Conv(1, 2, 3), "weight", 0.5)
    assert layer_table(nn.Sequential(pruned), (1, 8, 8)).attrs["macs"] == 36 * 18
    scaled = nn.Sequential(Conv(1, 2, 3))
    scaled[0].weight_raw = nn.Parameter(scaled[0].weight.detach())
    del scaled[0]._parameters["weight"]

    def scale(module, args):
        module.weight = module.weight_raw * 2

    scaled[0].register_forward_pre_hook(scale)
    table = layer_table(scaled, (1, 8, 8))
    assert (table.attrs["params"], table.attrs["macs"]) == (20, 36 * 18)
    assert not hasattr(scaled[0], "weight")


def test_a_network_without_numbers():
    with torch.device("meta"):
        net = nn.Sequential(nn.Flatten(), nn.Linear(10, 2))
    assert layer_table(net, (1, 2, 5)).attrs["macs"] == 20
    with pytest.raises(ValueError, match=r"layer '1' \(Linear\)"):
        layer_table(net, (1, 28, 28))


# Multiply-adds: right, or empty and marked


def test_what_depends_on_the_second_input():
    net = Forward(lambda net, x, y: net.c(x) + F.conv2d(y, net.w), c=Conv(3, 4, 3))
    net.w = nn.Parameter(torch.rand(4, 3, 3, 3))
    table = layer_table(net, ((3, 16, 16), (3, 16, 16)))
    assert table.attrs["macs"] == 42_336
    assert table["kernel"].dropna().tolist() == [3, 3]
    assert macs(nn.Transformer(16, 4, 1, 1, 32, batch_first=True), (10, 16), (7, 16)) == 50_528


def with_zeros(net, x):
    return net.lstm(net.first(x), (torch.zeros(1, x.size(0), 16),) * 2)[0]


def reading_lstm(net, x):
    x = x.squeeze(1)
    states = torch.zeros(2, len(x), 128)
    assert x.sum().item() < 1e9
    return net.fc(net.lstm(x, (states, states))[0][:, -1])


def reading_attention(net, q, k, v):
    assert q.sum().item() < 1e9
    return F.scaled_dot_product_attention(q, k, v)


def with_a_plain_tensor(net, x):
    return F.linear(x, net.plain[0])


def test_fused_operations_in_a_network_that_reads_numbers():
    lstm = nn.LSTM(32, 16, batch_first=True)
    assert macs(Forward(with_zeros, first=nn.Identity(), lstm=lstm), (8, 32)) == 24_576
    two_layers = nn.LSTM(28, 128, 2, batch_first=True)
    network = Forward(reading_lstm, lstm=two_layers, fc=nn.Linear(128, 10))
    assert macs(network, (1, 28, 28)) == 5_907_712
    assert macs(Forward(reading_attention), *[(12, 64, 64)] * 3) == 12 * 2 * 64**3 == 6_291_456
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    assert macs(layer, (49, 64)) == 1_912_960
    plain = Forward(with_a_plain_tensor)
    plain.plain = [torch.zeros(5, 9)]
    assert macs(plain, (9,)) == 45


def test_operations_that_are_rarely_counted():
    assert macs(nn.Bilinear(3, 4, 5), (3,), (4,)) == 60
    assert macs(Forward(lambda net, x, y: torch.cdist(x, y)), (5, 3), (7, 3)) == 105
    assert macs(Forward(lambda net, x: torch.einsum("bij,bkj->bik", x, x)), (7, 9)) == 7 * 7 * 9
    assert macs(nn.GRUCell(4, 5), (4,)) == 3 * 5 * 9


def test_what_is_not_counted_is_empty_and_marked():
    net = Forward(lambda net, x: torch.fft.fft2(net.conv(x)).real, conv=Conv(1, 1, 3))
    table = layer_table(net, (1, 8, 8))
    assert pd.isna(table["macs"].iloc[1:]).any() and table["macs"].iloc[0] == 36 * 9
    assert table.attrs["macs"] is None and "fft" in table.attrs["uncounted"][0]
    text = repr(summary(net, (1, 8, 8)))
    assert "at least 324 (not counted: fft" in text and "?" in text


def quantized():
    net = nn.Sequential(torch.ao.quantization.QuantStub(), Conv(3, 4, 3)).eval()
    net.qconfig = torch.ao.quantization.get_default_qconfig("x86")
    prepared = torch.ao.quantization.prepare(net)
    prepared(torch.rand(1, 3, 16, 16))
    return torch.ao.quantization.convert(prepared)


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_convolution():
    if "x86" not in torch.backends.quantized.supported_engines:
        pytest.skip("this processor has no quantised convolutions")
    table = layer_table(quantized(), (3, 16, 16))
    assert (table.attrs["params"], table.attrs["macs"]) == (112, 196 * 108)


# Fields: right, or empty


def predicted(row, position: int) -> tuple:
    "First and last pixel that the table says a position depends on, inside an image of 64."
    center = row["start"] + position * row["jump"]
    reach = (row["receptive_field"] - 1) / 2
    return max(0, center - reach), min(63, center + reach)


def ranges(net, size: tuple, layer: str, n: int) -> np.ndarray:
    "By gradient the first and last row for positions on the diagonal of a map."
    found = [gradient_receptive_field(net, size, layer, (i, i), n_images=3) for i in range(n)]
    return np.array([rows for rows, _ in found])


def test_a_decoder_repeats_a_field():
    torch.manual_seed(0)
    net = nn.Sequential(Conv(1, 2, 3, 4, 1), nn.ConvTranspose2d(2, 1, 4, 4))
    row = layer_table(net, (1, 64, 64)).iloc[-1]
    assert pd.isna(row["jump"]) and row["receptive_field"] == 3 and row["start"] == 0
    found = ranges(net, (1, 64, 64), "1", 28)
    assert found[20:24].tolist() == [[19, 21]] * 4 and found[24].tolist() == [23, 25]


class Masked(nn.Conv2d):
    "A convolution that sees what lies above, and to the left."

    def forward(self, x):
        mask = torch.ones(self.weight.shape[2:])
        mask[2:] = mask[1, 1:] = 0
        return F.conv2d(x, self.weight * mask, self.bias, padding=1)


@pytest.mark.parametrize("in_place", [False, True])
def test_a_masked_convolution(in_place):
    torch.manual_seed(0)
    net = nn.Sequential(Masked(1, 2, 3), Masked(2, 2, 3))
    if in_place:
        net = nn.Sequential(Conv(1, 2, 3, padding=1), Conv(2, 2, 3, padding=1))
        for layer in net:
            layer.weight.data[:, :, 2:] = 0
            layer.weight.data[:, :, 1, 1:] = 0
    row = layer_table(net, (1, 24, 24)).iloc[-1]
    rows, columns = gradient_receptive_field(net, (1, 24, 24), "1", (12, 12))
    assert row["receptive_field"] == (rows[1] - rows[0] + 1, columns[1] - columns[0] + 1)
    assert row["start"] == (sum(rows) / 2 - 12, sum(columns) / 2 - 12)


def pad(mode):
    return lambda net, x: net.conv(F.pad(x, (2, 2, 2, 2), mode=mode))


def unshuffled(net, x):
    return net.conv(F.pixel_unshuffle(x, 2))


def resized(**options):
    return lambda net, x: net.conv(F.interpolate(F.avg_pool2d(x, 4), **options))


def smaller(**options):
    return lambda net, x: net.conv(F.interpolate(x, size=(8, 8), **options))


def stacked(net, x):
    return torch.stack([net.conv(x), x], 2).sum(2)


def repeated(net, x):
    return net.conv(x[:, :1].repeat(1, 2, 1, 1))


def indexed(net, x):
    return net.conv(x[:, [1, 0]])


def unbound(net, x):
    first, second = x.unbind(1)
    return net.conv(torch.stack([second, first], 1))


def windows(net, x):
    n, c, h, w = x.shape
    tokens = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
    mixed = F.scaled_dot_product_attention(tokens, tokens, tokens)
    mixed = mixed.view(n, h // 4, w // 4, 4, 4, c).permute(0, 5, 1, 3, 2, 4)
    return net.conv(mixed.reshape(n, c, h, w))


def rolled(net, x):
    return net.conv(torch.roll(x, (2, 2), (2, 3)))


RULES = {
    "reflect": pad("reflect"),
    "replicate": pad("replicate"),
    "circular": pad("circular"),
    "unshuffled": unshuffled,
    "nearest": resized(scale_factor=2),
    "nearest to a size": resized(size=(10, 9)),
    "bilinear": resized(scale_factor=2, mode="bilinear"),
    "bilinear, aligned": resized(size=(13, 13), mode="bilinear", align_corners=True),
    "bicubic": resized(scale_factor=2, mode="bicubic"),
    "smaller, smoothed": smaller(mode="bilinear", antialias=True),
    "area": smaller(mode="area"),
    "stacked": stacked,
    "repeated": repeated,
    "indexed": indexed,
    "unbound": unbound,
    "windows": windows,
    "rolled": rolled,
}


@pytest.mark.parametrize("name", RULES)
def test_fields_are_those_of_the_gradient(name):
    torch.manual_seed(0)
    channels = 8 if name == "unshuffled" else 2
    conv = Conv(channels, 2, 3, padding=1)
    net = nn.Sequential(Forward(RULES[name], conv=conv), nn.Identity())
    size = (2, 24, 24)
    row = layer_table(net, size, depth=1).iloc[-1]
    n = min(row["out_shape"][1:])
    found = ranges(net, size, "1", n)
    assert row["span"] == (found.min(), found.max())
    inner = found[n // 4 : n - n // 4]
    assert row["receptive_field"] == (inner[:, 1] - inner[:, 0]).max() + 1
    if not pd.isna(row["jump"]):
        centers = inner.mean(axis=1)
        assert np.allclose(centers, row["start"] + row["jump"] * (np.arange(len(inner)) + n // 4))


def test_a_pixel_shuffle():
    net = nn.Sequential(Conv(1, 4, 3, padding=1), nn.PixelShuffle(2), nn.Identity())
    row = layer_table(net, (1, 16, 16)).iloc[-1]
    assert row["out_shape"] == (1, 32, 32) and row["receptive_field"] == 3
    assert pd.isna(row["jump"])


def test_one_and_three_dimensions():
    chain = nn.Sequential(*(nn.Conv1d(2, 2, 3, dilation=d) for d in (1, 2, 3)))
    assert layer_table(chain, (2, 50))["receptive_field"].tolist() == [3, 7, 13]
    volume = nn.Sequential(nn.Conv3d(1, 2, (1, 3, 3)), nn.MaxPool3d(2))
    last = layer_table(volume, (1, 8, 16, 16)).iloc[-1]
    assert last["receptive_field"] == (2, 4, 4) and last["kernel"] == 2


def test_a_pooled_branch_makes_everything_global():
    def aspp(net, x):
        pooled = x.mean((2, 3), keepdim=True).expand_as(x)
        return net.last(torch.cat([net.conv(x), pooled], 1))

    net = Forward(aspp, conv=Conv(2, 2, 3, padding=1), last=Conv(4, 2, 1))
    assert layer_table(net, (2, 16, 16)).iloc[-1]["receptive_field"] == np.inf


class SparseKeys(nn.Module):
    "Attention whose keys are the complete 4×4 blocks of a map: those of 23×23 leave a border out."

    def __init__(self, fused):
        super().__init__()
        self.fused = fused
        self.keys = Conv(2, 2, 4, 4)

    def forward(self, x):
        queries = x.flatten(2).transpose(1, 2)
        keys = self.keys(x).flatten(2).transpose(1, 2)
        if self.fused:
            mixed = F.scaled_dot_product_attention(queries, keys, keys)
        else:
            mixed = (queries @ keys.transpose(1, 2)).softmax(-1) @ keys
        return x + mixed.transpose(1, 2).reshape(x.shape)


@pytest.mark.parametrize("fused", [False, True])
def test_attention_does_not_reach_pixels_outside_all_keys(fused):
    torch.manual_seed(0)
    net = nn.Sequential(SparseKeys(fused), SparseKeys(fused), Conv(2, 2, 2, 2))
    row = layer_table(net, (2, 24, 24)).iloc[-1]
    assert row["receptive_field"] == np.inf and row["span"] == (0, 23)
    found = ranges(net, (2, 23, 23), "2", 11)
    assert (found.min(), found.max()) == (0, 21)  # the convolution leaves pixel 22 out
    row = layer_table(net, (2, 23, 23)).iloc[-1]
    assert pd.isna(row["receptive_field"]) and row["span"] is None


def test_causal_attention_has_no_field():
    def causal(net, x):
        tokens = net.conv(x).flatten(2).transpose(1, 2)
        return F.scaled_dot_product_attention(tokens, tokens, tokens, is_causal=True)

    row = layer_table(Forward(causal, conv=Conv(1, 4, 3)), (1, 8, 8)).iloc[-1]
    assert pd.isna(row["receptive_field"]) and row["span"] is None


# Depth


def test_a_merged_row_shows_what_the_module_returns():
    def returns_earlier(net, x):
        y = net.conv(x)
        net.kept = net.gate(x)
        return y

    inner = Forward(returns_earlier, conv=Conv(3, 4, 3), gate=Conv(3, 1, 1))
    first = layer_table(nn.Sequential(inner, Conv(4, 2, 3)), (3, 16, 16), depth=1).iloc[0]
    assert first["out_shape"] == (4, 14, 14) and first["receptive_field"] == 3


def test_depth_holds_for_what_is_not_called():
    inner = Forward(lambda net, x: net.used(x), used=Conv(1, 2, 3), unused=nn.Linear(3, 3))
    table = layer_table(nn.Sequential(inner), (1, 8, 8), depth=1)
    assert table["layer"].tolist() == ["0"] and table["params"].tolist() == [32]
    uncalled = Forward(lambda net, x: x, head=nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2)))
    merged = layer_table(uncalled, (1, 8, 8), depth=1)
    assert merged["kind"].tolist() == ["Sequential (not called)"]


def test_an_attention_layer_is_one_row_that_uses_its_output_layer():
    table = layer_table(nn.MultiheadAttention(8, 2, batch_first=True), ((5, 8),) * 3)
    assert table["kind"].tolist() == ["MultiheadAttention"] and table["params"].tolist() == [288]


# Inputs


def test_words_dictionaries_and_structures():
    embedding = nn.Sequential(nn.Embedding(50, 8), nn.Flatten(), nn.Linear(40, 2))
    words = torch.randint(50, (4, 5))
    for options in ({"input_data": words}, {"dtypes": torch.long}):
        table = layer_table(embedding, (5,), **options)
        assert table["out_shape"].tolist() == [(5, 8), (40,), (2,)]
    with pytest.raises(ValueError, match=r"dtypes=torch.long"):
        layer_table(embedding, (5,))
    nested = Forward(lambda net, pair: net.conv(pair["a"][0]), conv=Conv(1, 2, 3))
    image = torch.rand(2, 1, 8, 8)
    assert macs(nested, (), input_data=[{"a": [image]}]) == 2 * 36 * 18

    class Named(nn.Module):
        def forward(self, x, *, scale=1, bias=None):
            return F.conv2d(x * scale, bias)

    named = {"x": image, "scale": 3, "bias": torch.rand(2, 1, 3, 3)}
    assert macs(Named(), (), input_data=named) == 2 * 36 * 18
    with pytest.raises(TypeError, match="does not take"):
        layer_table(Named(), (), input_data={"y": image})
    with pytest.raises(TypeError, match="input_data takes"):
        layer_table(Named(), (), input_data=3)


def test_half_precision_and_double():
    table = layer_table(Conv(1, 2, 3).half(), (1, 8, 8), columns=ALL_COLUMNS)
    assert table["out_bytes"].tolist() == [2 * 36 * 2]


def test_several_outputs_are_all_shown():
    net = Forward(lambda net, x: {"a": net.conv(x), "b": [x]}, conv=Conv(1, 2, 3))
    wrapped = layer_table(nn.Sequential(net), (1, 8, 8), depth=1)
    assert wrapped.iloc[0]["out_shape"] == ((2, 6, 6), (1, 8, 8))
    lstm = layer_table(nn.LSTM(4, 5, 2, batch_first=True), (7, 4))
    assert lstm.iloc[0]["out_shape"] == ((7, 5), (2, 5), (2, 5))


def test_two_inputs_are_drawn_and_measured():
    layers = {"c": Conv(3, 4, 3), "d": Conv(3, 4, 5, padding=1)}
    net = Forward(lambda net, x, y: net.c(x) + net.d(y), **layers)
    sizes = ((3, 16, 16), (3, 16, 16))
    assert gradient_receptive_field(net, sizes, "c", (5, 5)) == ((5, 7), (5, 7))
    texts = [text.get_text() for text in plot_network(net, input_size=sizes).texts]
    assert "input 1" in texts and "input 2" in texts


def test_the_batch_is_to_be_left_out():
    with pytest.raises(ValueError, match=r"leave out the batch: \(3, 224, 224\)"):
        layer_table(nn.Sequential(Conv(3, 4, 3)), (1, 3, 224, 224))


def test_rows_before_a_layer_that_fails():
    net = nn.Sequential(Conv(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5, 2))
    with pytest.raises(TraceError, match="'3'") as caught:
        layer_table(net, (1, 8, 8))
    assert caught.value.table["layer"].tolist() == ["0", "1", "2"]
    assert caught.value.table.iloc[1]["receptive_field"] == 3


# What is shown


def test_numeric_columns_are_numeric():
    table = layer_table(MNISTModel())
    assert list(table) == COLUMNS
    numeric = ["kernel", "stride", "padding", "dilation", "jump", "receptive_field", "start"]
    for name in [*numeric, "params", "macs"]:
        assert pd.api.types.is_numeric_dtype(table[name]), name
    assert table["receptive_field"].max() == 32


def test_columns_can_be_chosen_and_unknown_ones_are_named():
    shown = summary(MNISTModel(), depth=1, columns=["layer", "kernel", "trainable"])
    assert repr(shown).splitlines()[0].split() == ["layer", "kernel", "trainable"]
    with pytest.raises(ValueError, match="no column 'color'; choose among layer"):
        summary(MNISTModel(), columns=["color"])


def test_a_summary_fits_on_the_screen():
    deep = nn.Sequential()
    inner = deep
    for name in ("encoder_of_the_network", "second_stage_of_four", "bottleneck_layer"):
        inner.add_module(name, nn.Sequential())
        inner = inner[0]
    inner.append(Conv(3, 4_096, 3))
    text = repr(summary(deep, (3, 224, 224)))
    assert max(map(len, text.splitlines())) <= WIDTH and "114,688" in text


def test_frozen_parameters_and_activations():
    net = nn.Sequential(Conv(1, 2, 3), nn.ReLU(inplace=True), Conv(2, 2, 3))
    net[0].requires_grad_(False)
    shown = summary(net, (1, 8, 8))
    assert "Trainable: 38, frozen: 20" in repr(shown)
    assert shown.table["out_bytes"].tolist() == [288, 0, 128]


def test_a_tree_sums_up():
    lines = summary(MNISTModel()).tree(depth=2).splitlines()
    conv2 = next(i for i, line in enumerate(lines) if line.startswith("conv2"))
    assert lines[conv2].split()[1:] == ["900", "677,376"]
    assert lines[conv2 + 1].split() == ["0", "Conv2d", "876", "677,376"]
    assert len(summary(MNISTModel()).tree(depth=1).splitlines()) == 1 + 10


def test_two_networks_side_by_side():
    one = layer_table(MNISTModel(), depth=1)
    wide = layer_table(MNISTModel((16, 12, 8, 12, 16, 20)), depth=1)
    compared = compare_tables(one, wide).set_index("layer")
    assert compared.loc["conv1", ["params_1", "params_2"]].tolist() == [96, 192]
    assert compared.loc["(total)", "params_1"] == 6_926
    lines = repr(Comparison(one, wide)).splitlines()
    assert max(map(len, lines)) <= WIDTH and lines[-1].startswith("(total)")

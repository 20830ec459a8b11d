"""Exports are read back and compute what the network computes; integers are exact.

What needs ONNX is skipped by name where the extra `export` is not installed.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from s6erav3 import export
from s6erav3.__main__ import main
from s6erav3.data.mnist import load_splits
from s6erav3.export import FORMATS, Calibration, export_network, load_exported
from s6erav3.inference import predict_log_proba
from s6erav3.models.model import MNISTModel
from s6erav3.models.separable import POOLINGS, STAGES, SeparableModel
from s6erav3.models.weights import load_pretrained, load_weights, new_network, save_weights
from s6erav3.quantization import (
    LOGITS,
    Flatten,
    IntegerConvolution,
    MaxPool,
    Mean,
    Scale,
    quantize_layer,
    quantize_network,
    quantize_weights,
)
from s6erav3.training.recipe import RECIPES, Recipe
from s6erav3.training.trainer import fit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import exports  # noqa: E402

HAS_ONNX = all(find_spec(name) for name in export._NEEDED)
needs_onnx = pytest.mark.skipif(
    not HAS_ONNX,
    reason="needs the extra `export`: pip install -c constraints.txt -e '.[export]'",
)
NAMES = [pytest.param("onnx", marks=needs_onnx), "torch-export", "json", "safetensors"]


@pytest.fixture(scope="module")
def digits():
    "Images without MNIST."
    return load_splits("digits").train


@pytest.fixture(scope="module")
def calibration(digits):
    "Images to calibrate with."
    return Calibration(digits.images[:100], "digits")


@pytest.fixture(scope="module")
def exported(calibration, tmp_path_factory):
    "Writes the network `best` in a format, once; the file."
    folder = tmp_path_factory.mktemp("exports")

    def write(name: str, int8: bool = False) -> Path:
        path = folder / f"{int8}{FORMATS[name]}"
        if not path.exists():
            export_network(load_pretrained(), path, name, calibration if int8 else None)
        return path

    return write


# Integers


def test_weights_are_wrong_by_half_a_step_at_most():
    weights = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    for bits in range(2, 9):
        for per_channel in (True, False):
            integers, steps = quantize_weights(weights, bits, per_channel)
            wide = steps[:, None, None, None]
            assert np.abs(integers).max() == 2 ** (bits - 1) - 1
            assert (np.abs(wide * integers - weights.numpy()) <= wide / 2 + 1e-12).all()
            assert len(np.unique(steps)) == (6 if per_channel else 1)


def test_a_channel_of_zeros_stays_zero():
    integers, steps = quantize_weights(torch.zeros(2, 1, 3, 3))
    assert not integers.any() and (steps > 0).all()


def test_scales_have_zero_among_their_integers():
    for low, high in [(-2.9, 15.2), (0.0, 3.0), (1.0, 3.0), (-3.0, -1.0), (0.0, 0.0)]:
        scale = Scale.covering(low, high)
        assert -128 <= scale.zero_point <= 127
        ends = [scale.step * (q - scale.zero_point) for q in (-128, 127)]
        assert ends[0] <= low + scale.step / 2 and ends[1] >= high - scale.step / 2


def by_hand(layer: IntegerConvolution, x: np.ndarray) -> list[int]:
    "The outputs of a layer of 1×1 at one position, with Python's integers."
    outputs = []
    for channel, weights in enumerate(layer.weight[:, :, 0, 0].tolist()):
        total = int(layer.bias[channel])
        for weight, value in zip(weights, x[0, :, 0, 0].tolist()):
            total += weight * (value - layer.zero_point)
        total = max(total, 0) if layer.relu else total
        product = total * int(layer.multiplier[channel]) + int(layer.offset[channel])
        outputs.append(min(max(product >> 20, -128), 127))
    return outputs


@pytest.mark.parametrize("relu", [False, True])
def test_a_layer_computes_what_python_computes(relu):
    rng = np.random.default_rng(1)
    layer = IntegerConvolution(
        weight=rng.integers(-128, 128, (5, 7, 1, 1)).astype(np.int8),
        bias=rng.integers(-9_000, 9_000, 5).astype(np.int32),
        multiplier=rng.integers(-5_000, 5_000, 5).astype(np.int32),
        offset=rng.integers(-(2**26), 2**26, 5).astype(np.int32),
        zero_point=-7,
        relu=relu,
    )
    for _ in range(20):
        x = rng.integers(-128, 128, (1, 7, 1, 1)).astype(np.int8)
        assert layer(x).ravel().tolist() == by_hand(layer, x)


def varied(model: nn.Module) -> nn.Module:
    "A network whose BatchNorm is not the identity, and whose weighted pooling is no mean."
    torch.manual_seed(0)
    with torch.no_grad():
        if getattr(model, "pool", "") == "weighted":
            model.gap[1].weight.normal_()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(-1.5, 1.5)
                module.bias.normal_()
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return model.eval()


VARIANTS = [
    {},
    {"norm": "pre_act"},
    {"norm": "none"},
    {"pool": "global"},
    {"pool": "none"},
    {"channels": (4, 5, None, 6, 7, 9)},
]
SEPARABLE = [STAGES, ((6,), (8, 10), (10, 12)), ((4,), (6,), (8,), (8,))]  # 7×7 is pooled, too
NETWORKS = {str(variant): lambda v=variant: MNISTModel(**v) for variant in VARIANTS}
NETWORKS |= {str(stages): lambda s=stages: SeparableModel(s) for stages in SEPARABLE}
NETWORKS |= {
    f"weighted {stages}": lambda s=stages: SeparableModel(s, pool="weighted")
    for stages in SEPARABLE
}


@pytest.fixture(scope="module", params=[*NETWORKS, "best", "trained"])
def network(request):
    "A network of each kind: new, with a varied BatchNorm, from the package, or shortly trained."
    torch.manual_seed(0)
    if request.param == "trained":
        return request.getfixturevalue("trained")
    return load_pretrained() if request.param == "best" else varied(NETWORKS[request.param]())


@pytest.fixture(scope="module")
def trained(digits):
    "A separable network after a few epochs without augmentation."
    torch.manual_seed(0)
    model = SeparableModel(((6,), (8,), (12,)))
    still = dict.fromkeys(("rotation", "scale", "translate", "shear", "elastic_std"), 0.0)
    recipe = Recipe.fast().replace(name="short", epochs=10, batch_size=32, **still)
    fit(model, recipe, digits, load_splits("digits").valid, verbose=False)
    return model.eval()


@pytest.fixture(scope="module")
def integers(network, calibration):
    "The same network in integers."
    return quantize_network(network, calibration.images)


def test_integer_networks_agree_with_their_networks(network, integers, calibration):
    expected = predict_log_proba(network, calibration.images)
    found = integers.log_proba(calibration.images)
    spread = (expected.amax() - expected.amin()).item()
    assert (found - expected).abs().max() < 0.1 * spread
    assert (found.argmax(1) == expected.argmax(1)).double().mean() >= 0.95


def test_a_trained_separable_network_predicts_the_same_in_integers(trained, calibration):
    test = load_splits("digits").test
    expected = predict_log_proba(trained, test.images).argmax(1)
    found = quantize_network(trained, calibration.images).log_proba(test.images).argmax(1)
    accuracy = (expected == test.labels).double().mean()
    assert accuracy > 0.9 and (found == expected).double().mean() >= 0.98


def in_float64(layer, x: torch.Tensor) -> torch.Tensor:
    "The output of a layer, computed by PyTorch in float64, in which these integers are exact."
    if isinstance(layer, Flatten):
        return x.flatten(1)[:, :, None, None]
    if isinstance(layer, MaxPool):
        return F.max_pool2d(x, layer.size)
    if isinstance(layer, Mean):
        size = layer.size or x.shape[-1]
        return torch.floor(F.avg_pool2d(x, size, divisor_override=1) / size**2 + 0.5)
    arrays = (layer.weight, layer.bias, layer.multiplier, layer.offset)
    weight, bias, multiplier, offset = (torch.from_numpy(a.astype(float)) for a in arrays)
    x = F.pad(x - layer.zero_point, [layer.padding] * 4)
    total = F.conv2d(x, weight, bias, groups=layer.groups)
    total = total.relu() if layer.relu else total
    scaled = multiplier[:, None, None] * total + offset[:, None, None]
    assert total.abs().max() <= layer.largest_sum and scaled.abs().max() < 2**53
    limit = 2 ** (layer.bits - 1)
    return torch.floor(scaled / 2**20).clamp(-limit, limit - 1)


def test_integers_are_those_of_an_independent_computation(integers, digits):
    images = digits.images[200:220]
    expected = images.double() - 128
    found = (images.numpy().astype(np.int16) - 128).astype(np.int8)
    for layer in integers.layers.values():
        expected, found = in_float64(layer, expected), layer(found)
        assert np.array_equal(found, expected.numpy())
    assert found.dtype == np.int32
    assert np.array_equal(integers(images.numpy()), found.reshape(20, 10))


def test_groups_of_several_channels_are_convolved_apart():
    rng = np.random.default_rng(2)
    layer = IntegerConvolution(
        weight=rng.integers(-128, 128, (6, 2, 3, 3)).astype(np.int8),
        bias=rng.integers(-9_000, 9_000, 6).astype(np.int32),
        multiplier=rng.integers(-900, 900, 6).astype(np.int32),
        offset=rng.integers(-(2**26), 2**26, 6).astype(np.int32),
        zero_point=5,
        groups=2,
        padding=1,
    )
    x = rng.integers(-128, 128, (3, 4, 6, 5)).astype(np.int8)
    expected = in_float64(layer, torch.from_numpy(x).double()).numpy()
    assert np.array_equal(layer(x), expected) and len(np.unique(expected)) > 100


def test_no_sum_exceeds_32_bits_whatever_the_input(integers):
    "The largest sum of a channel: each input at the end of its range that makes it larger."
    for layer in integers.layers.values():
        if not isinstance(layer, IntegerConvolution):
            continue
        low, high = -128 - layer.zero_point, 127 - layer.zero_point
        for weights, bias in zip(layer.weight.tolist(), layer.bias.tolist()):
            flat = np.array(weights).ravel().tolist()
            largest = sum(max(w * low, w * high) for w in flat) + max(bias, 0)
            smallest = sum(min(w * low, w * high) for w in flat) + min(bias, 0)
            assert max(largest, -smallest) <= layer.largest_sum < 2**31


def test_a_sum_that_may_not_fit_into_32_bits_is_an_error():
    stage = nn.Sequential(nn.Conv2d(1, 1, 3))
    with torch.no_grad():
        stage[0].weight.fill_(1.0)
    for bias, fits in [(2**31 - 2**19, True), (2**31 - 2**18, False)]:  # 9 × 127 × 255 between
        nn.init.constant_(stage[0].bias, bias)
        if fits:
            assert quantize_layer(stage, Scale(127.0), LOGITS.covering(0, 2**40)).largest_sum
            continue
        with pytest.raises(ValueError, match="cannot be quantised: a sum does not fit"):
            quantize_layer(stage, Scale(127.0), LOGITS.covering(0, 2**40))


def test_pooling_leaves_out_what_is_left_over():
    x = np.arange(-45, 45, dtype=np.int8).reshape(1, 2, 5, 9)
    expected = F.max_pool2d(torch.from_numpy(x).double(), 2).numpy()
    assert np.array_equal(MaxPool(2)(x), expected) and expected.shape == (1, 2, 2, 4)
    assert Mean()(x).ravel().tolist() == [-23, 22]
    means = F.avg_pool2d(torch.from_numpy(x).double(), 2)
    assert np.array_equal(Mean(2)(x), torch.floor(means + 0.5)) and means.shape == (1, 2, 2, 4)


@pytest.mark.parametrize("architecture", VARIANTS, ids=str)
def test_the_architecture_of_a_network_is_found(architecture):
    model = MNISTModel(**architecture)
    again = MNISTModel(**export.architecture(model))
    assert str(again) == str(model)


@pytest.mark.parametrize("stages", SEPARABLE, ids=str)
@pytest.mark.parametrize("pool", POOLINGS)
def test_the_architecture_of_a_separable_network_is_found(stages, pool):
    model = SeparableModel(stages, pool=pool)
    found = export.architecture(model)
    assert found == {"stages": [list(channels) for channels in stages], "pool": pool}
    assert str(new_network(found)) == str(model)


@pytest.mark.parametrize("name", NAMES)
def test_separable_networks_are_exported(name, trained, digits, tmp_path):
    path = tmp_path / f"network{FORMATS[name]}"
    export_network(trained, path, name)
    images = digits.images[:20]
    assert (load_exported(path)(images) - predict_log_proba(trained, images)).abs().max() < 1e-4


@needs_onnx
def test_separable_networks_are_exported_to_onnx_in_int8(trained, calibration, digits, tmp_path):
    export_network(trained, tmp_path / "a.onnx", "onnx", calibration)
    expected = predict_log_proba(trained, digits.images).argmax(1)
    found = load_exported(tmp_path / "a.onnx")(digits.images).argmax(1)
    assert (found == expected).double().mean() >= 0.95


@pytest.mark.parametrize("bits", [1, 9, 4.5])
def test_integers_have_two_to_eight_bits(bits, trained, digits):
    with pytest.raises(ValueError, match=f"has 2 to 8 bits here, not {bits}"):
        quantize_network(trained, digits.images[:10], bits)


@pytest.mark.parametrize("images", [torch.zeros(3, 1, 28, 28), torch.zeros(0, 1, 28, 28).byte()])
def test_calibration_takes_bytes(images):
    with pytest.raises(ValueError, match="at least one image of bytes, not . of torch"):
        Calibration(images)


class Negated(MNISTModel):
    def forward(self, x):
        return -super().forward(x)


@pytest.mark.parametrize("format", ["json", "safetensors"])
def test_weights_of_changed_networks_are_not_exported(format, tmp_path):
    pooled, leaky, damaged = (load_pretrained() for _ in range(3))
    pooled.gap[0] = nn.AvgPool2d(5)
    leaky.conv3[1] = nn.LeakyReLU(0.2)
    damaged.fc.weight.data[0] = float("nan")
    for network in (pooled, leaky, damaged, Negated(), MNISTModel(in_channels=3)):
        with pytest.raises(ValueError, match="export it as onnx or torch-export"):
            export_network(network, tmp_path / f"a.{format}", format)
    assert not list(tmp_path.iterdir())


def test_the_suffix_of_another_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has the suffix of another format; onnx has .onnx"):
        export_network(load_pretrained(), tmp_path / "a.json")


def test_what_has_no_integer_form_is_an_error(digits):
    with pytest.raises(ValueError, match="a Linear cannot be quantised here; give an MNISTModel"):
        quantize_network(nn.Linear(784, 10), digits.images[:10])


def test_networks_of_others_are_not_exported(tmp_path):
    with pytest.raises(ValueError, match="a Linear cannot be exported"):
        export_network(torch.nn.Linear(2, 2), tmp_path / "a.json", "json")
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_into_32_bits_is_an_error(digits):
    model = varied(MNISTModel())
    with torch.no_grad():
        model.conv2[0].weight *= 1e-30
    with pytest.raises(ValueError, match="cannot be quantised: a bias does not fit"):
        quantize_network(model, digits.images[:10])


def test_the_size_is_that_of_the_integers(digits):
    model = load_pretrained()
    weights = sum(p.numel() for p in model.parameters() if p.dim() > 1)
    channels = 8 + 12 + 8 + 12 + 16 + 20 + 10
    assert quantize_network(model, digits.images[:10]).nbytes == weights + 3 * 4 * channels


# Files


@pytest.mark.parametrize("name", NAMES)
def test_what_is_exported_computes_the_same(name, digits, tmp_path):
    model = varied(MNISTModel((4, 5, None, 6, 7, 9), pool="none", norm="pre_act"))
    path = tmp_path / f"network{FORMATS[name]}"
    export_network(model, path, name)
    for n in (1, 2, 150):
        images = digits.images[:n]
        found = load_exported(path)(images)
        assert found.shape == (n, 10)
        assert (found - predict_log_proba(model, images)).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["json", "safetensors"])
def test_integers_are_read_back_exactly(name, network, integers, calibration, digits, tmp_path):
    path = tmp_path / f"network{FORMATS[name]}"
    export_network(network, path, name, calibration)
    images = digits.images[200:220]
    assert torch.equal(load_exported(path)(images), integers.log_proba(images))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    "The program in tests/integer_network.c."
    compiler = shutil.which("cc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("needs a C compiler called cc")
    path = tmp_path_factory.mktemp("program") / "integer_network"
    source = ROOT / "tests" / "integer_network.c"
    flags = ["-std=c11", "-Wall", "-Wextra", "-O2"]
    subprocess.run([compiler, *flags, "-o", path, source], check=True)
    return path


def test_a_program_in_c_computes_the_same_logits(
    program, network, integers, calibration, digits, tmp_path
):
    path = tmp_path / "network.safetensors"
    export_network(network, path, "safetensors", calibration)
    images = digits.images[200:220].numpy()
    run = subprocess.run([program, path], input=images.tobytes(), stdout=-1, check=True)
    found = np.array(run.stdout.split(), int).reshape(20, 10)
    assert np.array_equal(found, integers(images))


@needs_onnx
def test_onnx_in_int8_is_in_int8_and_agrees(exported, digits):
    import onnx

    path = exported("onnx", True)
    weights = {t.name: t.data_type for t in onnx.load(path).graph.initializer if len(t.dims) > 1}
    assert len(weights) == 7 and set(weights.values()) == {onnx.TensorProto.INT8}
    images = digits.images[200:]
    found, expected = load_exported(path)(images), predict_log_proba(load_pretrained(), images)
    assert (found.argmax(1) == expected.argmax(1)).double().mean() > 0.98


@needs_onnx
def test_onnx_agrees_on_a_thousand_images(mnist_dir, exported):
    "For the other networks, the record says so."
    images = load_splits("mnist", mnist_dir).test.images[:1_000]
    found = load_exported(exported("onnx"))(images)
    expected = predict_log_proba(load_pretrained(), images)
    assert (found - expected).abs().max() < 1e-4
    assert torch.equal(found.argmax(1), expected.argmax(1))


@needs_onnx
def test_an_onnx_graph_takes_bytes_and_any_number_of_images(exported):
    import onnx

    proto = onnx.load(exported("onnx"))
    [given], [returned] = proto.graph.input, proto.graph.output
    assert (given.name, returned.name) == ("images", "log_probabilities")
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    dims = [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim]
    assert dims == ["batch", 1, 28, 28]
    said = {entry.key: entry.value for entry in proto.metadata_props}
    assert "uint8" in said["input"] and json.loads(said["architecture"])["pool"] == "avg3"


def test_exported_safetensors_are_weights(tmp_path):
    widths = (6, 9, 6, 9, 12, 15)
    model, path = MNISTModel(widths).eval(), tmp_path / "a.safetensors"
    export_network(model, path, "safetensors")
    again = load_weights(MNISTModel(widths), path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    with pytest.raises(ValueError, match="is for another network"):
        load_weights(MNISTModel(), path)


def test_integers_are_no_weights_of_the_float_network(calibration, tmp_path):
    export_network(load_pretrained(), tmp_path / "a.safetensors", "safetensors", calibration)
    with pytest.raises(ValueError, match="is for another network"):
        load_weights(MNISTModel(), tmp_path / "a.safetensors")


def test_json_says_what_goes_in_and_how_to_normalise(calibration, tmp_path):
    for name, images in {"float32": None, "int8": calibration}.items():
        export_network(load_pretrained(), tmp_path / name, "json", images)
    said = {n: json.loads((tmp_path / n).read_text(encoding="utf-8")) for n in ("float32", "int8")}
    assert "0.1307) / 0.3081" in said["float32"]["input"] and "uint8" in said["int8"]["input"]
    assert said["int8"]["calibration"] == "100 training images of digits"
    first = said["int8"]["layers"][0]
    assert (first["name"], first["kind"], first["padding"]) == ("conv1.0", "convolution", 1)
    assert np.shape(first["weight"]) == (8, 1, 3, 3) and np.shape(first["bias"]) == (8,)
    assert said["int8"]["layers"][2] == {"name": "transition1.0", "kind": "max_pool", "size": 2}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_nothing_of_the_machine_that_made_it(name, exported):
    "Exporters write paths of Python files into graphs."
    for int8 in (False, True)[: 1 + (name != "torch-export")]:
        content = exported(name, int8).read_bytes()
        for place in (ROOT, Path.home(), Path(sys.prefix), Path(torch.__file__).parent):
            assert str(place).encode() not in content
        assert not re.search(rb"\.py\b", content)


@pytest.mark.parametrize("name", NAMES)
def test_exporting_leaves_the_network_as_it_was(name, tmp_path):
    model = load_pretrained().train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    export_network(model, tmp_path / "a", name)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


# Other classes than the digits


@pytest.fixture
def bars(tmp_path, monkeypatch):
    "A run on 33 images of three classes, in `run`, and the images, in `images`."
    monkeypatch.chdir(tmp_path)
    for label, name in enumerate("abc"):
        Path("images", name).mkdir(parents=True)
        for i in range(11):
            pixels = np.zeros((28, 28), np.uint8)
            pixels[:, 9 * label : 9 * label + 8] = 200 + i
            Image.fromarray(pixels).save(f"images/{name}/{i}.png")
    line = "train --dataset folder --data-dir images --epochs 1 --output-dir run --threads 1"
    assert main(line.split()) == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_network_of_three_classes_is_exported_with_their_names(name, bars, digits):
    line = f"export --format {name} --weights run/mnist_model.pth --output three{FORMATS[name]}"
    assert main(line.split()) == 0
    model = load_weights(MNISTModel(num_classes=3), "run/mnist_model.pth")
    expected = predict_log_proba(model, digits.images[:20])
    found = load_exported(f"three{FORMATS[name]}")(digits.images[:20])
    assert found.shape == (20, 3) and (found - expected).abs().max() < 1e-4
    if name == "json":
        said = json.loads(Path("three.json").read_text(encoding="utf-8"))
        assert said["output"] == "log_probabilities: float32 (batch, 3), of the classes 0 to 2"
        assert said["classes"] == ["a", "b", "c"]


def test_classes_without_a_record_have_no_names(bars):
    Path("run/record.json").unlink()
    line = "export --format json --weights run/mnist_model.pth --recipe fast --output three.json"
    assert main(line.split()) == 0
    said = json.loads(Path("three.json").read_text(encoding="utf-8"))
    assert "(batch, 3), of the classes 0 to 2" in said["output"] and "classes" not in said
    with pytest.raises(ValueError, match="the network has 3 classes, but 2 names are given"):
        export_network(MNISTModel(num_classes=3), "a.json", "json", classes=("a", "b"))


def test_int8_is_calibrated_on_all_of_a_small_data_set_of_the_same_classes(bars, capsys):
    line = "export --format json --int8 --weights run/mnist_model.pth --output three.json"
    assert main([*line.split(), "--dataset", "digits"]) == 1
    assert "the network has 3 classes, but" in capsys.readouterr().err
    assert not Path("three.json").exists()
    assert main([*line.split(), "--dataset", "folder", "--data-dir", "images"]) == 0
    said = json.loads(Path("three.json").read_text(encoding="utf-8"))
    n_training = 33 - 6  # without the sixth that is for testing
    assert said["calibration"] == f"{n_training} training images of images (not MNIST)"
    assert "logits: int32 (batch, 3), of the classes 0 to 2, in steps" in said["output"]
    assert load_exported("three.json")(torch.zeros(2, 1, 28, 28, dtype=torch.uint8)).shape == (2, 3)


# Errors


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    "Runs the command in an empty folder; it must fail in one line and write nothing."
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, str]:
        before = sorted(Path().rglob("*"))
        status = main(["export", *shlex.split(line)])
        error = capsys.readouterr().err
        assert status != 0 and error.startswith("Error: ") and error.count("\n") == 1, error
        assert sorted(Path().rglob("*")) == before
        return status, error

    return run


@pytest.mark.parametrize(
    "line, status, message",
    [
        ("--format json --output no/a.json", 1, "there is no folder no; create it"),
        ("--format json --recipe gold", 2, "'gold' is not one of"),
        ("--format h5", 2, "'h5' is not one of"),
        ("--format torch-export --int8", 2, "--int8 does not go with torch-export"),
        ("--format json --weights no.pth", 1, "there is no weights file no.pth"),
        ("", 2, "Missing option '--format'"),
    ],
)
def test_a_wrong_call_gets_a_sentence(line, status, message, refused):
    found, error = refused(line)
    assert found == status and message in error


def test_no_file_is_overwritten(refused):
    Path("best.json").write_text("mine", encoding="utf-8")
    assert "best.json is there already; remove it" in refused("--format json")[1]


def test_weights_of_another_network_are_named(refused):
    save_weights(MNISTModel(), "mine.pth")
    status, error = refused("--format json --weights mine.pth --recipe smallest_99")
    assert status == 1 and "mine.pth is for another network" in error


def test_without_the_extra_a_sentence_says_what_to_install(refused, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "onnxscript" else name)
    status, error = refused("--format onnx")
    assert status == 1 and "needs onnxscript; install" in error and '".[export]"' in error


def test_the_command_names_the_file_after_the_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_weights(load_pretrained("fast"), "mine.pth")
    for line in ("--recipe fast", "--weights mine.pth", "--int8 --dataset digits"):
        assert main(["export", "--format", "json", *line.split()]) == 0
    found = sorted(path.name for path in Path().glob("*.json"))
    assert found == ["best-int8.json", "fast.json", "mine.json"]
    assert "Written to best-int8.json: " in capsys.readouterr().out
    assert "digits" in json.loads(Path("best-int8.json").read_text(encoding="utf-8"))["calibration"]
    a, b = (
        json.loads(Path(f"{name}.json").read_text(encoding="utf-8")) for name in ("fast", "mine")
    )
    assert a == b


def test_the_command_exports_a_separable_network_in_int8(trained, tmp_path, monkeypatch):
    "Its recipe is in the record beside the weights."
    from s6erav3.training.record import read_record

    monkeypatch.chdir(tmp_path)
    path = ROOT / "results" / "default_run" / "fast-seed0.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["recipe"] |= {"stages": [[6], [8], [12]], "dropout": 0.0}
    Path("record.json").write_text(json.dumps(record), encoding="utf-8")
    assert read_record(Path("record.json"))
    save_weights(trained, "mnist_model.pth")
    line = "export --format json --int8 --dataset digits --weights mnist_model.pth"
    assert main(line.split()) == 0
    content = json.loads(Path("mnist_model-int8.json").read_text(encoding="utf-8"))
    assert content["architecture"] == {"stages": [[6], [8], [12]], "pool": "global"}
    assert {layer.get("groups", 0) for layer in content["layers"]} == {0, 1, 6, 8}


# The record


@pytest.fixture(scope="module")
def recorded():
    "What tools/exports.py has measured."
    return json.loads(exports.OUTPUT.read_text(encoding="utf-8"))


def test_the_record_has_every_recipe_and_its_tested_accuracy(recorded):
    assert [row["network"] for row in recorded["networks"]] == list(RECIPES)
    assert recorded["test_images"] == 10_000 and recorded["verified_images"] == 1_000
    for row in recorded["networks"]:
        path = ROOT / "s6erav3" / "weights" / f"{row['network']}.json"
        tested = json.loads(path.read_text(encoding="utf-8"))["test_accuracy"]
        found = {(e["format"], e["numbers"]): e for e in row["exports"]}
        assert found["safetensors", "float32"]["accuracy"] == tested
        assert found["onnx", "float32"]["accuracy"] == tested
        assert found["onnx", "float32"]["largest_difference"] < 1e-4
        assert found["onnx", "float32"]["different"] == 0


def test_the_recorded_sizes_are_those_of_the_files(recorded, mnist_dir, tmp_path):
    images = load_splits("mnist", mnist_dir, 0, exports.CALIBRATION_IMAGES).train.images
    for row in recorded["networks"]:
        sizes = {e["numbers"]: e["bytes"] for e in row["exports"] if e["format"] == "safetensors"}
        for numbers in sizes:
            given = Calibration(images) if numbers == "int8" else None
            path = tmp_path / f"{row['network']}-{numbers}.safetensors"
            export_network(load_pretrained(row["network"]), path, "safetensors", given)
            assert path.stat().st_size == sizes[numbers]
        with safetensors.safe_open(path, "np") as file:
            n_layers = len(file.get_tensor("layers"))
            arrays = [file.get_tensor(name) for name in file.keys() if name != "layers"]
        assert sum(array.nbytes for array in arrays) == row["int8_bytes"]
        assert sizes["int8"] < row["int8_bytes"] + 650 + 50 * n_layers  # a header, and names


def test_the_int8_file_of_the_best_network_has_9_kb(recorded):
    [row] = [row for row in recorded["networks"] if row["network"] == "best"]
    sizes = {(e["format"], e["numbers"]): e["bytes"] for e in row["exports"]}
    assert sizes["safetensors", "int8"] < 9_000


@needs_onnx
def test_a_row_of_the_record_is_measured_again(recorded, mnist_dir):
    test = load_splits("mnist", mnist_dir).test
    [row] = [row for row in recorded["networks"] if row["network"] == "smallest_99"]
    images = load_splits("mnist", mnist_dir, 0, exports.CALIBRATION_IMAGES).train.images
    found = exports.measure_network("smallest_99", test, Calibration(images))
    before = [e["accuracy"] for e in row["exports"]]
    again = [e["accuracy"] for e in found["exports"]]
    assert again == pytest.approx(before, abs=0.02)  # two images, for another processor

"""The explorable page's JavaScript computes what Python computes; the page is small and complete.

The JavaScript runs under Node; where Node is missing, these tests are skipped by name.
"""

import json
import re
import sys

import numpy as np
import pytest
import torch

from javascript import PAGE, ROOT, SHARED, drawings, run_node
from s6erav3.anatomy.table import layer_table
from s6erav3.data.mnist import load_mnist, load_splits
from s6erav3.inference import predict_log_proba
from s6erav3.models.model import MNISTModel
from s6erav3.models.separable import SeparableModel
from s6erav3.models.weights import load_pretrained
from s6erav3.pictures.predict import to_mnist
from s6erav3.pictures.web import describe_network, join_modules

sys.path.insert(0, str(ROOT / "tools"))
import explore  # noqa: E402

SHIPPED = sorted(path.stem for path in (ROOT / "s6erav3" / "weights").glob("*.safetensors"))
VARIANTS = {
    "no pooling at the end": MNISTModel(pool="none"),
    "mean of all positions": MNISTModel(pool="global"),
    "normalised before ReLU": MNISTModel(norm="pre_act"),
    "no normalisation": MNISTModel(norm="none"),
    "no 1×1 convolution": MNISTModel(channels=(4, 6, None, 6, 8, 10)),
    "separable convolutions": SeparableModel(),
    "weighted pooling": SeparableModel(pool="weighted"),
}
torch.nn.init.normal_(VARIANTS["weighted pooling"].gap[1].weight)
TOLERANCE = 1e-4  # of a log-probability
FIELDS = "console.log(JSON.stringify(receptiveFields(network)));"
FORWARD = """
const description = JSON.parse(readFileSync("network.json", "utf-8"));
const network = readNetwork(description, readFloats("numbers"));
const images = readBytes("images");
const outputs = [];
for (let i = 0; i < images.length; i += 784) {
  outputs.push(...forward(network, images.subarray(i, i + 784)).logProbabilities);
}
write("outputs", Float32Array.from(outputs));
"""


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    "1,000 test images; where MNIST is missing, as many drawings in its form."
    try:
        load_mnist(download=False)
    except FileNotFoundError:
        made = [to_mnist(mask) for mask in drawings(1_000)]
        return torch.tensor(np.stack(made))[:, None]
    return load_splits(download=False).test.images[:1_000]


def outputs_of(model, images, folder) -> torch.Tensor:
    "The log-probabilities that the JavaScript computes, `(n, 10)`."
    description, numbers = describe_network(model)
    (folder / "network.json").write_text(json.dumps(description), encoding="utf-8")
    numbers.tofile(folder / "numbers")
    images.numpy().tofile(folder / "images")
    run_node(folder, [SHARED / "network.js"], FORWARD)
    return torch.from_numpy(np.fromfile(folder / "outputs", np.float32)).view(-1, 10)


def assert_same(found, expected):
    "Fail unless log-probabilities agree within the tolerance, and predictions do."
    difference = (found - expected).abs().max().item()
    print(f"largest difference of {len(found)} images: {difference:.1e}")
    assert difference < TOLERANCE
    assert torch.equal(found.argmax(dim=1), expected.argmax(dim=1))


@pytest.mark.parametrize("name", SHIPPED)
def test_forward_pass_of_shipped_networks(name, images, tmp_path):
    model = load_pretrained(name)
    assert_same(outputs_of(model, images, tmp_path), predict_log_proba(model, images))


@pytest.mark.parametrize("name", VARIANTS)
def test_forward_pass_of_other_networks(name, images, tmp_path):
    model = VARIANTS[name]
    model(3 * torch.randn(32, 1, 28, 28) + 1)  # for means and variances that are not 0 and 1
    model.fc.weight.data *= 20  # for probabilities that are not alike
    some = images[:50]
    model.eval()
    assert_same(outputs_of(model, some, tmp_path), predict_log_proba(model, some))


def test_preparation_of_200_drawings(tmp_path):
    "At most 2 of 255 in any pixel, and the same predictions."
    masks = drawings(200)
    masks.astype(np.uint8).tofile(tmp_path / "masks")
    code = """
    const masks = readBytes("masks");
    const images = [];
    for (let i = 0; i < masks.length; i += 140 * 140) {
      const data = masks.subarray(i, i + 140 * 140);
      images.push(...toMnist({ data, height: 140, width: 140 }));
    }
    write("images", Uint8Array.from(images));
    """
    run_node(tmp_path, [SHARED / "drawing.js"], code)
    found = np.fromfile(tmp_path / "images", np.uint8).reshape(-1, 28, 28)
    expected = np.stack([to_mnist(mask) for mask in masks])
    difference = np.abs(found.astype(int) - expected).max()
    print(f"largest difference of {len(masks)} drawings: {difference} of 255")
    assert len(found) == 200 and difference <= 2
    model = load_pretrained()
    predicted = [
        predict_log_proba(model, torch.tensor(batch)[:, None]).argmax(dim=1)
        for batch in (found, expected)
    ]
    assert torch.equal(*predicted)


def test_a_blank_drawing_is_no_image(tmp_path):
    code = "console.log(toMnist({ data: new Uint8Array(140 * 140), height: 140, width: 140 }));"
    assert run_node(tmp_path, [SHARED / "drawing.js"], code) == "null\n"


def explained(model, folder, code, others=()) -> str:
    "What `code` prints of a network and of its result for one image."
    description, numbers = describe_network(model)
    numbers.tofile(folder / "numbers")
    made = f"const network = readNetwork({json.dumps(description)}, readFloats('numbers'));"
    image = "const image = Uint8Array.from({ length: 784 }, (_, i) => (i * i) % 256);"
    result = "const result = forward(network, image);"
    modules = [SHARED / "network.js", PAGE / "fields.js", *others]
    return run_node(folder, modules, "\n".join([made, image, result, code]))


def test_receptive_fields_of_weighted_pooling(tmp_path):
    model = VARIANTS["weighted pooling"]
    found = json.loads(explained(model, tmp_path, FIELDS))
    table = layer_table(model).set_index("layer")
    columns = ["receptive_field", "jump", "start"]
    for layer, field in zip(["gap.0", "gap.1", "fc"], found[-3:], strict=True):
        expected = table.loc[layer, columns].tolist()
        assert layer == "fc" or [field["size"], field["jump"], field["start"]] == expected, layer


def test_the_diagram_says_what_pooling_does(tmp_path):
    code = """
    const texts = network.stages.map((stage, i) => describeStage(stage, result.stages[i].output));
    console.log(JSON.stringify(texts.map(({ facts }) => facts)));
    """
    modules = [PAGE / "diagram.js"]
    weighted = json.loads(explained(VARIANTS["weighted pooling"], tmp_path, code, modules))
    assert weighted[-3:] == ["mean of each 2×2", "3×3 filters, depthwise", "all features"]
    published = json.loads(explained(load_pretrained(), tmp_path, code, modules))
    assert published[-2:] == ["mean of first 3×3", "all features"]


@pytest.mark.parametrize("name", ["best", "smallest_99"])
def test_receptive_fields(name, tmp_path):
    model = load_pretrained(name)
    found = json.loads(explained(model, tmp_path, FIELDS))
    table = layer_table(model)
    table = table[~table["kind"].isin(["Dropout2d", "flatten"])]  # which the page has no stage for
    stages = describe_network(model, name)[0]["stages"]
    ends = np.cumsum([len(stage["layers"]) for stage in stages]) - 1
    assert ends[-1] == len(table) - 1
    for (_, row), field in zip(table.iloc[ends].iterrows(), found, strict=True):
        expected = row[["receptive_field", "jump", "start"]].tolist()
        assert [field["size"], field["jump"], field["start"]] == expected, row["layer"]


def test_pixels_of_a_position_are_those_that_its_gradient_reaches(tmp_path):
    "For a position of conv4, in both ways in which the page computes them."
    code = """
    const field = pixelsOf(receptiveFields(network)[4], 3, 6);
    const layers = network.stages.slice(0, 5).flatMap((stage) => stage.layers);
    console.log(JSON.stringify([clip(field, 28, 28), clip(sourcesOf(layers, 3, 6), 28, 28)]));
    """
    model = load_pretrained()
    image = torch.rand(1, 1, 28, 28, requires_grad=True)
    maps = model.conv4[0](model.conv3(model.transition1(model.conv2(model.conv1(image)))))
    maps[0, :, 3, 6].sum().backward()
    rows, columns = image.grad[0, 0].nonzero().unbind(dim=1)
    for part in json.loads(explained(model, tmp_path, code)):
        assert part["top"] <= rows.min() and rows.max() < part["bottom"]
        assert part["left"] <= columns.min() and columns.max() < part["right"]
        assert part["bottom"] - part["top"] == part["right"] - part["left"] == 14


@pytest.mark.parametrize("name", ["best", "no 1×1 convolution", "smallest_994", "weighted pooling"])
def test_the_arithmetic_leads_to_the_output(name, tmp_path):
    "At corners and in the middle of every map, parts and bias add up, and steps end at the output."
    code = """
    let [positions, largest] = [0, 0];
    network.stages.forEach((stage, s) => {
      const { data, channels, height, width } = result.stages[s].output;
      for (let channel = 0; channel < channels; channel++) {
        for (const [row, column] of [[0, 0], [height - 1, 0], [height >> 1, width >> 1]]) {
          const position = { stage: s, channel, row, column };
          const { parts, pools, bias, steps } = explain(network, result, position);
          const sum = parts.reduce((total, part) => total + part.value, bias);
          const first = parts.length ? sum : pools.find(({ input }) => input === channel).value;
          const output = data[(channel * height + row) * width + column];
          const gaps = [first - steps[0].value, steps.at(-1).value - output].map(Math.abs);
          largest = Math.max(largest, ...gaps);
          positions++;
        }
      }
    });
    console.log(JSON.stringify([positions, largest]));
    """
    model = VARIANTS[name].eval() if name in VARIANTS else load_pretrained(name)
    positions, largest = json.loads(explained(model, tmp_path, code))
    assert positions > 200 and largest < TOLERANCE


def test_the_page_is_small(built):
    sizes = {path.name: path.stat().st_size for path in built.iterdir()}
    print(sizes, sum(sizes.values()))
    assert sum(sizes.values()) < 300_000


def test_the_page_is_complete_and_asks_no_other_host(built):
    html = (built / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', html)
    own = [name for name in loaded if not name.startswith(("https:", "data:"))]
    assert sorted(own) == ["explore.js", "page.webp", "style.css", "weights.js"]
    assert {path.name for path in built.iterdir()} == {"index.html", *own}
    script = (built / "explore.js").read_text(encoding="utf-8")
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|https?://(?!www\.w3\.org/)", script)


def read_built(built, folder, code) -> str:
    "What `code` prints of the data in the page."
    (folder / "weights.js").write_bytes((built / "weights.js").read_bytes())
    before = '(0, eval)(readFileSync("weights.js", "utf-8"));\n'
    modules = [SHARED / "network.js", PAGE / "data.js"]
    return run_node(folder, modules, before + code)


PREDICTED = """
const { models, epochs, images } = await readData();
const bytes = readBytes("images");
const outputs = [...models, ...epochs].flatMap(({ network }) => {
  const starts = Array.from({ length: bytes.length / 784 }, (_, i) => 784 * i);
  return starts.flatMap((i) => forward(network, bytes.subarray(i, i + 784)).logProbabilities);
});
write("outputs", Float32Array.from(outputs));
console.log(JSON.stringify(images.map(({ index, label, pixels }) => [index, label, [...pixels]])));
"""


@pytest.fixture(scope="module")
def packed_outputs(built, images, tmp_path_factory) -> torch.Tensor:
    """The outputs of all packed networks for the first 200 images.

    First those of the shipped networks, then of the untrained one, then of the epochs of a run."""
    folder = tmp_path_factory.mktemp("packed")
    images[:200].numpy().tofile(folder / "images")
    run_text = read_built(built, folder, PREDICTED)
    assert len(json.loads(run_text)) == 20
    found = torch.from_numpy(np.fromfile(folder / "outputs", np.float32))
    return found.view(-1, 200, 10)


def test_the_packed_networks_are_the_shipped_ones(packed_outputs, images):
    for name, output in zip(explore.MODELS, packed_outputs):
        assert_same(output, predict_log_proba(load_pretrained(name), images[:200]))


def test_the_rounded_epochs_predict_what_the_saved_ones_do(packed_outputs, images, mnist_dir):
    "For 99 of 100 images of MNIST."
    states = torch.load(ROOT / "results" / "seeing" / "epochs.pth", weights_only=True)
    rounded = packed_outputs[len(explore.MODELS) + 1 :]
    for state, output in zip(states, rounded, strict=True):
        model = MNISTModel(dropout=0)
        model.load_state_dict(state)
        expected = predict_log_proba(model.eval(), images[:200]).argmax(dim=1)
        assert (output.argmax(dim=1) == expected).float().mean() >= 0.99


def test_the_accuracies_of_the_epochs_are_those_of_the_weights_shown(mnist_dir):
    stated = json.loads((PAGE / "epochs.json").read_text(encoding="utf-8"))
    assert explore.epoch_accuracies() == pytest.approx(stated, abs=0.02)


def test_the_images_are_those_of_mnist(mnist_dir, built, tmp_path):
    "Ten that `best` classifies correctly, and ten that it does not."
    test = load_splits("mnist", mnist_dir).test
    test.images[:1].numpy().tofile(tmp_path / "images")
    bundled = json.loads(read_built(built, tmp_path, PREDICTED))
    chosen = [index for index, _, _ in bundled]
    pixels = torch.tensor([pixels for _, _, pixels in bundled], dtype=torch.uint8)
    assert torch.equal(pixels, test.images[chosen].flatten(1))
    labels = torch.tensor([label for _, label, _ in bundled])
    assert torch.equal(labels, test.labels[chosen])
    predicted = predict_log_proba(load_pretrained(), test.images[chosen]).argmax(dim=1)
    assert (predicted == labels).tolist() == 10 * [True] + 10 * [False]


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda text: "", "is missing"),
        (lambda text: text.replace('text: "ABz', 'text: "0Bz'), "is damaged"),
        (lambda text: text[:60_000] + "0" * 5_000 + text[65_000:], "is damaged"),
    ],
)
def test_weights_that_fail_to_load(damage, said, built, tmp_path):
    (tmp_path / "site").mkdir()
    text = (built / "weights.js").read_text(encoding="utf-8")
    (tmp_path / "site" / "weights.js").write_text(damage(text), encoding="utf-8")
    code = "await readData().catch((error) => console.log(error.message));"
    assert said in read_built(tmp_path / "site", tmp_path, code)


def test_weights_that_are_no_numbers(tmp_path):
    description, numbers = describe_network(load_pretrained(), "best")
    numbers[100] = np.nan
    numbers.tofile(tmp_path / "numbers")
    code = f"""
    try {{ readNetwork({json.dumps(description)}, readFloats("numbers")); }}
    catch (error) {{ console.log(error.message); }}
    """
    said = run_node(tmp_path, [SHARED / "network.js"], code)
    assert said == "the weights of best are damaged\n"


def test_names_of_joined_modules_do_not_clash():
    script = join_modules(explore.MODULES)
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", script, re.M)
    assert len(names) > 60 and len(names) == len(set(names))
    assert not re.search(r"^import|^export", script, re.M)


def test_record_of_frames():
    "As tests/test_explore_browser.py has measured them: half of the frames take less than 16 ms."
    path = ROOT / "results" / "pictures" / "page.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for work in ("drawing", "pointing"):
        assert record[work]["frames"] > 20 and record[work]["median_ms"] < 16

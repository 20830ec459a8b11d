// The drawing canvas of a notebook: a paper, and what the network makes of the drawing.
//
// All of it is computed in the page. Python is sent the drawing only when it asks.
import { INK_SIDE, inkReader, letDraw, PAPER_SIDE, toMnist } from "./drawing.js";
import { forward, readNetwork } from "./network.js";
import { describePrediction, element, floatsOf, oncePerFrame, percent } from "./page.js";

function toShades(values) {
  // Numbers as bytes, all of them on one scale from the smallest to the largest.
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return Uint8Array.from(values, (value) => (255 * (value - low)) / Math.max(high - low, 1e-9));
}

function fillInverted(canvas, values, columns, rows) {
  // Fill a canvas of columns × rows with bytes, bright ink drawn black on white.
  const image = new ImageData(columns, rows);
  for (let i = 0; i < columns * rows; i++) {
    const grey = 255 - values[i];
    image.data.set([grey, grey, grey, 255], 4 * i);
  }
  Object.assign(canvas, { width: columns, height: rows });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function tiled(values, { channels, height, width }) {
  // Maps in rows of at most eight, a white pixel between them: bytes, columns, rows.
  const across = Math.min(channels, 8);
  const down = Math.ceil(channels / across);
  const columns = across * (width + 1) - 1;
  const rows = down * (height + 1) - 1;
  const tiles = new Uint8Array(columns * rows);
  for (let i = 0; i < channels * height * width; i++) {
    const map = Math.floor(i / (height * width));
    const row = Math.floor(map / across) * (height + 1) + (Math.floor(i / width) % height);
    const column = (map % across) * (width + 1) + (i % width);
    tiles[row * columns + column] = values[i];
  }
  return [tiles, columns, rows];
}

function controls(stages) {
  // What is drawn on and clicked.
  const label =
    "Paper: draw a digit here with mouse, pen or finger; " +
    "or with the arrow keys, after the space bar has set the pen down";
  const options = stages.map((name) => element("option", { value: name, textContent: name }));
  const made = {
    paper: element("canvas", { className: "paper", role: "img", ariaLabel: label }),
    cursor: element("span", { className: "pen", hidden: true }),
    clear: element("button", { type: "button", textContent: "Clear" }),
    save: element("button", { type: "button", textContent: "Save as PNG" }),
    stage: element("select", { ariaLabel: "Stage whose feature maps are shown" }, options),
  };
  for (const control of [made.paper, made.clear, made.save, made.stage]) {
    control.dataset.lmSuppressShortcuts = ""; // or JupyterLab takes its keys for its own
  }
  return made;
}

function displays() {
  // What shows the output of the network.
  const digits = [...Array(10).keys()];
  return {
    image: element("canvas", {
      className: "image",
      role: "img",
      ariaLabel: "The 28 by 28 pixels that the network is given",
    }),
    maps: element("canvas", { className: "maps", role: "img" }),
    meters: digits.map((digit) =>
      element("meter", { min: 0, max: 1, value: 0, ariaLabel: `Probability of ${digit}` }),
    ),
    percents: digits.map(() => element("span", { className: "percent" })),
    prediction: element("p", { className: "prediction", role: "status" }),
  };
}

function titled(title, ...children) {
  return element("section", {}, [element("h4", { textContent: title }), ...children]);
}

function laidOut(parts, { image, maps, meters, percents, prediction }) {
  const bars = meters.flatMap((meter, digit) => [
    element("span", { textContent: digit }),
    meter,
    percents[digit],
  ]);
  const sheet = element("div", { className: "sheet" }, [parts.paper, parts.cursor]);
  return element("div", { className: "drawing-canvas" }, [
    titled("Draw a digit", sheet, element("div", {}, [parts.clear, " ", parts.save])),
    titled("Input of the network", image),
    titled("Probability of each digit", element("div", { className: "bars" }, bars)),
    element("section", {}, [element("label", {}, ["Feature maps of ", parts.stage]), maps]),
    prediction,
  ]);
}

function show({ image, result, stage }, shown) {
  // Show the network's input and output; nothing is predicted where nothing is drawn.
  const { output } = result.stages.find(({ name }) => name === stage);
  fillInverted(shown.image, image ?? new Uint8Array(28 * 28), 28, 28);
  fillInverted(shown.maps, ...tiled(toShades(output.data), output));
  const { channels, height, width } = output;
  shown.maps.ariaLabel = `${channels} feature maps of ${height} by ${width} positions`;
  result.probabilities.forEach((probability, digit) => {
    const seen = image ? probability : 0;
    shown.meters[digit].value = seen;
    shown.percents[digit].textContent = percent(seen);
  });
  const text = image ? describePrediction(result.probabilities) : "Nothing is drawn yet.";
  if (shown.prediction.textContent !== text) shown.prediction.textContent = text;
}

function download(paper) {
  // Save the drawing, black on white.
  const sheet = element("canvas", { width: PAPER_SIDE, height: PAPER_SIDE });
  const context = sheet.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, PAPER_SIDE, PAPER_SIDE);
  context.drawImage(paper, 0, 0);
  element("a", { href: sheet.toDataURL("image/png"), download: "digit.png" }).click();
}

function stagesWithMaps(network) {
  // The names of the stages whose output has channels of more than one position.
  const { stages } = forward(network, new Uint8Array(28 * 28));
  return stages.filter(({ output }) => output.height * output.width > 1).map(({ name }) => name);
}

export function mount(place, network) {
  // A canvas in `place`; returns a function that gives what is drawn, as bytes.
  const parts = controls(stagesWithMaps(network));
  const shown = displays();
  const canvas = laidOut(parts, shown);
  place.append(canvas);
  const readInk = inkReader();

  const update = oncePerFrame((asked) => {
    const image = toMnist(readInk(parts.paper));
    const result = forward(network, image ?? new Uint8Array(28 * 28));
    show({ image, result, stage: parts.stage.value }, shown);
    canvas.dataset.latency = (performance.now() - asked).toFixed(1); // ms, stroke to bars
  });
  const clearPaper = letDraw(parts.paper, parts.cursor, update);

  parts.clear.addEventListener("click", () => {
    clearPaper();
    update();
  });
  parts.save.addEventListener("click", () => download(parts.paper));
  parts.stage.addEventListener("change", () => update());
  update();
  return () => readInk(parts.paper).data.map((ink) => 255 * ink);
}

function render({ model, el }) {
  // What anywidget calls for each view. A view sends its drawing, if there is one, when Python asks.
  const network = readNetwork(model.get("description"), floatsOf(model.get("weights")));
  const drawing = mount(el, network);
  const send = () => {
    const mask = drawing();
    if (mask.includes(255)) model.send({ side: INK_SIDE }, undefined, [mask.buffer]);
  };
  model.on("msg:custom", send);
  return () => model.off("msg:custom", send);
}

export default { render };

// The page: what is drawn or picked goes through the chosen network, and everything is shown.
import { Arithmetic } from "./arithmetic.js";
import { onThemeChange, paint } from "./colours.js";
import { readData } from "./data.js";
import { Diagram } from "./diagram.js";
import { explain } from "./fields.js";
import { readPicture } from "./picture.js";
import { inkReader, letDraw, toMnist } from "../../s6erav3/pictures/drawing.js";
import { forward } from "../../s6erav3/pictures/network.js";
import {
  ARROWS,
  describePrediction,
  element,
  mostProbable,
  oncePerFrame,
} from "../../s6erav3/pictures/page.js";

const GREY = 33; // of a pixel under the square: the mean of the training images
const BLANK = new Uint8Array(28 * 28);
const CHOICE = "The network must choose one of ten digits, whatever is drawn.";
const PAUSE = 700; // milliseconds between the epochs when they are played
const FIRST_IMAGE = 3; // that is shown when the page opens

const find = (id) => document.getElementById(id);

function complain(text) {
  const problem = find("problem");
  problem.hidden = !text;
  problem.textContent = text;
}

function covered(pixels, { row, column, size }) {
  // The image with the grey square on it.
  return pixels.map((pixel, i) => {
    const down = Math.floor(i / 28) - row;
    const across = (i % 28) - column;
    return down >= 0 && down < size && across >= 0 && across < size ? GREY : pixel;
  });
}

class Page {
  constructor({ models, epochs, images }) {
    Object.assign(this, { models, epochs, images });
    this.network = models[0].network;
    this.pixels = null; // 28×28 bytes; null where nothing is drawn
    this.drawn = false; // whether the pixels are to be made of the drawing
    this.square = { row: 10, column: 10, size: 7 };
    this.position = { stage: 3, channel: 2, row: 5, column: 7 };
    this.part = 0; // the input channel whose numbers are written out
    this.held = false; // whether the position stays when the pointer moves
    this.readInk = inkReader();
    this.update = oncePerFrame((asked) => this.timed(() => this.show(), asked));
    this.markSoon = oncePerFrame((asked) => this.timed(() => this.mark(), asked));
    this.diagram = new Diagram(find("diagram"), find("input"), {
      point: (position, clicked) => this.point(position, clicked),
      visit: (found) => this.held || this.select({ ...this.position, ...found }),
      hold: () => this.hold(!this.held),
      move: (found) => this.move(found),
    });
    this.arithmetic = new Arithmetic(find("arithmetic"), {
      choosePart: (part) => this.select(this.position, part),
      chooseFilter: (channel, part) => this.select({ ...this.position, channel }, part),
    });
    this.clearPaper = letDraw(find("paper"), find("pen"), (at) => this.useDrawing(at));
    this.addModels();
    this.addImages("Test images: “best” is right", images.slice(0, 10));
    this.addImages("“best” is wrong", images.slice(10));
    this.listen();
    this.listenToSquare();
  }

  timed(work, asked) {
    // Do some work and note how long it took with its layout, and how long ago it was asked for, in
    // ms.
    const began = performance.now();
    work();
    find("page").getBoundingClientRect();
    const now = performance.now();
    const noted = { frame: (now - began).toFixed(1), latency: (now - asked).toFixed(1) };
    Object.assign(document.body.dataset, noted);
  }

  show() {
    // Run the network and show everything.
    if (this.drawn) this.pixels = toMnist(this.readInk(find("paper")));
    const square = find("cover").checked && this.pixels ? this.square : null;
    const seen = this.pixels ?? BLANK;
    const image = square ? covered(seen, square) : seen;
    this.result = forward(this.network, image);
    if (this.diagram.network?.name !== this.network.name) {
      this.diagram.build(this.network, this.result);
      this.position = this.inside(this.position);
    }
    this.diagram.network = this.network;
    this.diagram.draw(image, this.result, this.pixels !== null);
    this.diagram.cover(square);
    this.mark();
    this.showStatus();
  }

  mark() {
    // Frame the position and write out its numbers.
    const { network, result, position, held } = this;
    const explained = explain(network, result, position);
    const field = this.diagram.mark(position, explained);
    const isLast = position.stage === network.stages.length - 1;
    const probability = isLast && this.pixels ? result.probabilities[position.channel] : null;
    const part = Math.min(this.part, Math.max(0, explained.parts.length - 1));
    const { height } = this.diagram.stages[position.stage];
    const below = this.diagram.stages[position.stage - 1];
    const inputNoun = below?.height === 1 ? "feature" : "channel";
    const options = { network, field, part, probability, held, inputNoun };
    this.arithmetic.show({ ...position, height }, explained, options);
  }

  showStatus() {
    const { pixels, drawn } = this;
    const text = pixels ? describePrediction(this.result.probabilities) : "Nothing is drawn yet.";
    if (find("status").textContent !== text) find("status").textContent = text;
    find("source").textContent = pixels ? this.describeSource() : "";
    find("hint").hidden = drawn && pixels !== null;
  }

  describeSource() {
    // Where the image comes from, and whether its label is predicted.
    const { drawn, source, label } = this;
    if (drawn) return CHOICE;
    if (label === null) return source;
    const isCorrect = mostProbable(this.result.probabilities) === label;
    return `${source}: ${isCorrect ? "correct" : "misclassified"}`;
  }

  inside({ stage, channel, row, column }) {
    // The nearest position that there is.
    const { maps, height, width } = this.diagram.stages[stage];
    const limit = (value, count) => Math.max(0, Math.min(value, count - 1));
    return {
      stage,
      channel: limit(channel, maps.length),
      row: limit(row, height),
      column: limit(column, width),
    };
  }

  select(position, part = this.part) {
    this.part = part;
    this.position = this.inside(position);
    this.markSoon();
  }

  point(position, clicked) {
    if (clicked) this.held = !this.held;
    if (clicked || !this.held) this.select(position);
  }

  hold(held) {
    this.held = held;
    this.markSoon();
  }

  move({ stage, channel, down, right }) {
    const { row, column } = this.position;
    this.select({ stage, channel, row: row + down, column: column + right });
  }

  useDrawing(at) {
    complain("");
    this.drawn = true;
    this.pressImage(null);
    this.update(at);
  }

  usePixels(pixels, source, label = null) {
    // Show an image that is not drawn; `label` is its digit, if it is known.
    complain("");
    this.clearPaper();
    Object.assign(this, { pixels, source, label, drawn: false });
    this.update();
  }

  useModel(name) {
    // Show the network of that name, or the epoch at which the slider stands.
    const epoch = this.epochs[find("epoch").value];
    const chosen = name === "run" ? epoch : this.models.find((model) => model.name === name);
    this.network = chosen.network;
    find("model").value = name;
    find("reached").textContent = name === "run" ? epoch.label : "";
    find("epoch").setAttribute("aria-valuetext", name === "run" ? epoch.label : "not shown");
    find("epoch").classList.toggle("idle", name !== "run");
    if (name !== "run") this.stop();
    this.update();
  }

  stop() {
    clearInterval(this.player);
    this.player = null;
    find("play").textContent = "Play";
  }

  play() {
    // Show one epoch after the other, from the first one where the slider stands at the last.
    if (this.player) return void this.stop();
    const slider = find("epoch");
    if (slider.value === slider.max) slider.value = 0;
    this.useModel("run");
    find("play").textContent = "Stop";
    this.player = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      this.useModel("run");
      if (slider.value === slider.max) this.stop();
    }, PAUSE);
  }

  async openFile(file) {
    if (!file) return;
    try {
      this.usePixels(toMnist(await readPicture(file)), file.name);
      this.pressImage(null);
    } catch (error) {
      complain(error.message);
    }
  }

  addModels() {
    const options = this.models.map(({ name, label }) => [name, label]);
    options.push(["run", "a training run, epoch by epoch"]);
    const choices = options.map(([value, textContent]) =>
      element("option", { value, textContent }),
    );
    find("model").append(...choices);
    find("epoch").max = this.epochs.length - 1;
  }

  addImages(title, images) {
    const buttons = images.map(({ index, label, pixels }) => {
      const picture = element("canvas");
      const button = element("button", { type: "button", className: "image" }, [picture]);
      const name = `Test image ${index}, labelled ${label}`;
      button.setAttribute("aria-label", name);
      button.addEventListener("click", () => {
        this.usePixels(pixels, name, label);
        this.pressImage(button);
      });
      paint(picture, pixels, 28, 255);
      return button;
    });
    find("images").append(element("h2", { textContent: title }), ...buttons);
  }

  pressImage(chosen) {
    for (const button of find("images").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button === chosen);
    }
  }

  listen() {
    const on = (id, kind, done) => find(id).addEventListener(kind, done);
    on("clear", "click", () => {
      this.clearPaper();
      this.useDrawing();
    });
    on("model", "change", ({ target }) => this.useModel(target.value));
    on("epoch", "input", () => {
      this.stop();
      this.useModel("run");
    });
    on("play", "click", () => this.play());
    on("open", "click", () => find("file").click());
    on("file", "change", ({ target }) => {
      this.openFile(target.files[0]);
      target.value = "";
    });
    document.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.hold(false);
    });
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.openFile(event.dataTransfer.files[0]);
    });
    new ResizeObserver(() => {
      this.diagram.measure();
      this.markSoon();
    }).observe(find("page"));
    onThemeChange(() => {
      for (const [i, button] of [...find("images").querySelectorAll("button")].entries()) {
        paint(button.firstChild, this.images[i].pixels, 28, 255);
      }
      this.update();
    });
  }

  listenToSquare() {
    const input = this.diagram.input.button;
    const cover = find("cover");
    const put = (row, column) => {
      const limit = (value) => Math.max(1 - this.square.size, Math.min(value, 27));
      Object.assign(this.square, { row: limit(row), column: limit(column) });
      this.update();
    };
    input.tabIndex = -1;
    cover.addEventListener("change", () => {
      find("side").disabled = !cover.checked;
      find("cover-help").hidden = !cover.checked;
      input.tabIndex = cover.checked ? 0 : -1;
      input.classList.toggle("covered", cover.checked);
      this.update();
    });
    find("side").addEventListener("input", ({ target }) => {
      this.square.size = Number(target.value);
      this.update();
    });
    input.addEventListener("pointermove", ({ clientX, clientY }) => {
      if (!cover.checked) return;
      const box = input.getBoundingClientRect();
      const at = (offset, length) => Math.round((offset / length) * 28 - this.square.size / 2);
      put(at(clientY - box.top, box.height), at(clientX - box.left, box.width));
    });
    input.addEventListener("keydown", (event) => {
      if (!cover.checked || !(event.key in ARROWS)) return;
      event.preventDefault();
      const [down, right] = ARROWS[event.key];
      put(this.square.row + down, this.square.column + right);
    });
  }
}

async function start() {
  let data;
  try {
    data = await readData();
  } catch (error) {
    complain(`The page cannot be shown: ${error.message}. Reload it, or fetch its folder again.`);
    return;
  }
  for (const id of ["page", "controls"]) find(id).hidden = false;
  const page = new Page(data);
  page.useModel("best");
  find("images").querySelectorAll("button")[FIRST_IMAGE].click();
}

start();

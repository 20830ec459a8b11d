// The network as a diagram: every map of every stage, and what an activation is computed from.
import { largestOf, paint } from "./colours.js";
import { clip, pixelsOf, receptiveFields, sourcesOf } from "./fields.js";
import { ARROWS, element, mostProbable, percent } from "../../s6erav3/pictures/page.js";

const SVG = "http://www.w3.org/2000/svg";
const SCALE = { 28: 2, 14: 4, 12: 4, 10: 4, 7: 5, 5: 6, 3: 9, 1: 18 }; // units of a position, by side
const GAP = 30; // units between two stages
const BARS = 170; // units of the probabilities
const LEAST_UNITS = 1220; // of the width of the diagram
const FEW = 8; // maps of a stage that may be larger
const FACTS = {
  maxpool: () => "max pooling",
  avgpool: ({ size }, { height }) => `mean of ${height > 1 ? "each" : "first"} ${size}×${size}`,
  linear: () => "all features",
  conv: ({ size, groups }) => `${size}×${size} filters${groups > 1 ? ", depthwise" : ""}`,
};

function frame(className) {
  return element("span", { className, hidden: true });
}

function place(span, { top, left, bottom, right }, { height, width }) {
  // Lay a frame around a part of a map.
  Object.assign(span.style, {
    top: `${(100 * top) / height}%`,
    left: `${(100 * left) / width}%`,
    height: `${(100 * (bottom - top)) / height}%`,
    width: `${(100 * (right - left)) / width}%`,
  });
  span.hidden = bottom <= top || right <= left;
}

function makeMap(label, { height, width, units }) {
  // A map: a button with its picture and a frame.
  const picture = element("canvas", { width, height, ariaHidden: "true" });
  const button = element("button", { type: "button", className: "map", tabIndex: -1 });
  button.setAttribute("aria-label", label);
  button.style.setProperty("--units", units);
  const map = { button, picture, frame: frame("frame"), height, width };
  button.append(picture, map.frame);
  return map;
}

function makeBar(digit) {
  // The probability of a digit: a button with a bar.
  const bar = element("span", { className: "bar" });
  const number = element("span", { className: "number" });
  const noun = element("span", { className: "said", textContent: "digit " });
  const label = element("span", { className: "digit" }, [noun, `${digit}`]);
  const track = element("span", { className: "track" }, [bar]);
  const button = element("button", { type: "button", className: "probability", tabIndex: -1 });
  button.append(label, track, number);
  return { button, bar, number, height: 1, width: 1 };
}

function describeStage({ layers }, { channels, height, width }) {
  // Two lines under the name of a stage: what it does, and what comes out.
  const known = layers.filter(({ kind }) => kind in FACTS);
  const facts = known.map((layer) => FACTS[layer.kind](layer, { height }));
  const form = height * width > 1 ? `${channels} × ${height}×${width}` : `${channels} features`;
  return { facts: facts.join(", "), form };
}

function makeStage(stage, output, last) {
  // A stage with its maps; the last one shows probabilities.
  const { channels, height, width } = output;
  const { facts, form } = describeStage(stage, output);
  const title = element("h3", { textContent: last ? "probabilities" : stage.name });
  const lines = [facts, last ? "10 digits" : form];
  const text = element(
    "p",
    {},
    lines.map((line) => element("span", { textContent: line })),
  );
  const units = (SCALE[width] ?? 2) * (width === 28 && channels <= FEW ? 1.5 : 1) * width;
  const maps = Array.from({ length: channels }, (_, channel) => {
    if (last) return makeBar(channel);
    const label = `${stage.name}, channel ${channel + 1} of ${channels}`;
    return makeMap(label, { height, width, units });
  });
  maps[0].button.tabIndex = 0;
  const box = element(
    "div",
    { className: "maps" },
    maps.map(({ button }) => button),
  );
  const group = element("div", { className: last ? "stage last" : "stage" }, [title, text, box]);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", `${title.textContent}: ${lines[1]}`);
  return { maps, group, units: last ? 0 : units, ...output };
}

function drawLine(from, to, share) {
  const line = document.createElementNS(SVG, "path");
  const bend = (to.x - from.x) / 2;
  line.setAttribute(
    "d",
    `M${from.x},${from.y} C${from.x + bend},${from.y} ${to.x - bend},${to.y} ${to.x},${to.y}`,
  );
  line.setAttribute("class", share < 0 ? "negative" : "positive");
  line.style.strokeWidth = 0.5 + 3 * Math.abs(share);
  line.style.opacity = 0.25 + 0.65 * Math.abs(share);
  return line;
}

export class Diagram {
  // `actions.point(position, clicked)` is called for each position that is pointed at, with
  // `clicked` where a mouse or pen is pressed there; `actions.hold()` for the Enter key. A position
  // is { stage, channel, row, column }.
  constructor(home, input, actions) {
    this.home = home;
    this.input = makeMap("Input of the network, 28 by 28 pixels", {
      height: 28,
      width: 28,
      units: 1,
    });
    this.square = frame("square");
    this.input.button.append(this.square);
    input.append(this.input.button);
    this.lines = document.createElementNS(SVG, "svg");
    this.lines.setAttribute("class", "lines");
    this.lines.setAttribute("aria-hidden", "true");
    this.page = home.closest("main");
    this.page.append(this.lines);
    this.actions = actions;
    this.stages = [];
    this.listen();
  }

  build(network, result) {
    // Make the stages of a network.
    this.network = network;
    this.fields = receptiveFields(network);
    const last = network.stages.length - 1;
    this.stages = network.stages.map((stage, i) =>
      makeStage(stage, result.stages[i].output, i === last),
    );
    const widths = this.stages.map(({ units }) => 2 * units + GAP);
    const total = widths.reduce((sum, width) => sum + width, BARS);
    this.home.style.setProperty("--total", Math.max(total, LEAST_UNITS));
    this.home.replaceChildren(...this.stages.map(({ group }) => group));
    this.places = new Map();
    this.stages.forEach(({ maps }, stage) =>
      maps.forEach(({ button }, channel) => this.places.set(button, { stage, channel })),
    );
    this.measure();
  }

  draw(image, result, known) {
    // Show the image and the output of every stage; no probabilities where nothing is drawn.
    paint(this.input.picture, image, 28, 255);
    result.stages.slice(0, -1).forEach(({ output }, i) => {
      const { data, height, width } = output;
      const limit = largestOf(data);
      this.stages[i].maps.forEach(({ picture }, channel) => {
        const area = height * width;
        paint(picture, data.subarray(channel * area, (channel + 1) * area), width, limit);
      });
    });
    const best = mostProbable(result.probabilities);
    this.stages.at(-1).maps.forEach(({ button, bar, number }, digit) => {
      const probability = known ? result.probabilities[digit] : 0;
      bar.style.transform = `scaleX(${probability})`;
      number.textContent = known ? percent(probability) : "";
      button.classList.toggle("best", known && digit === best);
    });
  }

  cover(square) {
    // Show the grey square on the input.
    if (square) place(this.square, clip(square, 28, 28), this.input);
    this.square.hidden = !square;
  }

  mark(position, explained) {
    // Frame a position, the patches it is computed from, and its receptive field.
    const { stage, channel, row, column } = position;
    this.hideFrames();
    const own = this.stages[stage].maps[channel];
    own.button.classList.add("selected");
    if (own.frame)
      place(own.frame, { top: row, left: column, bottom: row + 1, right: column + 1 }, own);
    const field = clip(pixelsOf(this.fields[stage], row, column), 28, 28);
    place(this.input.frame, field, this.input);
    this.markBelow(position, explained);
    this.drawLines(position, explained);
    return field;
  }

  markBelow({ stage, row, column }, { parts, pools }) {
    // Frame what the position depends on, in the maps of every stage below.
    const inputs = new Set((parts.length ? parts : pools).map(({ input }) => input));
    for (let below = stage - 1; below >= 0; below--) {
      const layers = this.network.stages.slice(below + 1, stage + 1).flatMap((s) => s.layers);
      const square = sourcesOf(layers, row, column);
      const { maps, height, width } = this.stages[below];
      const part = clip(square, height, width);
      const direct = below === stage - 1;
      maps.forEach((map, i) => {
        if (direct && !inputs.has(i)) return;
        map.frame.classList.toggle("direct", direct);
        place(map.frame, part, map);
      });
    }
  }

  drawLines({ stage, channel, row, column }, { parts }) {
    // Lines from the patches to the position; the thicker, the more a patch contributes.
    const own = this.stages[stage].maps[channel];
    const isBar = stage === this.stages.length - 1;
    const end = this.middle(own, row, isBar ? -0.5 : column);
    const below = stage ? this.stages[stage - 1].maps : [this.input];
    const sources = parts.length ? parts : [{ input: stage ? channel : 0, value: 1 }];
    const most = largestOf(sources.map(({ value }) => value)) || 1;
    const layers = this.network.stages[stage].layers;
    const square = sourcesOf(layers, row, column);
    const middle = (square.size - 1) / 2;
    const lines = sources.map(({ input, value }) => {
      const map = below[input] ?? below[0];
      const single = map.height === 1;
      const y = single ? 0 : square.row + middle;
      const x = single ? 0 : square.column + middle;
      return drawLine(this.middle(map, y, x), end, value / most);
    });
    this.lines.replaceChildren(...lines);
  }

  measure() {
    // Note where each map lies, so that no frame has to ask for it.
    const origin = this.page.getBoundingClientRect();
    const maps = [this.input, ...this.stages.flatMap((stage) => stage.maps)];
    for (const map of maps) {
      const { left, top, width, height } = map.button.getBoundingClientRect();
      map.box = { left: left - origin.left, top: top - origin.top, width, height };
    }
  }

  middle({ box, height, width }, row, column) {
    // The middle of a position, in pixels of the page.
    const x = box.left + ((column + 0.5) * box.width) / width;
    return { x, y: box.top + ((row + 0.5) * box.height) / height };
  }

  hideFrames() {
    for (const { maps } of this.stages) {
      for (const { button, frame: own } of maps) {
        button.classList.remove("selected");
        if (!own) continue;
        own.hidden = true;
        own.classList.remove("direct");
      }
    }
  }

  listen() {
    const pointed = (event) => {
      const button = event.target.closest("button");
      const found = this.places.get(button);
      if (!found) return;
      const { height, width } = this.stages[found.stage];
      const box = button.getBoundingClientRect();
      const at = (offset, length, count) =>
        Math.max(0, Math.min(count - 1, Math.floor((offset / length) * count)));
      const row = at(event.clientY - box.top, box.height, height);
      const column = at(event.clientX - box.left, box.width, width);
      const clicked = event.type === "click" && event.pointerType !== "touch";
      this.actions.point({ ...found, row, column }, clicked);
    };
    this.home.addEventListener("pointermove", pointed);
    this.home.addEventListener("click", (event) => event.detail && pointed(event));
    this.home.addEventListener("focusin", ({ target }) => {
      const found = this.places.get(target);
      if (found && target.matches(":focus-visible")) this.actions.visit(found);
    });
    this.home.addEventListener("keydown", (event) => this.pressed(event));
  }

  pressed(event) {
    // Arrows move the position in its map; Page Up and Page Down, Home and End change the map; Enter
    // and the space bar hold the position.
    const found = this.places.get(event.target);
    if (!found) return;
    const { maps, height, width } = this.stages[found.stage];
    const most = maps.length - 1;
    const steps = { PageUp: -1, PageDown: 1, Home: -most, End: most };
    const flat = height * width === 1;
    let step = steps[event.key];
    if (flat && event.key in ARROWS) step = ARROWS[event.key][0] + ARROWS[event.key][1];
    if (step !== undefined) {
      const channel = Math.max(0, Math.min(most, found.channel + step));
      maps[found.channel].button.tabIndex = -1;
      maps[channel].button.tabIndex = 0;
      maps[channel].button.focus();
    } else if (event.key in ARROWS) {
      const [down, right] = ARROWS[event.key];
      this.actions.move({ ...found, down, right, height, width });
    } else if (event.key === "Enter" || event.key === " ") {
      this.actions.hold();
    } else {
      return;
    }
    event.preventDefault();
  }
}

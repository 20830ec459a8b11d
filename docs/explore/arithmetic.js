// The panel that writes out how one activation is computed, with its numbers.
import { cellStyle, largestOf, outline, paint } from "./colours.js";
import { element } from "../../s6erav3/pictures/page.js";

const POOLED = { maxpool: "largest", avgpool: "mean" };

export function format(number, digits = 2) {
  // A number with a true minus sign, and never minus nothing.
  const text = Math.abs(number).toFixed(digits);
  return number < 0 && Number(text) ? `−${text}` : text;
}

function grid(caption, values, side, total = null) {
  // A small table of numbers, coloured like the maps, perhaps with their sum.
  const limit = largestOf(values);
  const rows = Array.from({ length: values.length / side }, (_, row) => {
    const cells = [...values.slice(row * side, (row + 1) * side)].map((value) => {
      const cell = element("td", { textContent: format(value, Math.abs(value) < 9.995 ? 2 : 1) });
      Object.assign(cell.style, cellStyle(value, limit));
      return cell;
    });
    return element("tr", {}, cells);
  });
  const title = element("caption", { textContent: caption });
  const body = [title, element("tbody", {}, rows)];
  if (total !== null) {
    const cell = element("td", { colSpan: side, textContent: `sum: ${format(total)}` });
    body.push(element("tfoot", {}, [element("tr", {}, [cell])]));
  }
  return element("table", { className: "numbers" }, body);
}

function sign(text) {
  return element("span", { className: "sign", textContent: text });
}

function patchName(below, input) {
  return below ? `patch, channel ${input + 1}` : "patch, normalised";
}

function signBesideRow(text) {
  // At the height of a table with one row.
  return element("span", { className: "sign single", textContent: text });
}

function focalTables({ parts, pools, pooling }, part, below, inputNoun) {
  // Patch × filter = products, for one input channel.
  const pool = pools.length > 1 ? pools[part] : pools[0];
  const tables = [];
  if (pool) {
    const name = patchName(below, pool.input);
    tables.push(grid(name, pool.patch, Math.sqrt(pool.patch.length)));
    tables.push(sign(`${POOLED[pooling]}: ${format(pool.value)}`));
  }
  if (!parts.length) return tables;
  const { patch, filter, value, input } = parts[part];
  const side = Math.sqrt(patch.length);
  if (side === 1) {
    if (!pool) tables.push(grid(`${inputNoun} ${input + 1}`, patch, 1));
    const factor = [signBesideRow("×"), grid("weight", filter, 1)];
    return [...tables, ...factor, signBesideRow(`= ${format(value)}`)];
  }
  const products = patch.map((number, i) => number * filter[i]);
  return [
    grid(patchName(below, input), patch, side),
    sign("×"),
    grid("filter", filter, side),
    sign("="),
    grid("products", products, side, value),
  ];
}

function normalisation(before, { mean, variance, eps, gamma, beta }, channel) {
  // Batch normalisation of a number, with its four parameters.
  const deviation = format(Math.sqrt(variance[channel] + eps), 3);
  const difference = `${format(before, 3)} − mean ${format(mean[channel], 3)}`;
  const shift = `shift ${format(beta[channel], 3)}`;
  return `BatchNorm: (${difference}) / deviation ${deviation} × scale ${format(gamma[channel], 3)} + ${shift}`;
}

function stepTexts(explained, isLast, probability, inputNoun) {
  // The steps from the sum to the output, as pairs of what is done and what it gives.
  const { parts, bias, steps } = explained;
  const texts = [];
  if (parts.length) {
    const total = parts.reduce((sum, { value }) => sum + value, 0);
    if (parts.length > 1) texts.push([`sum of ${parts.length} ${inputNoun}s`, format(total, 3)]);
    texts.push([`${format(total, 3)} + bias ${format(bias, 3)}`, format(total + bias, 3)]);
  }
  let before = null;
  for (const { layer, channel, value } of steps) {
    if (layer.kind === "relu") texts.push([`ReLU: max(0, ${format(before, 3)})`, format(value, 3)]);
    if (layer.kind in POOLED && !parts.length) {
      texts.push([`${POOLED[layer.kind]} of ${layer.size}×${layer.size}`, format(value, 3)]);
    }
    if (layer.kind === "norm")
      texts.push([normalisation(before, layer, channel), format(value, 3)]);
    before = value;
  }
  if (isLast && probability !== null) {
    const share = `exp(${format(before, 3)}) / sum of exp(score) over all ten digits`;
    texts.push([`softmax: ${share}`, probability.toFixed(4)]);
  }
  return texts;
}

function makeCard(actions) {
  // What one input channel contributes: a button with patch, filter and number.
  const patch = element("canvas");
  const filter = element("canvas");
  const number = element("span");
  const button = element("button", { type: "button", className: "card" }, [patch, filter, number]);
  button.addEventListener("click", () => actions.choose(button));
  return { button, patch, filter, number };
}

export class Arithmetic {
  // `choosePart(part)` is called for the input channel that is clicked, `chooseFilter(channel,
  // part)` for a filter among all of the stage.
  constructor(home, { choosePart, chooseFilter }) {
    this.where = element("h2", { id: "where" });
    this.field = element("p", { className: "field" });
    this.said = element("p", { className: "said", role: "status" });
    this.tables = element("div", { className: "tables" });
    this.steps = element("ol", { className: "steps" });
    this.cards = [];
    this.cardsTitle = element("h3");
    this.cardsBox = element("div", { className: "cards" });
    this.filtersTitle = element("h3");
    this.filters = element("canvas", { className: "filters", role: "img" });
    this.filters.title = "Click a filter to see what it computes";
    this.filtersBox = element("div", { className: "all" }, [this.filtersTitle, this.filters]);
    const parts = element("div", { className: "parts" }, [this.cardsTitle, this.cardsBox]);
    const head = element("div", { className: "head" }, [this.where, this.field, this.said]);
    home.append(head, this.tables, this.steps, parts, this.filtersBox);
    this.choose = (button) => choosePart(this.cards.findIndex((card) => card.button === button));
    this.filters.addEventListener("click", (event) => {
      const box = this.filters.getBoundingClientRect();
      const { inputs, outputs } = this.layer;
      const part = Math.floor(((event.clientX - box.left) / box.width) * inputs);
      const channel = Math.floor(((event.clientY - box.top) / box.height) * outputs);
      chooseFilter(Math.min(channel, outputs - 1), Math.min(part, inputs - 1));
    });
  }

  show(position, explained, { network, field, part, probability, held, inputNoun }) {
    // Write out how the activation at a position is computed.
    const { stage, channel, row, column } = position;
    const { name, layers } = network.stages[stage];
    const below = stage ? network.stages[stage - 1] : null;
    const isLast = stage === network.stages.length - 1;
    const isMap = "height" in position && position.height > 1;
    const spot = isMap ? `, row ${row + 1}, column ${column + 1}` : "";
    const noun = isMap ? "channel" : "feature";
    const what = isLast ? `score of digit ${channel}` : `${noun} ${channel + 1}`;
    const value = format(explained.steps.at(-1)?.value ?? 0, 3);
    this.where.textContent = `${name}, ${what}${spot}: ${value}`;
    const [rows, columns] = [
      [field.top + 1, field.bottom],
      [field.left + 1, field.right],
    ].map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`));
    const hold = held ? "Held: Escape releases it." : "Click or Enter holds it.";
    this.field.textContent = `Receptive field: rows ${rows}, columns ${columns} of the input. ${hold}`;
    this.say(`${this.where.textContent}. ${this.field.textContent}`);
    this.tables.replaceChildren(...focalTables(explained, part, below, inputNoun));
    this.steps.replaceChildren(
      ...stepTexts(explained, isLast, probability, inputNoun).map(([done, gives]) =>
        element("li", {}, [
          element("span", { textContent: done }),
          element("b", { textContent: gives }),
        ]),
      ),
    );
    this.showCards(explained, part, below, inputNoun);
    this.showFilters(
      layers.find((layer) => "weight" in layer),
      name,
      channel,
      part,
    );
  }

  say(text) {
    // Let a screen reader say where we are, once the position rests.
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.said.textContent = text), 500);
  }

  showCards({ parts, pools }, chosen, below, inputNoun) {
    // What each input channel contributes.
    if (this.cards.length !== parts.length) {
      this.cards = parts.map(() => makeCard(this));
      this.cardsBox.replaceChildren(...this.cards.map(({ button }) => button));
    }
    this.cardsBox.parentElement.hidden = parts.length < 2;
    if (parts.length < 2) return;
    const single = parts[0].filter.length === 1;
    const factors = pools.length ? "largest × weight" : "feature × weight";
    const product = single ? factors : "patch × filter";
    this.cardsTitle.textContent = `What each ${inputNoun} of ${below.name} adds: ${product}`;
    const shown = pools.length ? pools : parts;
    const scales = [
      largestOf(shown.flatMap(({ patch }) => [...patch])),
      largestOf(parts.flatMap(({ filter }) => [...filter])),
    ];
    this.cards.forEach(({ button, patch, filter, number }, i) => {
      const { value, filter: weights } = parts[i];
      paint(patch, shown[i].patch, Math.sqrt(shown[i].patch.length), scales[0]);
      paint(filter, weights, Math.sqrt(weights.length), scales[1]);
      number.textContent = format(value);
      button.setAttribute("aria-label", `${inputNoun} ${i + 1} adds ${format(value)}`);
      button.setAttribute("aria-pressed", i === chosen);
    });
  }

  showFilters(layer, name, channel, part) {
    // All weights of a stage: a row for each output channel, a column for each input channel.
    this.layer = layer;
    this.filtersBox.hidden = !layer;
    if (!layer) return;
    const { inputs, outputs, size = 1, weight } = layer;
    const step = size + 1;
    const width = inputs * step + 1;
    const values = new Float32Array(width * (outputs * step + 1));
    for (let i = 0; i < weight.length; i++) {
      const filter = Math.floor(i / (size * size));
      const y = Math.floor(filter / inputs) * step + 1 + (Math.floor(i / size) % size);
      const x = (filter % inputs) * step + 1 + (i % size);
      values[y * width + x] = weight[i];
    }
    this.filtersTitle.textContent = `All weights of ${name}`;
    this.filters.setAttribute(
      "aria-label",
      `${outputs} rows of ${inputs} filters, ${size} by ${size} weights each`,
    );
    const limit = largestOf(weight);
    const context = paint(this.filters, values, width, limit);
    const row = { top: channel * step, left: 0, height: step, width: width - 1 };
    outline(context, row);
    outline(context, { ...row, left: part * step, width: step });
    this.filters.style.setProperty("--across", width);
    this.filters.style.setProperty("--down", outputs * step + 1);
    this.filters.classList.toggle("many", outputs * step > 60);
  }
}

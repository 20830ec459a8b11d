// A paper to draw a digit on, and what makes an image as in MNIST of a drawing.
//
// The preparation is that of `to_mnist` in Python, with the resampling of Pillow.
import { ARROWS } from "./page.js";

export const PAPER_SIDE = 280; // of the paper, in its own pixels
export const INK_SIDE = 140; // of the mask that is made of a drawing
const PEN_WIDTH = 22; // of a stroke, in pixels of the paper
const PEN_STEP = 7; // of an arrow key, in pixels of the paper
const DIGIT_SIDE = 20; // of the longer side of a digit in MNIST
const IMAGE_SIDE = 28; // of an image in MNIST

function roundHalfEven(value) {
  // The nearest whole number, and the even one of two, as Python rounds.
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}

function cropToContent({ data, height, width }) {
  // The smallest rectangle with all that is not 0; null where nothing is.
  const rows = new Uint8Array(height);
  const columns = new Uint8Array(width);
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) {
      if (data[i]) rows[row] = columns[column] = 1;
    }
  }
  const [top, left] = [rows.indexOf(1), columns.indexOf(1)];
  if (top < 0) return null;
  const [bottom, right] = [rows.lastIndexOf(1) + 1, columns.lastIndexOf(1) + 1];
  const cropped = { height: bottom - top, width: right - left };
  cropped.data = new Float32Array(cropped.height * cropped.width);
  for (let row = top; row < bottom; row++) {
    const part = data.subarray(row * width + left, row * width + right);
    cropped.data.set(part, (row - top) * cropped.width);
  }
  return cropped;
}

function weightsFor(from, to) {
  // For each of `to` pixels made of `from`: the first that it is made of, and their weights. Where
  // it shrinks, all pixels whose centres lie in its area count alike; else the two nearest count.
  const factor = from / to;
  const reach = factor > 1 ? factor / 2 : 1;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * factor;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(from, Math.floor(centre + reach + 0.5));
    const weights = Array.from({ length: end - first }, (_, j) => {
      const distance = first + j - centre + 0.5;
      if (factor <= 1) return Math.max(0, 1 - Math.abs(distance));
      return distance > -reach && distance <= reach ? 1 : 0;
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => weight / total) };
  });
}

function resizeWidth({ data, height, width }, newWidth) {
  // Scaled to another width, and transposed: two calls scale both sides and turn it back.
  const scaled = new Float32Array(newWidth * height);
  weightsFor(width, newWidth).forEach(({ first, weights }, column) => {
    for (let row = 0; row < height; row++) {
      const start = row * width + first;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * data[start + i];
      scaled[column * height + row] = sum;
    }
  });
  return { data: scaled, height: newWidth, width: height };
}

function resizeLongestSide(ink, size) {
  // Scaled in proportion, the longer side to `size` pixels.
  const factor = size / Math.max(ink.height, ink.width);
  const height = Math.max(1, roundHalfEven(ink.height * factor));
  const width = Math.max(1, roundHalfEven(ink.width * factor));
  return resizeWidth(resizeWidth(ink, width), height);
}

function sumOf(values) {
  // The sum in float32, in NumPy's order: it decides where the centre of mass is halfway between
  // two pixels.
  if (values.length > 128) {
    const half = (values.length >> 1) - ((values.length >> 1) % 8);
    return Math.fround(sumOf(values.subarray(0, half)) + sumOf(values.subarray(half)));
  }
  const end = values.length - (values.length % 8);
  const sums = new Float32Array(8);
  for (let i = 0; i < end; i++) sums[i % 8] += values[i];
  for (let step = 1; step < 8; step *= 2) {
    for (let i = 0; i < 8; i += 2 * step) sums[i] += sums[i + step];
  }
  for (let i = end; i < values.length; i++) sums[0] += values[i];
  return sums[0];
}

function centerByMass({ data, height, width }, size) {
  // On size × size zeros, the centre of mass in the middle as nearly as whole pixels allow.
  const mass = sumOf(data);
  let [down, across] = [0, 0];
  data.forEach((value, i) => {
    down += value * Math.floor(i / width);
    across += value * (i % width);
  });
  const middle = (size - 1) / 2;
  const within = (start, length) => Math.min(Math.max(roundHalfEven(start), 0), size - length);
  const top = within(middle - down / mass, height);
  const left = within(middle - across / mass, width);
  const field = new Float32Array(size * size);
  data.forEach((value, i) => {
    field[(top + Math.floor(i / width)) * size + left + (i % width)] = value;
  });
  return field;
}

export function toMnist(mask) {
  // The digit of a mask { data, height, width } as 28×28 bytes, bright ink on 0; null without ink.
  const ink = cropToContent(mask);
  if (!ink) return null;
  const scaled = resizeLongestSide(ink, DIGIT_SIDE);
  const brightest = scaled.data.reduce((most, value) => Math.max(most, value), 0);
  const data = scaled.data.map((value) => value / brightest);
  const field = centerByMass({ ...scaled, data }, IMAGE_SIDE);
  return Uint8Array.from(field, (value) => roundHalfEven(255 * value));
}

export function inkReader() {
  // A function that makes a mask of what is drawn on a paper.
  const small = Object.assign(document.createElement("canvas"), {
    width: INK_SIDE,
    height: INK_SIDE,
  });
  const context = small.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  return (paper) => {
    context.clearRect(0, 0, INK_SIDE, INK_SIDE);
    context.drawImage(paper, 0, 0, INK_SIDE, INK_SIDE);
    const pixels = context.getImageData(0, 0, INK_SIDE, INK_SIDE).data;
    const data = new Uint8Array(INK_SIDE ** 2);
    for (let i = 0; i < data.length; i++) data[i] = pixels[4 * i + 3] > 127; // its opacity
    return { data, height: INK_SIDE, width: INK_SIDE };
  };
}

function letPointerDraw(paper, lineTo) {
  // Strokes of a mouse, a pen or a finger.
  let last = null; // where the pen is, while it is down

  function place(event) {
    const frame = paper.getBoundingClientRect();
    const x = ((event.clientX - frame.left) * PAPER_SIDE) / frame.width;
    const y = ((event.clientY - frame.top) * PAPER_SIDE) / frame.height;
    return [x, y];
  }

  function stroke(event) {
    if (last === null || !event.isPrimary) return;
    if (!event.buttons) return void (last = null); // the end of the stroke was missed
    const points = event.getCoalescedEvents?.() ?? [];
    const places = (points.length ? points : [event]).map(place);
    lineTo(last, places);
    last = places.at(-1);
  }

  paper.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    event.preventDefault();
    paper.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(event);
  });
  paper.addEventListener("pointermove", stroke);
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    paper.addEventListener(end, (event) => event.isPrimary && (last = null));
  }
}

function letKeysDraw(paper, lineTo, cursor) {
  // The space bar sets the pen down and lifts it, the arrow keys move it. `cursor` shows it.
  let [x, y] = [PAPER_SIDE / 2, PAPER_SIDE / 4];
  let isDown = false;

  function show() {
    const scale = paper.clientWidth / PAPER_SIDE;
    cursor.hidden = false;
    cursor.classList.toggle("down", isDown);
    cursor.style.transform = `translate(${x * scale}px, ${y * scale}px)`;
  }

  paper.addEventListener("keydown", (event) => {
    if (event.key !== " " && !(event.key in ARROWS)) return;
    event.preventDefault();
    event.stopPropagation();
    const before = [x, y];
    if (event.key === " ") isDown = !isDown;
    const [down, right] = ARROWS[event.key] ?? [0, 0];
    x = Math.min(Math.max(x + right * PEN_STEP, 0), PAPER_SIDE);
    y = Math.min(Math.max(y + down * PEN_STEP, 0), PAPER_SIDE);
    if (isDown) lineTo(before, [[x, y]]);
    show();
  });
  for (const end of ["blur", "pointerdown"]) {
    paper.addEventListener(end, () => {
      isDown = false;
      cursor.hidden = true;
    });
  }
}

export function letDraw(paper, cursor, touched) {
  // Draw with pointer and keyboard; `touched(time)` after each stroke. Returns a function that
  // clears the paper.
  Object.assign(paper, { width: PAPER_SIDE, height: PAPER_SIDE, tabIndex: 0 });
  const pen = paper.getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { lineWidth: PEN_WIDTH, lineCap: "round", lineJoin: "round" });

  function lineTo(start, places) {
    const at = performance.now();
    pen.beginPath();
    pen.moveTo(...start);
    for (const [x, y] of places) pen.lineTo(x + 0.01, y); // a line of no length is not drawn
    pen.stroke();
    touched(at);
  }

  letPointerDraw(paper, lineTo);
  letKeysDraw(paper, lineTo, cursor);
  return () => pen.clearRect(0, 0, PAPER_SIDE, PAPER_SIDE);
}

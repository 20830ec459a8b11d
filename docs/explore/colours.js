// Colours: violet for positive numbers, orange for negative ones, the colour of the paper for 0.

const SHADES = 255; // on either side of 0
const THEMES = {
  light: { zero: [255, 255, 255], positive: [77, 30, 125], negative: [179, 82, 4] },
  dark: { zero: [24, 24, 30], positive: [190, 165, 255], negative: [255, 165, 70] },
};

function makePalette({ zero, positive, negative }) {
  // Red, green, blue and opacity of each shade, as bytes and as whole pixels.
  const bytes = new Uint8ClampedArray(4 * (2 * SHADES + 1));
  for (let shade = -SHADES; shade <= SHADES; shade++) {
    const end = shade < 0 ? negative : positive;
    const share = (Math.abs(shade) / SHADES) ** 0.8; // small numbers can be told from 0
    const mixed = zero.map((level, i) => level + (end[i] - level) * share);
    bytes.set([...mixed, 255], 4 * (SHADES + shade));
  }
  return { bytes, pixels: new Uint32Array(bytes.buffer) };
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const palettes = { light: makePalette(THEMES.light), dark: makePalette(THEMES.dark) };

export function onThemeChange(changed) {
  prefersDark.addEventListener("change", changed);
}

function currentPalette() {
  return palettes[prefersDark.matches ? "dark" : "light"];
}

function shadeOf(value, scale) {
  return SHADES + Math.round(Math.max(-SHADES, Math.min(SHADES, value * scale)));
}

export function cellStyle(value, limit) {
  // Background and a text colour that can be read on it, as CSS.
  const start = 4 * shadeOf(value, SHADES / (limit || 1));
  const [red, green, blue] = currentPalette().bytes.subarray(start, start + 3);
  const [r, g, b] = [red, green, blue].map((level) => (level / 255) ** 2.2);
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return { background: `rgb(${red} ${green} ${blue})`, color: luminance > 0.18 ? "#000" : "#fff" };
}

export function largestOf(values) {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

const surfaces = new WeakMap(); // the context and the pixels of each canvas that was painted

function surfaceOf(canvas, width, height) {
  const known = surfaces.get(canvas);
  if (known && known.image.width === width && known.image.height === height) return known;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const made = { context, image, pixels: new Uint32Array(image.data.buffer) };
  surfaces.set(canvas, made);
  return made;
}

export function paint(canvas, values, width, limit) {
  // Fill a canvas with numbers, one pixel each; returns its context.
  const { context, image, pixels } = surfaceOf(canvas, width, values.length / width);
  const shades = currentPalette().pixels;
  const scale = SHADES / (limit || 1);
  for (let i = 0; i < values.length; i++) pixels[i] = shades[shadeOf(values[i], scale)];
  context.putImageData(image, 0, 0);
  return context;
}

export function outline(context, { top, left, height, width }) {
  // A line in the colour of frames.
  context.strokeStyle = prefersDark.matches ? "#4fc3f7" : "#0072b2";
  context.strokeRect(left + 0.5, top + 0.5, width, height);
}

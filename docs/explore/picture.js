// From a picture file to the mask of one digit: dark ink on bright paper, or the other way round.

const LONGEST = 280; // pixels of the longer side, to which a picture is scaled down
const MOST_PIXELS = 40e6; // of a file: more takes too much memory to open
const MIN_CONTRAST = 25; // grey levels between ink and paper
const MIN_SHARE = 0.03; // of the largest piece of ink: what is smaller is a speck
const MAX_ASPECT = 1.6; // width over height: hardly a digit is wider

async function openImage(file) {
  if (!file.size) throw new Error(`${file.name} is empty.`);
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) =>
      Object.assign(image, { onload: resolve, onerror: reject }),
    );
  } catch {
    throw new Error(`${file.name} is not a picture that this browser can open.`);
  } finally {
    URL.revokeObjectURL(image.src);
  }
  const pixels = image.naturalWidth * image.naturalHeight;
  if (pixels > MOST_PIXELS) {
    const millions = Math.round(pixels / 1e6);
    throw new Error(
      `${file.name} has ${millions} megapixels; this page opens at most 40. Make it smaller first.`,
    );
  }
  return image;
}

function greyLevels(image) {
  // The picture in grey, on white where it is transparent.
  const scale = Math.min(1, LONGEST / Math.max(image.naturalWidth, image.naturalHeight));
  const width = Math.max(1, Math.round(image.naturalWidth * scale));
  const height = Math.max(1, Math.round(image.naturalHeight * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = Float32Array.from({ length: width * height }, (_, i) => {
    return 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
  });
  return { data: grey, height, width };
}

function localMean({ data, height, width }, reach) {
  // The mean of the square around each pixel, by sums of all that lies above and to the left.
  const across = width + 1;
  const sums = new Float64Array((height + 1) * across);
  for (let i = 0; i < data.length; i++) {
    const at = (Math.floor(i / width) + 1) * across + (i % width) + 1;
    sums[at] = data[i] + sums[at - 1] + sums[at - across] - sums[at - across - 1];
  }
  return data.map((_, i) => {
    const row = Math.floor(i / width);
    const [top, bottom] = [Math.max(0, row - reach), Math.min(height, row + reach + 1)];
    const [left, right] = [
      Math.max(0, (i % width) - reach),
      Math.min(width, (i % width) + reach + 1),
    ];
    const total =
      sums[bottom * across + right] -
      sums[top * across + right] -
      sums[bottom * across + left] +
      sums[top * across + left];
    return total / ((bottom - top) * (right - left));
  });
}

function separate(values) {
  // The two groups into which numbers from 0 to 255 fall (Otsu 1979): how far apart their means
  // lie, and the threshold halfway.
  const counts = new Float64Array(256);
  for (const value of values) counts[Math.min(255, Math.max(0, Math.round(value)))]++;
  const total = counts.reduce((sum, count, level) => sum + level * count, 0);
  let [below, sumBelow] = [0, 0];
  let best = { variance: 0, contrast: 0, threshold: 0 };
  counts.forEach((count, level) => {
    below += count;
    sumBelow += level * count;
    const above = values.length - below;
    const means = [sumBelow / (below || 1), (total - sumBelow) / (above || 1)];
    const contrast = means[1] - means[0];
    const variance = below * above * contrast ** 2;
    if (variance > best.variance)
      best = { variance, contrast, threshold: (means[0] + means[1]) / 2 };
  });
  return best;
}

function inkOf(grey) {
  // How much darker than its surroundings each pixel is; brighter where the ink is bright.
  const reach = Math.round(Math.max(grey.height, grey.width) / 5);
  const around = localMean(grey, reach);
  const darker = grey.data.map((value, i) => around[i] - value);
  const skewness = darker.reduce((sum, value) => sum + value ** 3, 0);
  return skewness < 0 ? darker.map((value) => -value) : darker;
}

function piecesOf(mask, height, width) {
  // The connected pieces of ink, each as a list of its pixels.
  const seen = new Uint8Array(mask.length);
  const pieces = [];
  mask.forEach((ink, start) => {
    if (!ink || seen[start]) return;
    const piece = [start];
    seen[start] = 1;
    for (let k = 0; k < piece.length; k++) {
      const [row, column] = [Math.floor(piece[k] / width), piece[k] % width];
      for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++) {
        for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++) {
          const at = y * width + x;
          if (mask[at] && !seen[at]) seen[piece[piece.push(at) - 1]] = 1;
        }
      }
    }
    pieces.push(piece);
  });
  return pieces;
}

function extent(places) {
  // How far places lie apart, from the first to the last.
  let [first, last] = [Infinity, -Infinity];
  for (const place of places) [first, last] = [Math.min(first, place), Math.max(last, place)];
  return last - first + 1;
}

export async function readPicture(file) {
  // The mask of the digit in a picture file. Errors say what is wrong with the file.
  const grey = greyLevels(await openImage(file));
  const { height, width } = grey;
  const ink = inkOf(grey);
  const { contrast, threshold } = separate(ink);
  if (contrast < MIN_CONTRAST) {
    throw new Error(`${file.name} shows no ink: write with a dark pen on bright paper.`);
  }
  const pieces = piecesOf(
    Uint8Array.from(ink, (value) => +(value > threshold)),
    height,
    width,
  );
  const largest = pieces.reduce((most, piece) => Math.max(most, piece.length), 0);
  const mask = new Uint8Array(ink.length);
  const pixels = pieces.filter((piece) => piece.length >= MIN_SHARE * largest).flat();
  for (const pixel of pixels) mask[pixel] = 1;
  const columns = extent(pixels.map((pixel) => pixel % width));
  const rows = extent(pixels.map((pixel) => Math.floor(pixel / width)));
  if (columns > MAX_ASPECT * rows) {
    throw new Error(`${file.name} is too wide for one digit: cut one digit out.`);
  }
  return { data: mask, height, width };
}

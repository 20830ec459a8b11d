// The networks and images of the page, from the file that tools/explore.py writes.
import { readNetwork } from "../../s6erav3/pictures/network.js";
import { floatsOf } from "../../s6erav3/pictures/page.js";

const DIGITS =
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

function decode({ text, length }) {
  // Base 85 (RFC 1924, Python's `b85encode`) as the bytes that it is: four for five letters.
  const view = new DataView(new ArrayBuffer((text.length / 5) * 4));
  for (let i = 0; i < text.length; i += 5) {
    let group = 0;
    for (let j = i; j < i + 5; j++) group = 85 * group + DIGITS.indexOf(text[j]);
    view.setUint32((i / 5) * 4, group);
  }
  return view.buffer.slice(0, length);
}

async function unzip(buffer) {
  const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function joinPlanes(bytes, count) {
  // Float32 numbers of which the file holds the upper bytes only: the lowest kept byte of each
  // number, then the next one of each.
  const kept = bytes.length / count;
  const joined = new Uint8Array(4 * count);
  bytes.forEach((byte, i) => (joined[4 * (i % count) + 4 - kept + Math.floor(i / count)] = byte));
  return floatsOf(joined);
}

export async function readData() {
  // Models, epochs and images; errors say what is wrong.
  const packed = globalThis.exploreData;
  if (!packed) throw new Error("the file with the weights, weights.js, is missing");
  let bytes;
  try {
    bytes = await unzip(decode(packed));
  } catch {
    throw new Error("the file with the weights, weights.js, is damaged");
  }
  let position = 4 + new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, position)));
  const take = (length) => bytes.subarray(position, (position += length));
  const split = (parts, kept) => {
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    const numbers = joinPlanes(take(kept * count), count);
    let at = 0;
    return parts.map((part) => {
      const own = numbers.subarray(at, (at += part.count));
      return { ...part, network: readNetwork(part, own) };
    });
  };
  const models = split(header.models, 4);
  const epochs = split(header.epochs, 2);
  const images = header.images.map((image) => ({ ...image, pixels: take(28 * 28) }));
  return { models, epochs, images };
}

// Which positions below, and which pixels, an activation is computed from.

const POOLS = ["maxpool", "avgpool"];

function geometry({ kind, size = 1, padding = 0 }) {
  return { size, padding, stride: POOLS.includes(kind) ? size : 1 };
}

export function receptiveFields(network) {
  // For each stage: the size of the receptive field, the distance between neighbouring fields
  // (jump) and the centre of the first one (start), in pixels of the image.
  let field = { size: 1, jump: 1, start: 0 };
  return network.stages.map(({ layers }) => {
    for (const { size, padding, stride } of layers.map(geometry)) {
      field = {
        size: field.size + (size - 1) * field.jump,
        start: field.start + ((size - 1) / 2 - padding) * field.jump,
        jump: field.jump * stride,
      };
    }
    return field;
  });
}

export function pixelsOf({ size, jump, start }, row, column) {
  // The receptive field of a position: first row, first column and size; may exceed the image.
  const first = start - (size - 1) / 2;
  return { row: first + row * jump, column: first + column * jump, size };
}

export function sourcesOf(layers, row, column) {
  // The square of positions that layers, one after another, compute a position from.
  let square = { row, column, size: 1 };
  for (const { size, padding, stride } of layers.map(geometry).reverse()) {
    square = {
      row: square.row * stride - padding,
      column: square.column * stride - padding,
      size: (square.size - 1) * stride + size,
    };
  }
  return square;
}

export function clip({ row, column, size }, height, width) {
  // The part of a square that lies inside: rows top to bottom and columns left to right, exclusive.
  return {
    top: Math.max(0, row),
    left: Math.max(0, column),
    bottom: Math.min(height, row + size),
    right: Math.min(width, column + size),
  };
}

function patchOf({ data, height, width }, channel, { row, column, size }) {
  // The numbers in a square of one map, 0 outside the map.
  const patch = new Float32Array(size * size);
  for (let i = 0; i < patch.length; i++) {
    const y = row + Math.floor(i / size);
    const x = column + (i % size);
    const inside = y >= 0 && y < height && x >= 0 && x < width;
    patch[i] = inside ? data[(channel * height + y) * width + x] : 0;
  }
  return patch;
}

const dot = (a, b) => a.reduce((total, value, i) => total + value * b[i], 0);

function weightedParts(layer, maps, channel, square) {
  // What each input channel adds to an activation: its patch times its filter.
  const { inputs, outputs, groups = 1, size = 1, weight } = layer;
  const isMap = layer.kind === "conv";
  const first = inputs * Math.floor((channel * groups) / outputs); // of the channel's group
  return Array.from({ length: inputs }, (_, i) => {
    const input = first + i;
    const patch = isMap ? patchOf(maps, input, square) : maps.data.subarray(input, input + 1);
    const start = (channel * inputs + i) * size * size;
    const filter = weight.subarray(start, start + size * size);
    return { input, patch, filter, value: dot(patch, filter) };
  });
}

function pooledPart(layer, maps, channel, square) {
  const patch = patchOf(maps, channel, square);
  const mean = patch.reduce((total, value) => total + value, 0) / patch.length;
  return { patch, value: layer.kind === "maxpool" ? Math.max(...patch) : mean };
}

export function explain(network, result, { stage, channel, row, column }) {
  // How one activation is computed: the parts that are summed, then step by step to the output.
  const { layers } = network.stages[stage];
  const { outputs } = result.stages[stage];
  const below = stage ? result.stages[stage - 1].output : result.input;
  const weighted = layers.findIndex((layer) => "weight" in layer);
  const pooling = layers.findIndex((layer) => POOLS.includes(layer.kind));
  const explained = { parts: [], pools: [], steps: [] };
  if (!layers.length) return explained;
  if (pooling >= 0) {
    const square = sourcesOf(layers, row, column);
    const channels = weighted >= 0 ? [...Array(below.channels).keys()] : [channel];
    explained.pools = channels.map((c) => ({
      input: c,
      ...pooledPart(layers[pooling], below, c, square),
    }));
    explained.pooling = layers[pooling].kind;
  }
  if (weighted >= 0) {
    const maps = weighted ? outputs[weighted - 1] : below;
    const square = sourcesOf(layers.slice(weighted), row, column);
    explained.parts = weightedParts(layers[weighted], maps, channel, square);
    explained.bias = layers[weighted].bias[channel];
  }
  layers.forEach((layer, i) => {
    const { data, height, width } = outputs[i];
    const value = data[(channel * height + row) * width + column];
    if (i >= weighted) explained.steps.push({ layer, channel, value });
  });
  return explained;
}

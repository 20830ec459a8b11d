// A trained network, run on one image in the browser.
//
// A stack of maps is { data, channels, height, width }: one number for each channel, row and
// column, in this order. Numbers are float32; sums are computed in double precision.

const SIDE = 28; // of an image, in pixels
const MEAN = 0.1307; // of the pixels of MNIST's training images, from 0 to 1
const STD = 0.3081; // their standard deviation

// What a layer of each kind holds, in the order of the file, and how many numbers each takes.
const TENSORS = {
  conv: { weight: (l) => l.outputs * l.inputs * l.size * l.size, bias: (l) => l.outputs },
  norm: {
    gamma: (l) => l.outputs,
    beta: (l) => l.outputs,
    mean: (l) => l.outputs,
    variance: (l) => l.outputs,
  },
  linear: { weight: (l) => l.outputs * l.inputs, bias: (l) => l.outputs },
};

export function readNetwork({ name, stages }, numbers) {
  // The network of a description: stages with layers, and all their numbers one after another.
  let position = 0;
  const withTensors = (layer) => {
    const tensors = {};
    for (const [tensor, count] of Object.entries(TENSORS[layer.kind] ?? {})) {
      tensors[tensor] = numbers.subarray(position, (position += count(layer)));
    }
    return { ...layer, ...tensors };
  };
  const read = stages.map((stage) => ({ ...stage, layers: stage.layers.map(withTensors) }));
  if (position !== numbers.length || !numbers.every(Number.isFinite)) {
    throw new Error(`the weights of ${name} are damaged`);
  }
  return { name, stages: read };
}

export function normalize(pixels) {
  // Bytes as the network takes them: mean 0 and standard deviation 1 over the training images.
  return Float32Array.from(pixels, (pixel) => (pixel / 255 - MEAN) / STD);
}

function stack(channels, height, width) {
  return { data: new Float32Array(channels * height * width), channels, height, width };
}

function pad(input, padding) {
  // Rows and columns of zeros around each map.
  const { data, channels, height, width } = input;
  const output = stack(channels, height + 2 * padding, width + 2 * padding);
  for (let row = 0; row < channels * height; row++) {
    const above = padding * (2 * Math.floor(row / height) + 1);
    const start = (row + above) * output.width + padding;
    output.data.set(data.subarray(row * width, (row + 1) * width), start);
  }
  return output;
}

function convolve(input, { inputs, outputs, groups, size, padding, weight, bias }) {
  // Each output is the bias plus a patch of the input channels of its group times a filter.
  const { data, height, width } = padding ? pad(input, padding) : input;
  const output = stack(outputs, height - size + 1, width - size + 1);
  const patch = new Int32Array(inputs * size * size); // where its numbers lie from its first one
  for (let i = 0; i < patch.length; i++) {
    const row = Math.floor(i / size) % size;
    patch[i] = (Math.floor(i / (size * size)) * height + row) * width + (i % size);
  }
  for (let out = 0, at = 0; out < outputs; out++) {
    const filter = weight.subarray(out * patch.length, (out + 1) * patch.length);
    const channel = inputs * Math.floor((out * groups) / outputs);
    for (let row = 0; row < output.height; row++) {
      for (let column = 0; column < output.width; column++, at++) {
        const start = (channel * height + row) * width + column;
        let sum = bias[out];
        for (let i = 0; i < patch.length; i++) sum += filter[i] * data[start + patch[i]];
        output.data[at] = sum;
      }
    }
  }
  return output;
}

function pool(input, size, combine, first) {
  // One number for each square of size × size; rows and columns left over are ignored.
  const { data, channels, height, width } = input;
  const output = stack(channels, Math.floor(height / size), Math.floor(width / size));
  output.data.fill(first);
  const down = output.height * size;
  const across = output.width * size;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < down; row++) {
      const from = (channel * height + row) * width;
      const to = (channel * output.height + Math.floor(row / size)) * output.width;
      for (let column = 0; column < across; column++) {
        const at = to + Math.floor(column / size);
        output.data[at] = combine(output.data[at], data[from + column]);
      }
    }
  }
  return output;
}

function mean(input, size) {
  const add = (total, value) => total + value / (size * size);
  return pool(input, size, add, 0);
}

function scale(input, { gamma, beta, mean, variance, eps }) {
  // Batch normalisation with the statistics of training.
  const area = input.height * input.width;
  const output = stack(input.channels, input.height, input.width);
  for (let channel = 0, i = 0; channel < input.channels; channel++) {
    const factor = gamma[channel] / Math.sqrt(variance[channel] + eps);
    for (const end = i + area; i < end; i++) {
      output.data[i] = (input.data[i] - mean[channel]) * factor + beta[channel];
    }
  }
  return output;
}

function rectify(input) {
  return { ...input, data: input.data.map((value) => (value > 0 ? value : 0)) };
}

function multiply(input, { inputs, outputs, weight, bias }) {
  const output = stack(outputs, 1, 1);
  for (let out = 0; out < outputs; out++) {
    let sum = bias[out];
    for (let i = 0; i < inputs; i++) sum += weight[out * inputs + i] * input.data[i];
    output.data[out] = sum;
  }
  return output;
}

const LAYERS = {
  conv: convolve,
  norm: scale,
  linear: multiply,
  relu: rectify,
  maxpool: (input, { size }) => pool(input, size, Math.max, -Infinity),
  avgpool: (input, { size }) => mean(input, size),
};

export function logSoftmax(logits) {
  const largest = Math.max(...logits);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  const shift = largest + Math.log(sum);
  return Array.from(logits, (logit) => logit - shift);
}

export function forward(network, pixels) {
  // Run the network on 28×28 bytes. Each stage gets the outputs of its layers, first to last.
  const input = { data: normalize(pixels), channels: 1, height: SIDE, width: SIDE };
  let maps = input;
  const stages = network.stages.map(({ name, layers }) => {
    const outputs = layers.map((layer) => (maps = LAYERS[layer.kind](maps, layer)));
    return { name, outputs, output: maps };
  });
  const logProbabilities = logSoftmax(maps.data);
  return { input, stages, logProbabilities, probabilities: logProbabilities.map(Math.exp) };
}

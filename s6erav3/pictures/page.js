// What every page with the network needs: elements, one update a frame, the prediction in words.

export const ARROWS = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
};
// how far down and to the right each key moves

const CONFIDENT = 0.95; // from this probability on

export function element(tag, attributes = {}, children = []) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

export function oncePerFrame(work) {
  // A function that has `work(at)` done in the next frame; `at` is when it was first asked for.
  let asked = null;
  return (at = performance.now()) => {
    if (asked === null) {
      requestAnimationFrame(() => {
        const first = asked;
        asked = null;
        work(first);
      });
    }
    asked ??= at;
  };
}

export function percent(probability) {
  return `${(100 * probability).toFixed(1)}\u00a0%`; // no line ends before the sign
}

export function mostProbable(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

export function describePrediction(probabilities) {
  const digit = mostProbable(probabilities);
  const doubt = probabilities[digit] < CONFIDENT ? ": not confident" : "";
  return `Predicted as ${digit}, with a probability of ${percent(probabilities[digit])}${doubt}.`;
}

export function floatsOf({ buffer, byteOffset, byteLength }) {
  // Bytes as the float32 numbers that they are, wherever they lie.
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

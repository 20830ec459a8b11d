// The page's half of the drawing canvas: strokes go to Python as bytes, predictions come back.
const SIDE = 280; // of the canvas, in its own pixels
const SENT_SIDE = 140; // of the picture that is sent
const PEN_WIDTH = 22; // of a stroke, in pixels of the canvas
const MAX_PENDING = 3; // requests that may be on their way at once
const TIMEOUT = 10_000; // milliseconds to wait for a response
const NO_RESPONSE =
  "Python has not answered for ten seconds. The kernel is busy, or was restarted; " +
  "if it was, run the cell again.";

function element(tag, attributes = {}, children = []) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

function fillInverted(canvas, values, columns, rows) {
  // Fill a canvas of columns × rows with bytes, bright ink drawn black on white.
  const image = new ImageData(columns, rows);
  for (let i = 0; i < columns * rows; i++) {
    const grey = 255 - values[i];
    image.data.set([grey, grey, grey, 255], 4 * i);
  }
  Object.assign(canvas, { width: columns, height: rows });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function tiled(values, [count, height, width]) {
  // Maps in rows of at most eight, a white pixel between them: bytes, columns, rows.
  const across = Math.min(count, 8);
  const down = Math.ceil(count / across);
  const columns = across * (width + 1) - 1;
  const rows = down * (height + 1) - 1;
  const tiles = new Uint8Array(columns * rows);
  for (let i = 0; i < count * height * width; i++) {
    const map = Math.floor(i / (height * width));
    const row = Math.floor(map / across) * (height + 1) + (Math.floor(i / width) % height);
    const column = (map % across) * (width + 1) + (i % width);
    tiles[row * columns + column] = values[i];
  }
  return [tiles, columns, rows];
}

function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function controls(stages) {
  // What is drawn on and clicked.
  const label = "Paper: draw a digit here with mouse, pen or finger";
  const options = stages.map((name) => element("option", { value: name, textContent: name }));
  const made = {
    paper: element("canvas", {
      className: "paper",
      width: SIDE,
      height: SIDE,
      role: "img",
      ariaLabel: label,
    }),
    clear: element("button", { type: "button", textContent: "Clear" }),
    save: element("button", { type: "button", textContent: "Save as PNG" }),
    stage: element("select", { ariaLabel: "Stage whose feature maps are shown" }, options),
  };
  for (const control of [made.clear, made.save, made.stage]) {
    control.dataset.lmSuppressShortcuts = ""; // or JupyterLab takes its keys for its own
  }
  return made;
}

function displays() {
  // What shows the response.
  const digits = [...Array(10).keys()];
  return {
    image: element("canvas", {
      className: "image",
      role: "img",
      ariaLabel: "The 28 by 28 pixels that the network is given",
    }),
    maps: element("canvas", { className: "maps", role: "img" }),
    meters: digits.map((digit) =>
      element("meter", { min: 0, max: 1, value: 0, ariaLabel: `Probability of ${digit}` }),
    ),
    percents: digits.map(() => element("span", { className: "percent" })),
    prediction: element("p", { className: "prediction", role: "status" }),
  };
}

function titled(title, ...children) {
  return element("section", {}, [element("h4", { textContent: title }), ...children]);
}

function laidOut({ paper, clear, save, stage }, { image, maps, meters, percents, prediction }) {
  const bars = meters.flatMap((meter, digit) => [
    element("span", { textContent: digit }),
    meter,
    percents[digit],
  ]);
  return element("div", { className: "drawing-canvas" }, [
    titled("Draw a digit", paper, element("div", {}, [clear, " ", save])),
    titled("Input of the network", image),
    titled("Probability of each digit", element("div", { className: "bars" }, bars)),
    element("section", {}, [element("label", {}, ["Feature maps of ", stage]), maps]),
    prediction,
  ]);
}

function showResponse(response, [imageBytes, mapBytes], shown) {
  const [count, height, width] = response.shape;
  fillInverted(shown.image, bytesOf(imageBytes), 28, 28);
  fillInverted(shown.maps, ...tiled(bytesOf(mapBytes), response.shape));
  shown.maps.ariaLabel = `${count} feature maps of ${height} by ${width} positions`;
  response.probabilities.forEach((probability, digit) => {
    shown.meters[digit].value = probability;
    shown.percents[digit].textContent = `${(100 * probability).toFixed(1)} %`;
  });
  if (shown.prediction.textContent !== response.text) {
    shown.prediction.textContent = response.text;
  }
}

function download(paper) {
  // Save the drawing, black on white.
  const sheet = element("canvas", { width: SIDE, height: SIDE });
  const context = sheet.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, SIDE, SIDE);
  context.drawImage(paper, 0, 0);
  element("a", { href: sheet.toDataURL("image/png"), download: "digit.png" }).click();
}

function requester(model, view, paper, stage, prediction) {
  // Sends drawings to Python, few at a time. Times are those of the oldest stroke in a drawing.
  const readable = { willReadFrequently: true };
  const small = element("canvas", { width: SENT_SIDE, height: SENT_SIDE });
  const context = small.getContext("2d", readable);
  context.imageSmoothingQuality = "high";
  let changed = null; // when the oldest stroke was made that Python has not been told of
  let pending = []; // for each request on its way: when the oldest stroke in it was made
  let timer;

  function inkBytes() {
    context.clearRect(0, 0, SENT_SIDE, SENT_SIDE);
    context.drawImage(paper, 0, 0, SENT_SIDE, SENT_SIDE);
    const pixels = context.getImageData(0, 0, SENT_SIDE, SENT_SIDE).data;
    return Uint8Array.from({ length: SENT_SIDE * SENT_SIDE }, (_, i) => pixels[4 * i + 3]);
  }

  function send() {
    if (changed === null || pending.length === MAX_PENDING) return;
    pending.push(changed);
    changed = null;
    model.send({ view, stage: stage.value }, undefined, [inkBytes().buffer]);
    clearTimeout(timer);
    timer = setTimeout(() => {
      pending = [];
      prediction.textContent = NO_RESPONSE;
    }, TIMEOUT);
  }

  function touched(at) {
    changed ??= at;
    send();
  }

  function received() {
    // A response has come: when its oldest stroke was made, or undefined if none is awaited.
    const asked = pending.shift();
    if (!pending.length) clearTimeout(timer);
    return asked;
  }

  return { send, touched, received, stop: () => clearTimeout(timer) };
}

function letDraw(paper, touched) {
  // Draw what a pointer does; returns a function that clears the paper.
  const pen = paper.getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { lineWidth: PEN_WIDTH, lineCap: "round", lineJoin: "round" });
  let last = null; // where the pen is, while it is down

  function place(event) {
    const frame = paper.getBoundingClientRect();
    const x = ((event.clientX - frame.left) * SIDE) / frame.width;
    const y = ((event.clientY - frame.top) * SIDE) / frame.height;
    return [x, y];
  }

  function stroke(event) {
    if (last === null || !event.isPrimary) return;
    if (!event.buttons) return void (last = null); // the end of the stroke was missed
    const at = performance.now();
    const points = event.getCoalescedEvents?.() ?? [];
    for (const point of points.length ? points : [event]) {
      pen.beginPath();
      pen.moveTo(...last);
      last = place(point);
      pen.lineTo(last[0] + 0.01, last[1]); // a line of no length would not be drawn
      pen.stroke();
    }
    touched(at);
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
  return () => pen.clearRect(0, 0, SIDE, SIDE);
}

function render({ model, el }) {
  const view = Math.random().toString(36); // each view shows responses to its own requests only
  const parts = controls(model.get("stages"));
  const shown = displays();
  const canvas = laidOut(parts, shown);
  el.append(canvas);
  const requests = requester(model, view, parts.paper, parts.stage, shown.prediction);
  const clearPaper = letDraw(parts.paper, requests.touched);

  function show(response, buffers) {
    if (response.view !== view) return;
    showResponse(response, buffers, shown);
    const asked = requests.received();
    if (asked !== undefined) {
      canvas.dataset.latency = (performance.now() - asked).toFixed(1); // ms, stroke to bars
    }
    requests.send();
  }

  parts.clear.addEventListener("click", () => {
    clearPaper();
    requests.touched(performance.now());
  });
  parts.save.addEventListener("click", () => download(parts.paper));
  parts.stage.addEventListener("change", () => requests.touched(performance.now()));
  model.on("msg:custom", show);
  requests.touched(performance.now());
  return () => {
    requests.stop();
    model.off("msg:custom", show);
  };
}

export default { render };

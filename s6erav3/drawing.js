// The page's side of the drawing pad: strokes go to Python as bytes, the network's reading comes back and is drawn.
const SIDE = 280; // of the canvas, in its own pixels
const SENT = 140; // of the picture that is sent
const PEN = 22; // width of a stroke, in pixels of the canvas
const UNDERWAY = 3; // questions that may be on their way at once
const PATIENCE = 10_000; // milliseconds to wait for an answer

function element(tag, attributes = {}, children = []) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

function blackOn(canvas, values, columns, rows) {
  // Fill a canvas of columns × rows with bytes, bright ink drawn black on white.
  const image = new ImageData(columns, rows);
  for (let i = 0; i < columns * rows; i++) image.data.set([255 - values[i], 255 - values[i], 255 - values[i], 255], 4 * i);
  Object.assign(canvas, { width: columns, height: rows });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function tiled(values, [count, height, width]) {
  // Maps side by side in rows of at most eight, a white pixel between them: bytes, columns, rows.
  const across = Math.min(count, 8), down = Math.ceil(count / across);
  const columns = across * (width + 1) - 1, rows = down * (height + 1) - 1;
  const tiles = new Uint8Array(columns * rows);
  for (let i = 0; i < count * height * width; i++) {
    const map = Math.floor(i / (height * width)), row = Math.floor(i / width) % height;
    tiles[(Math.floor(map / across) * (height + 1) + row) * columns + (map % across) * (width + 1) + (i % width)] = values[i];
  }
  return [tiles, columns, rows];
}

function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function render({ model, el }) {
  const view = Math.random().toString(36); // of several views of one pad each is told of its own drawing only
  const paper = element("canvas", { className: "paper", width: SIDE, height: SIDE, role: "img", ariaLabel: "Paper: draw a digit here with mouse, pen or finger" });
  const clear = element("button", { type: "button", textContent: "Clear" });
  const save = element("button", { type: "button", textContent: "Save as PNG" });
  const stage = element("select", { ariaLabel: "Stage whose feature maps are shown" }, model.get("stages").map((name) => element("option", { value: name, textContent: name })));
  const seen = element("canvas", { className: "seen", role: "img", ariaLabel: "The 28 by 28 pixels that the network is given" });
  const maps = element("canvas", { className: "maps", role: "img" });
  const meters = [...Array(10).keys()].map((digit) => element("meter", { min: 0, max: 1, value: 0, ariaLabel: `Probability of ${digit}` }));
  const shares = meters.map(() => element("span", { className: "share" }));
  const answer = element("p", { className: "answer", role: "status" });
  const bars = element("div", { className: "bars" }, meters.flatMap((meter, digit) => [element("span", { textContent: digit }), meter, shares[digit]]));
  const pad = element("div", { className: "drawing-pad" }, [
    element("section", {}, [element("h4", { textContent: "Draw a digit" }), paper, element("div", {}, [clear, " ", save])]),
    element("section", {}, [element("h4", { textContent: "What the network is given" }), seen]),
    element("section", {}, [element("h4", { textContent: "Probability of each digit" }), bars]),
    element("section", {}, [element("label", {}, ["Feature maps of ", stage]), maps]),
    answer,
  ]);
  for (const control of [clear, save, stage]) control.dataset.lmSuppressShortcuts = ""; // or JupyterLab takes its keys for its own
  el.append(pad);

  const pen = paper.getContext("2d", { willReadFrequently: true });
  const small = element("canvas", { width: SENT, height: SENT }).getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  Object.assign(small, { imageSmoothingQuality: "high" });
  let last = null; // where the pen is, while it is down
  let changed = null; // when the oldest stroke was made that Python has not been told of
  let asked = []; // for each question that is on its way: when the oldest stroke in it was made
  let overdue; // the timer of the last question

  function send() {
    if (changed === null || asked.length === UNDERWAY) return;
    asked.push(changed);
    changed = null;
    small.clearRect(0, 0, SENT, SENT);
    small.drawImage(paper, 0, 0, SENT, SENT);
    const pixels = small.getImageData(0, 0, SENT, SENT).data;
    const ink = Uint8Array.from({ length: SENT * SENT }, (_, i) => pixels[4 * i + 3]);
    model.send({ view, stage: stage.value }, undefined, [ink.buffer]);
    clearTimeout(overdue);
    overdue = setTimeout(() => {
      asked = [];
      answer.textContent = "Python has not answered for ten seconds. The kernel is busy, or was restarted; if it was, run the cell again.";
    }, PATIENCE);
  }

  function touched(at) {
    changed ??= at;
    send();
  }

  function place(event) {
    const frame = paper.getBoundingClientRect();
    return [((event.clientX - frame.left) * SIDE) / frame.width, ((event.clientY - frame.top) * SIDE) / frame.height];
  }

  function stroke(event) {
    if (last === null || !event.isPrimary) return;
    if (!event.buttons) return void (last = null); // the end of the stroke was missed
    const at = performance.now();
    for (const point of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) {
      pen.beginPath();
      pen.moveTo(...last);
      last = place(point);
      pen.lineTo(last[0] + 0.01, last[1]); // a line of no length would not be drawn
      pen.stroke();
    }
    touched(at);
  }

  function show(reading, [seenBytes, mapBytes]) {
    if (reading.view !== view) return;
    blackOn(seen, bytesOf(seenBytes), 28, 28);
    blackOn(maps, ...tiled(bytesOf(mapBytes), reading.shape));
    maps.ariaLabel = `${reading.shape[0]} feature maps of ${reading.shape[1]} by ${reading.shape[2]} cells`;
    reading.probabilities.forEach((share, digit) => {
      meters[digit].value = share;
      shares[digit].textContent = `${(100 * share).toFixed(1)} %`;
    });
    if (answer.textContent !== reading.text) answer.textContent = reading.text;
    if (asked.length) pad.dataset.latency = (performance.now() - asked.shift()).toFixed(1); // milliseconds from the stroke to the bars
    if (!asked.length) clearTimeout(overdue);
    send();
  }

  paper.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    event.preventDefault();
    paper.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(event);
  });
  paper.addEventListener("pointermove", stroke);
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) paper.addEventListener(end, (event) => event.isPrimary && (last = null));
  clear.addEventListener("click", () => {
    pen.clearRect(0, 0, SIDE, SIDE);
    touched(performance.now());
  });
  save.addEventListener("click", () => {
    const page = element("canvas", { width: SIDE, height: SIDE });
    const ink = page.getContext("2d");
    ink.fillStyle = "white";
    ink.fillRect(0, 0, SIDE, SIDE);
    ink.drawImage(paper, 0, 0);
    element("a", { href: page.toDataURL("image/png"), download: "digit.png" }).click();
  });
  stage.addEventListener("change", () => touched(performance.now()));
  model.on("msg:custom", show);
  touched(performance.now());
  return () => {
    clearTimeout(overdue);
    model.off("msg:custom", show);
  };
}

export default { render };

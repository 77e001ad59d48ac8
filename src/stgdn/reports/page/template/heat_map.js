const LABEL = { size: 11, fits: 9, longest: 130 };
const COUNTED = 22; // pixels of a cell that has room for a number

/**
 * A square matrix as colours, with names, if it has any, along its sides where there is room.
 *
 * `values` are row by row, `order` says which index stands where, `colours()` gives the function from a value to its
 * colour, `describe(row, column)` the words for an entry, `figure(value)` what to write into a large cell. Mouse, touch
 * and arrow keys move over the entries.
 */
function heatMap({ label, values, names, order, colours, describe, figure = null, largest = 26 }) {
  const size = order.length;
  const canvas = element("canvas", { tabindex: 0, role: "img", "aria-label": `${label} Arrow keys tell the entries.` });
  const frame = element("div", { class: "cell" });
  const box = element("div", { class: "map" }, canvas, frame);
  const layout = { cell: 1, side: 0 };
  canvas.paint = () => {
    const available = box.clientWidth || 480;
    const pen = canvas.getContext("2d");
    pen.font = font(LABEL.size);
    const longest = Math.min(LABEL.longest, Math.max(0, ...names.map((name) => pen.measureText(name).width)) + 6);
    const labelled = names.length === size && Math.floor((available - longest) / size) >= LABEL.fits;
    layout.side = labelled ? longest : 0;
    layout.cell = Math.max(1, Math.min(largest, Math.floor((available - layout.side) / size)));
    fit(canvas, layout.side + size * layout.cell);
    paintCells(pen, layout, order, values, colours());
    if (figure && layout.cell >= COUNTED) paintFigures(pen, layout, order, values, colours(), figure);
    if (labelled)
      paintNames(
        pen,
        layout,
        order.map((index) => names[index]),
      );
  };
  explore(canvas, frame, size, layout, (row, column) => describe(order[row], order[column]));
  new ResizeObserver(() => canvas.paint()).observe(box);
  return box;
}

function font(size) {
  return `${size}px system-ui, sans-serif`;
}

/** Make a canvas a square of so many pixels of the style, sharp on every screen. */
function fit(canvas, edge) {
  const ratio = devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(edge * ratio);
  canvas.style.width = canvas.style.height = `${edge}px`;
  canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
}

function paintCells(pen, { cell, side }, order, values, colour) {
  const size = order.length;
  const gap = cell >= 6 ? 1 : 0;
  order.forEach((row, top) =>
    order.forEach((column, left) => {
      pen.fillStyle = colour(values[row * size + column]);
      pen.fillRect(side + left * cell, side + top * cell, cell - gap, cell - gap);
    }),
  );
  pen.strokeStyle = `rgb(${styled("--line").join(" ")})`;
  pen.strokeRect(side - 0.5, side - 0.5, size * cell + 0.5, size * cell + 0.5);
}

function paintFigures(pen, { cell, side }, order, values, colour, figure) {
  pen.font = font(10);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  order.forEach((row, top) =>
    order.forEach((column, left) => {
      const value = values[row * order.length + column];
      pen.fillStyle = readable(colour(value));
      pen.fillText(figure(value), side + (left + 0.5) * cell, side + (top + 0.5) * cell);
    }),
  );
}

function paintNames(pen, { cell, side }, names) {
  pen.font = font(Math.min(LABEL.size, cell));
  pen.fillStyle = `rgb(${styled("--text").join(" ")})`;
  pen.textBaseline = "middle";
  names.forEach((name, at) => {
    const text = shortened(pen, name, side - 6);
    const middle = side + (at + 0.5) * cell;
    pen.textAlign = "right";
    pen.fillText(text, side - 4, middle);
    pen.save();
    pen.translate(middle, side - 4);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "left";
    pen.fillText(text, 0, 0);
    pen.restore();
  });
}

/** A name that fits. */
function shortened(pen, name, room) {
  if (pen.measureText(name).width <= room) return name;
  let kept = name;
  while (kept && pen.measureText(`${kept}…`).width > room) kept = kept.slice(0, -1);
  return `${kept}…`;
}

function explore(canvas, frame, size, layout, describe) {
  let at = null;
  const tell = () => {
    const { cell, side } = layout;
    const [row, column] = at;
    Object.assign(frame.style, {
      display: "block",
      width: `${cell}px`,
      height: `${cell}px`,
      left: `${side + column * cell}px`,
      top: `${side + row * cell}px`,
    });
    const box = canvas.getBoundingClientRect();
    hint(describe(row, column), box.left + side + (column + 1) * cell, box.top + side + (row + 1) * cell);
  };
  const leave = () => {
    frame.style.display = "none";
    hideHint();
  };
  canvas.addEventListener("pointermove", (event) => {
    const found = [event.offsetY, event.offsetX].map((place) => Math.floor((place - layout.side) / layout.cell));
    if (found.some((index) => index < 0 || index >= size)) return leave();
    at = found;
    return tell();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    at = at === null ? [0, 0] : at.map((index, axis) => Math.max(0, Math.min(size - 1, index + step[axis])));
    tell();
  });
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("blur", leave);
}

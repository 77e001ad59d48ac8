const CHART = { width: 380, height: 240, left: 46, right: 10, top: 8, bottom: 34 };

/**
 * Lines over a common axis. `series` are {name, marks, points}, points [x, y] in rising order of x, y null for nothing.
 * With `log` the values stand by their logarithms.
 */
function chart({ title, remark, xLabel, series, log = false }) {
  const points = series.flatMap((each) => each.points).filter(([, y]) => y !== null && (!log || y > 0));
  const scale = log ? Math.log10 : (value) => value;
  const [xs, ys] = [span(points.map(([x]) => x)), span(points.map(([, y]) => scale(y)))];
  const { width, height, left, right, top, bottom } = CHART;
  const place = {
    x: (x) => left + ((x - xs[0]) / (xs[1] - xs[0])) * (width - left - right),
    y: (y) => height - bottom - ((scale(y) - ys[0]) / (ys[1] - ys[0])) * (height - top - bottom),
  };
  const cursor = drawn("line", { class: "cursor", y1: top, y2: height - bottom, visibility: "hidden" });
  const picture = drawn(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0, "aria-label": spoken(title, series) },
    axes(xs, ys, place, log, xLabel),
    cursor,
    series.flatMap((each) => lines(each, place, log)),
  );
  watch(
    picture,
    cursor,
    [...new Set(points.map(([x]) => x))].sort((a, b) => a - b),
    place,
    series,
    xLabel,
  );
  const caption = element("figcaption", {}, title, remark ? element("small", {}, remark) : null);
  return element("figure", { class: "chart" }, caption, picture);
}

/** Smallest and largest, apart from each other. */
function span(values) {
  const [low, high] = [
    values.reduce((a, b) => Math.min(a, b), Infinity),
    values.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
  if (!(low <= high)) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** Round numbers between two. */
function ticks(low, high, count, whole = false) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].find((factor) => factor * power >= rough) * power, whole ? 1 : 0);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * step; at++) found.push(at * step);
  return found;
}

function axes(xs, ys, place, log, xLabel) {
  const { width, height, left, right, bottom } = CHART;
  const parts = [];
  for (const tick of ticks(...ys, 5, log)) {
    const value = log ? 10 ** tick : tick;
    parts.push(
      drawn("line", { class: "rule", x1: left, x2: width - right, y1: place.y(value), y2: place.y(value) }),
      drawn("text", { x: left - 6, y: place.y(value) + 4, "text-anchor": "end" }, short(value)),
    );
  }
  for (const tick of ticks(...xs, 7, true)) {
    parts.push(drawn("text", { x: place.x(tick), y: height - bottom + 15, "text-anchor": "middle" }, String(tick)));
  }
  parts.push(
    drawn("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
    drawn("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, xLabel),
  );
  return parts;
}

/** A line for every stretch without a gap, a dot where a stretch is one point. */
function lines({ marks, points, dots }, place, log) {
  const stretches = [[]];
  for (const [x, y] of points) {
    if (y !== null && (!log || y > 0)) stretches.at(-1).push([place.x(x), place.y(y)]);
    else if (stretches.at(-1).length) stretches.push([]);
  }
  return stretches.flatMap((stretch) => {
    const single = dots || stretch.length === 1 ? stretch : [];
    return [
      drawn("polyline", { class: "series", points: stretch.map((point) => point.join(",")).join(" "), ...marks }),
      ...single.map(([cx, cy]) => drawn("circle", { cx, cy, r: 2.6, fill: marks.stroke })),
    ];
  });
}

/** Tell the values at a place, by mouse, touch or arrow keys. */
function watch(picture, cursor, xs, place, series, xLabel) {
  let at = -1;
  const tell = () => {
    const box = picture.getBoundingClientRect();
    const x = place.x(xs[at]);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", "visible");
    const found = series.map(({ name, points }) => [name, points.find(([other]) => other === xs[at])?.[1] ?? null]);
    const told = found.filter(([, y]) => y !== null).sort(([, a], [, b]) => b - a);
    const text = [`${xLabel} ${short(xs[at])}`, ...told.map(([name, y]) => `${short(y, 4)}  ${name}`)].join("\n");
    hint(text, box.left + (x / CHART.width) * box.width, box.top + box.height / 3);
  };
  const leave = () => {
    cursor.setAttribute("visibility", "hidden");
    hideHint();
  };
  picture.addEventListener("pointermove", (event) => {
    if (!xs.length) return;
    const box = picture.getBoundingClientRect();
    const wanted = ((event.clientX - box.left) / box.width) * CHART.width;
    at = xs.reduce(
      (best, x, index) => (Math.abs(place.x(x) - wanted) < Math.abs(place.x(xs[best]) - wanted) ? index : best),
      0,
    );
    tell();
  });
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !xs.length) return;
    event.preventDefault();
    at = Math.max(0, Math.min(xs.length - 1, at + step));
    tell();
  });
  picture.addEventListener("pointerleave", leave);
  picture.addEventListener("blur", leave);
}

/** What a chart shows, in a sentence. */
function spoken(title, series) {
  const ends = series.map(({ name, points }) => {
    const seen = points.filter(([, y]) => y !== null);
    return seen.length ? `${name} from ${short(seen[0][1])} to ${short(seen.at(-1)[1])}` : `${name} has none`;
  });
  return `${title}: ${ends.slice(0, 8).join("; ")}. Arrow keys tell the values.`;
}

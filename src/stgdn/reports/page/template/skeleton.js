const FIGURE = { edge: 300, margin: 26 };

/**
 * A graph on a skeleton: an arc bends from the joint that gives to the joint that takes, rings are what a joint takes
 * from itself, a disc grows with all that its joint gives to others.
 *
 * `values` (V, V) row by row, row gives and column takes; `limit` is the value of the thickest arc; `joint` limits the
 * arcs to those of one joint, `count` to the largest ones; `choose(joint)` is called when a joint is clicked.
 */
function skeletonFigure({ label, skeleton, values, limit, joint, count, choose }) {
  const places = placed(skeleton.positions);
  const given = skeleton.joints.map((_, from) =>
    skeleton.joints.reduce((sum, __, to) => sum + (from === to ? 0 : Math.abs(values[from * places.length + to])), 0),
  );
  const most = Math.max(...given) || 1;
  const bones = skeleton.bones.map(([child, parent]) => {
    const [[x1, y1], [x2, y2]] = [places[child], places[parent]];
    return drawn("line", { class: "bone", x1, y1, x2, y2 });
  });
  const arcs = strongest(values, places.length, joint, count).flatMap((edge) => arc(edge, places, limit));
  const discs = places.map(([cx, cy], at) => {
    const act = {
      onclick: () => choose(at === joint ? null : at),
      onpointermove: (event) =>
        hint(`${skeleton.joints[at]}\ngives ${short(given[at])} to the others`, event.clientX, event.clientY),
      onpointerleave: hideHint,
    };
    return drawn("circle", {
      class: at === joint ? "joint chosen" : "joint",
      cx,
      cy,
      r: 2.5 + 4.5 * Math.sqrt(given[at] / most),
      ...act,
    });
  });
  const named = joint === null ? null : nameAt(places[joint], skeleton.joints[joint]);
  const view = { viewBox: `0 0 ${FIGURE.edge} ${FIGURE.edge}`, role: "img", "aria-label": label };
  return drawn("svg", view, bones, arcs, discs, named);
}

/** Positions in the picture's units, y down. */
function placed(positions) {
  const [xs, ys] = [span(positions.map(([x]) => x)), span(positions.map(([, y]) => y))];
  const room = FIGURE.edge - 2 * FIGURE.margin;
  const unit = room / Math.max(xs[1] - xs[0], ys[1] - ys[0]);
  const [left, top] = [(FIGURE.edge - unit * (xs[0] + xs[1])) / 2, (FIGURE.edge + unit * (ys[0] + ys[1])) / 2];
  return positions.map(([x, y]) => [left + unit * x, top - unit * y]);
}

/** The `count` entries of largest size as [from, to, value], the largest first; of one joint unless that is null. */
function strongest(values, size, joint, count) {
  const edges = Array.from(values, (value, at) => [Math.floor(at / size), at % size, value]);
  return edges
    .filter(([from, to, value]) => value !== 0 && (joint === null || from === joint || to === joint))
    .sort(([, , a], [, , b]) => Math.abs(b) - Math.abs(a))
    .slice(0, count);
}

function arc([from, to, value], places, limit) {
  const share = Math.min(1, Math.abs(value) / limit);
  const stroke = {
    stroke: `var(--${value < 0 ? "cold" : "warm"})`,
    "stroke-width": 0.6 + 3.4 * share,
    fill: "none",
    "stroke-opacity": 0.35 + 0.55 * share,
  };
  const [[x1, y1], [x2, y2]] = [places[from], places[to]];
  if (from === to) return [drawn("circle", { cx: x1, cy: y1, r: 9, ...stroke })];
  const [middle, across] = [
    [(x1 + x2) / 2, (y1 + y2) / 2],
    [(y2 - y1) * 0.22, (x1 - x2) * 0.22],
  ];
  const bend = [middle[0] + across[0], middle[1] + across[1]];
  const back = Math.hypot(x2 - bend[0], y2 - bend[1]) || 1;
  const along = [(x2 - bend[0]) / back, (y2 - bend[1]) / back];
  const tip = [x2 - 5 * along[0], y2 - 5 * along[1]];
  const wing = 2.2 + 2.2 * share;
  const foot = [tip[0] - 2.2 * wing * along[0], tip[1] - 2.2 * wing * along[1]];
  const head = [
    tip,
    [foot[0] - wing * along[1], foot[1] + wing * along[0]],
    [foot[0] + wing * along[1], foot[1] - wing * along[0]],
  ];
  return [
    drawn("path", { d: `M${x1} ${y1}Q${bend} ${foot}`, ...stroke }),
    drawn("polygon", { points: head.join(" "), fill: stroke.stroke, "fill-opacity": stroke["stroke-opacity"] }),
  ];
}

function nameAt([x, y], name) {
  const left = x > FIGURE.edge / 2;
  return drawn(
    "text",
    { class: "name", x: left ? x - 10 : x + 10, y: y - 8, "text-anchor": left ? "end" : "start" },
    name,
  );
}

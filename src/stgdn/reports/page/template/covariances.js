const DIRECTIONS = { node: "joints", frame: "frames", channel: "channels" };

/** What a layer whitens: covariances before and after it, and their eigenvalues. */
function covariances(layer, joints) {
  const axes = Object.entries(layer.whitened);
  if (axes.length) return axes.flatMap(([axis, found]) => whitened(layer.number, axis, found, joints));
  return [element("h3", {}, `Whitening of layer ${layer.number}`), nothing(`Layer ${layer.number} whitens nothing.`)];
}

function whitened(number, axis, found, joints) {
  const title = `Covariance of the ${DIRECTIONS[axis]} in layer ${number}, ${found.size} × ${found.size}`;
  const blocks = `Each entry of the pictures is the mean of ${found.block} × ${found.block}.`;
  const names = axis === "node" && found.block === 1 ? joints : [];
  const maps = ["before", "after"].map((when) => covarianceMap(found, when, names));
  return [
    element("h3", {}, title),
    ...(found.block > 1 ? [element("p", { class: "remark" }, blocks)] : []),
    element("div", { class: "grid top" }, maps, spectrum(found)),
  ];
}

function covarianceMap(found, when, names) {
  const { matrix, rank } = found[when];
  const values = unpacked(matrix);
  const size = matrix.shape[0];
  const limit = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) || 1;
  const place = (at) =>
    names[at] ??
    (found.block > 1 ? `${at * found.block + 1}–${Math.min(found.size, (at + 1) * found.block)}` : String(at + 1));
  const describe = (row, column) => `${place(row)} and ${place(column)}\n${short(values[row * size + column])}`;
  const colours = () => signedColours(limit);
  const label = `Covariance ${when} whitening.`;
  const order = Array.from({ length: size }, (_, at) => at);
  const remark = element("small", {}, `effective rank ${short(rank)} of ${found.size}`);
  return element(
    "figure",
    {},
    element("figcaption", {}, `${when[0].toUpperCase()}${when.slice(1)} whitening`, remark),
    heatMap({ label, values, names, order, colours, describe, largest: 16 }),
    ramp(`−${short(limit)}`, short(limit), colours, -limit, limit),
  );
}

function spectrum(found) {
  const series = ["before", "after"].map((when, at) => ({
    name: when,
    marks: { ...mark(at), "stroke-dasharray": DASHES[at] },
    points: found[when].eigenvalues.map((value, index) => [index + 1, value]),
  }));
  const keys = element(
    "ul",
    { class: "legend" },
    series.map(({ name, marks }) => element("li", {}, sample(marks), `${name} whitening`)),
  );
  const figure = chart({
    title: "Eigenvalues",
    remark: "by size, logarithmic; 1 everywhere: white",
    xLabel: "eigenvalue",
    series,
    log: true,
  });
  figure.append(keys);
  return figure;
}

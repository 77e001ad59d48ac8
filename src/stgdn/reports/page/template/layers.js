const SUBSETS = {
  agcn: ["itself", "inward: from the parent", "outward: from the children"],
  ctr_gcn: ["itself", "inward: from the children", "outward: from the parent"],
  st_gcn: ["itself", "from joints no nearer to the centre", "from joints nearer to the centre"],
};
const SHOWN = { learned: "what was learned", whole: "the skeleton's graph with it" };
const MOST_ARCS = 100;
const HOW_TO_READ = [
  "An arrow runs from the joint that gives to the joint that takes; a ring is what a joint takes from itself, a disc ",
  "grows with all that its joint gives. Click a joint to see its arrows alone. In the matrices a row gives and a ",
  "column takes. What attention adds differs from clip to clip and is not drawn.",
];

/** Graphs and covariances of one layer of one run. */
function showLayers(section) {
  const options = runOptions((run) => run.layers);
  if (!options.length) {
    section.append(nothing("No run has kept its layers (layers.npz); runs trained from now on do."));
    return;
  }
  const state = { run: options[0][0], layer: 1, graph: null, shown: "learned", joint: null, count: 30 };
  const [controls, body] = [element("div", { class: "controls" }), element("div")];
  const update = (changes) => {
    hideHint();
    Object.assign(state, changes);
    const { layers, skeleton } = RUNS[state.run].layers;
    state.layer = Math.max(1, Math.min(state.layer, layers.length));
    const layer = layers[state.layer - 1];
    if (!layer || !(state.graph in layer.graphs)) state.graph = layer ? (Object.keys(layer.graphs)[0] ?? null) : null;
    if (state.joint !== null && state.joint >= DATA.skeletons[skeleton].joints.length) state.joint = null;
    if (!("count" in changes)) replaceInPlace(controls, layerControls(state, options, update));
    body.replaceChildren(
      ...(layer
        ? [graphs(state, layer, update), ...covariances(layer, DATA.skeletons[skeleton].joints)]
        : [nothing("This run's layers keep nothing to draw.")]),
    );
  };
  section.append(controls, body);
  update({});
}

function layerControls(state, options, update) {
  const { layers, skeleton } = RUNS[state.run].layers;
  const numbers = layers.map(({ number }) => [number, String(number)]);
  const names = Object.keys(layers[state.layer - 1]?.graphs ?? {}).map((name) => [name, name]);
  const joints = [["", "all"], ...DATA.skeletons[skeleton].joints.map((name, at) => [at, name])];
  const chooseJoint = (value) => update({ joint: value === "" ? null : Number(value) });
  return [
    choice("run", options, state.run, (value) => update({ run: Number(value) })),
    choice("layer", numbers, state.layer, (value) => update({ layer: Number(value) })),
    ...(names.length > 1 ? [choice("graph", names, state.graph, (graph) => update({ graph }))] : []),
    choice("show", Object.entries(SHOWN), state.shown, (shown) => update({ shown })),
    choice("joint", joints, state.joint ?? "", chooseJoint),
    slider("largest entries drawn", [1, MOST_ARCS], state.count, (count) => update({ count })),
  ];
}

/** Every subset of a layer's graph on the skeleton and as a matrix. */
function graphs(state, layer, update) {
  if (state.graph === null) return nothing(`Layer ${layer.number} has learned no graph.`);
  const run = RUNS[state.run];
  const skeleton = DATA.skeletons[run.layers.skeleton];
  const physical = subsets(run.layers.physical);
  const learned = subsets(layer.graphs[state.graph]);
  const matrices =
    state.shown === "whole" ? learned.map((values, k) => values.map((value, at) => value + physical[k][at])) : learned;
  const limit = matrices.reduce((most, values) => values.reduce((a, b) => Math.max(a, Math.abs(b)), most), 0) || 1;
  const names = SUBSETS[run.config["model.blocks"]] ?? SUBSETS[run.config["model.style"]] ?? SUBSETS.agcn;
  const figures = matrices.map((values, k) => {
    const title = `Layer ${layer.number}, ${names[k] ?? `subset ${k + 1}`}`;
    const choose = (joint) => update({ joint });
    const label = `${title}, on the skeleton. ${told(values, skeleton.joints, state.joint)}`;
    return element(
      "figure",
      {},
      element("figcaption", {}, title),
      skeletonFigure({ label, skeleton, values, limit, joint: state.joint, count: state.count, choose }),
      jointMap(title, values, skeleton.joints, limit),
    );
  });
  return element(
    "div",
    {},
    element("h3", {}, `Graphs of layer ${layer.number}`),
    element("p", { class: "remark" }, HOW_TO_READ),
    element("div", { class: "grid" }, figures),
    ramp(`−${short(limit)}`, short(limit), () => signedColours(limit), -limit, limit),
  );
}

/** The largest entries in words. */
function told(values, joints, joint) {
  const edges = strongest(values, joints.length, joint, 3);
  return edges.map(([from, to, value]) => `${joints[to]} takes ${short(value)} from ${joints[from]}`).join("; ");
}

function jointMap(title, values, joints, limit) {
  const describe = (row, column) =>
    `${joints[column]} takes\n${short(values[row * joints.length + column])} from ${joints[row]}`;
  const order = joints.map((_, at) => at);
  return heatMap({
    label: `${title}, as a matrix.`,
    values,
    names: joints,
    order,
    colours: () => signedColours(limit),
    describe,
    largest: 16,
  });
}

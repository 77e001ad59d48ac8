/** The difference between two chosen runs: figures, classes, confusions, configs. */
function showComparison(section) {
  const options = runOptions(() => true);
  if (options.length < 2) {
    section.append(nothing("There are no two runs to compare."));
    return;
  }
  const like = (a, b) => RUNS[a].data === RUNS[b].data && RUNS[a].classes === RUNS[b].classes;
  const second = options.map(([number]) => number).find((number) => number > 0 && like(0, number)) ?? 1;
  const state = { a: 0, b: second };
  const body = element("div");
  const render = () => body.replaceChildren(...differences(RUNS[state.a], RUNS[state.b]));
  const chosen = (key) =>
    choice(`run ${key.toUpperCase()}`, options, state[key], (value) => {
      state[key] = Number(value);
      render();
    });
  section.append(element("div", { class: "controls" }, chosen("a"), chosen("b")), body);
  render();
}

function differences(a, b) {
  return [
    element(
      "div",
      { class: "halves" },
      element("div", {}, figuresOf(a, b)),
      element("div", {}, configDifferences(a, b)),
    ),
    ...classDifferences(a, b),
  ];
}

/** What both runs came to, and B minus A. */
function figuresOf(a, b) {
  const rows = [
    ...Object.entries(ACCURACIES).map(([key, name]) => [`test ${name}`, a[key], b[key], fixed, 1]),
    ["parameters", a.parameters, b.parameters, (value) => value.toLocaleString("en"), 0],
    ["GFLOP a clip", a.flops, b.flops, gigaflops],
    ["clip (C, T, V, M)", a.clip_shape, b.clip_shape, String],
  ].map(([what, one, other, text, decimals]) => ({ what, one, other, text, decimals }));
  const known = rows.filter(({ one, other }) => one !== null && other !== null);
  const columns = [
    { heading: "", cell: ({ what }) => what },
    { heading: "A", cell: ({ one, text }) => text(one), number: true },
    { heading: "B", cell: ({ other, text }) => text(other), number: true },
    {
      heading: "B − A",
      cell: ({ one, other, decimals }) => (decimals === undefined ? "" : signed(other - one, decimals)),
      number: true,
    },
  ];
  const names = element("p", { class: "remark" }, `A: ${a.name}`, element("br"), `B: ${b.name}`);
  return element("div", {}, element("h3", {}, "Figures"), names, sortable("Figures of both runs", columns, known));
}

/** Options that differ; where runs lie is left out. */
function configDifferences(a, b) {
  const keys = [...new Set([...Object.keys(a.config), ...Object.keys(b.config)])].filter((key) => key !== "folder");
  const rows = keys
    .map((key) => ({ key, one: a.config[key] ?? "–", other: b.config[key] ?? "–" }))
    .filter(({ one, other }) => one !== other);
  const columns = [
    { heading: "option", value: ({ key }) => key },
    { heading: "A", cell: ({ one }) => element("code", {}, one) },
    { heading: "B", cell: ({ other }) => element("code", {}, other) },
  ];
  const title = element("h3", {}, "Configs");
  if (!Object.keys(a.config).length || !Object.keys(b.config).length)
    return element("div", {}, title, nothing("One of them has no config.yaml that can be read."));
  if (!rows.length) return element("div", {}, title, nothing("They are the same."));
  return element("div", {}, title, sortable("Options that differ", columns, rows, [0, true]));
}

function classDifferences(a, b) {
  if (!a.confusion || !b.confusion) return [nothing("One of them has no scores.npz that can be read.")];
  if (a.data !== b.data || a.classes !== b.classes)
    return [nothing("They are of different data or classes, so that no class can be compared.")];
  const names = DATA.classes[a.classes];
  const [one, other] = [a, b].map((run) => rowShares(confusionOf(run)));
  const change = other.shares.map((share, at) => share - one.shares[at]);
  const accuracies = element("div", {}, element("h3", {}, "Accuracy of every class"), changeTable(names, one, other));
  return beside(names.length, element("div", { class: "stacked" }, changeMap(a, b, names, change)), accuracies);
}

function changeTable(names, one, other) {
  const size = names.length;
  const rows = names.map((name, at) => {
    const [a, b] = [one, other].map(({ sums, shares }) => (sums[at] ? 100 * shares[at * size + at] : null));
    return { name, a, b, change: a === null || b === null ? null : b - a };
  });
  const percent = (value) => (value === null ? "–" : fixed(value));
  const columns = [
    { heading: "class", value: ({ name }) => name },
    { heading: "A", value: ({ a }) => a, cell: ({ a }) => percent(a), number: true },
    { heading: "B", value: ({ b }) => b, cell: ({ b }) => percent(b), number: true },
    {
      heading: "B − A",
      value: ({ change }) => change,
      cell: ({ change }) => (change === null ? "–" : signed(change)),
      number: true,
    },
    { heading: "", cell: ({ change }) => signedBar((change ?? 0) / 100), kind: "bars" },
  ];
  return sortable("Accuracy of every class in both runs", columns, rows, [3, true]);
}

function changeMap(a, b, names, change) {
  const size = names.length;
  const limit = change.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const colours = () => signedColours(limit);
  const describe = (row, column) =>
    `${outcome(names, row, column)}: ${signed(100 * change[row * size + column])} points`;
  const figure = (value) => (Math.abs(value) >= 0.005 ? signed(100 * value, 0) : "");
  const order = names.map((_, at) => at);
  const label = `Confusion matrix of ${b.name} minus that of ${a.name}.`;
  const caption = element(
    "figcaption",
    {},
    "Confusions, B − A",
    element(
      "small",
      {},
      "points of the true class; row: true class, column: predicted; off the diagonal less is better",
    ),
  );
  const text = fixed(100 * limit, 0);
  return element(
    "figure",
    {},
    caption,
    heatMap({ label, values: change, names, order, colours, describe, figure, largest: 34 }),
    ramp(`−${text}`, `+${text}`, colours, -limit, limit),
  );
}

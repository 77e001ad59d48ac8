const ORDERS = [
  ["label", "the data's own"],
  ["accuracy", "the worst first"],
  ["together", "confused ones together"],
];
const PAIRS = 20;
const MANY = 30; // classes whose matrix takes the whole width

/** Accuracy of every class, the confusion matrix and the pairs that are confused most, of one run. */
function showClasses(section) {
  const options = runOptions((run) => run.confusion);
  if (!options.length) {
    section.append(nothing("No run has a scores.npz that can be read."));
    return;
  }
  const state = { run: options[0][0], order: "label" };
  const body = element("div");
  const render = () => {
    const run = RUNS[state.run];
    const names = DATA.classes[run.classes];
    const counts = confusionOf(run);
    const accuracies = element("div", {}, element("h3", {}, "Accuracy of every class"), classTable(names, counts));
    const pairs = element("div", {}, element("h3", {}, "Confused most"), pairTable(names, counts));
    body.replaceChildren(...beside(names.length, confusionMap(run, names, counts, state.order), accuracies, pairs));
  };
  const act = (key) => (value) => {
    state[key] = value;
    render();
  };
  section.append(
    element(
      "div",
      { class: "controls" },
      choice("run", options, state.run, act("run")),
      choice("order of classes", ORDERS, state.order, act("order")),
    ),
    body,
  );
  render();
}

/** A matrix beside tables; above them where it has many classes. */
function beside(classes, matrix, ...tables) {
  if (classes > MANY) return [matrix, element("div", { class: "halves stacked" }, tables)];
  return [element("div", { class: "halves" }, element("div", {}, matrix), element("div", {}, tables))];
}

function confusionMap(run, names, counts, order) {
  const { sums, shares } = rowShares(counts);
  const size = names.length;
  const describe = (row, column) =>
    `${outcome(names, row, column)}: ${counts[row * size + column]} of ${sums[row]} clips`;
  const map = heatMap({
    label: `Confusion matrix of ${run.name}, ${size} classes.`,
    values: shares,
    names,
    order: ordered(order, counts, shares),
    colours: shareColours,
    describe,
    figure: (share) => (share ? fixed(100 * share, 0) : ""),
    largest: 34,
  });
  const caption = element(
    "figcaption",
    {},
    `Confusion matrix, top-1 ${fixed(run.top1)}${run.mean_class === null ? "" : `, mean class ${fixed(run.mean_class)}`}`,
    element("small", {}, `${run.name}; row: true class, column: predicted`),
  );
  return element("figure", {}, caption, map, ramp("0", "100 % of the true class", shareColours, 0, 1));
}

/** What happened to clips of one class, in words. */
function outcome(names, row, column) {
  return `${names[row]}\n${row === column ? "recognised" : `taken for ${names[column]}`}`;
}

/** Places of classes from top to bottom. */
function ordered(order, counts, shares) {
  const size = Math.sqrt(counts.length);
  const all = Array.from({ length: size }, (_, index) => index);
  if (order === "accuracy") return all.sort((a, b) => shares[a * size + a] - shares[b * size + b]);
  if (order === "together") return chained(all, (a, b) => shares[a * size + b] + shares[b * size + a]);
  return all;
}

/** Everything in a row in which each is followed by the one that is closest to it, beginning with the closest two. */
function chained(all, closeness) {
  const left = new Set(all);
  const best = (candidates, measure) => candidates.reduce((a, b) => (measure(b) > measure(a) ? b : a));
  const confused = (index) => Math.max(...all.map((other) => (other === index ? 0 : closeness(index, other))));
  const found = [best(all, confused)];
  left.delete(found[0]);
  while (left.size) {
    const next = best([...left], (index) => closeness(found.at(-1), index));
    found.push(next);
    left.delete(next);
  }
  return found;
}

function classTable(names, counts) {
  const { sums, shares } = rowShares(counts);
  const rows = names.map((name, at) => ({
    name,
    clips: sums[at],
    accuracy: sums[at] ? shares[at * names.length + at] : null,
  }));
  const columns = [
    { heading: "class", value: ({ name }) => name },
    { heading: "clips", value: ({ clips }) => clips, cell: ({ clips }) => String(clips), number: true },
    {
      heading: "%",
      value: ({ accuracy }) => accuracy,
      cell: ({ accuracy }) => (accuracy === null ? "–" : fixed(100 * accuracy)),
      number: true,
    },
    { heading: "", cell: ({ accuracy }) => bar(accuracy ?? 0), kind: "bars" },
  ];
  return sortable("Accuracy of every class", columns, rows, [2, true]);
}

function pairTable(names, counts) {
  const { sums } = rowShares(counts);
  const size = names.length;
  const rows = Array.from(counts, (clips, at) => ({ row: Math.floor(at / size), column: at % size, clips }))
    .filter(({ row, column, clips }) => clips && row !== column)
    .sort((a, b) => b.clips - a.clips || b.clips / sums[b.row] - a.clips / sums[a.row])
    .slice(0, PAIRS);
  if (!rows.length) return nothing("Every clip was recognised.");
  const columns = [
    { heading: "true", value: ({ row }) => names[row] },
    { heading: "taken for", value: ({ column }) => names[column] },
    { heading: "clips", value: ({ clips }) => clips, cell: ({ clips }) => String(clips), number: true },
    {
      heading: "% of true",
      value: ({ row, clips }) => clips / sums[row],
      cell: ({ row, clips }) => fixed((100 * clips) / sums[row]),
      number: true,
    },
  ];
  return sortable("Classes that are confused most", columns, rows);
}

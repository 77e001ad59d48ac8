const SHOWN_AT_FIRST = 8;

/** Headings of a run's accuracies on the test split, in per cent; null where a run has not stored one. */
const ACCURACIES = { top1: "top-1", mean_class: "mean class", top5: "top-5" };

/** The runs that are ticked, and who wants to know. */
const ticked = { runs: new Set(), listeners: [] };

function tick(numbers) {
  ticked.runs = new Set(numbers);
  ticked.listeners.forEach((listener) => listener());
}

/** The ticked runs as [number, run]. */
function tickedRuns() {
  return [...ticked.runs].sort((a, b) => a - b).map((number) => [number, RUNS[number]]);
}

/** All runs as a table, with a box for each that has pictures; a field filters it. */
function showRuns(section) {
  const boxes = RUNS.map((run, number) => {
    const act = (event) =>
      tick(event.target.checked ? [...ticked.runs, number] : [...ticked.runs].filter((each) => each !== number));
    return element("input", { type: "checkbox", "aria-label": `show ${run.name}`, onchange: act });
  });
  ticked.listeners.push(() => boxes.forEach((box, number) => (box.checked = ticked.runs.has(number))));
  const rows = [...RUNS.map((run, number) => ({ ...run, number })), ...DATA.others];
  const columns = [
    {
      heading: "show",
      cell: ({ number }) => (number === undefined ? "" : element("span", {}, boxes[number], " ", sample(mark(number)))),
      kind: "show",
    },
    { heading: "data", value: (run) => (run.synthetic ? `${run.data} (synthetic)` : run.data) },
    ...["model", "stream", "recipe"].map((key) => ({ heading: key, value: (run) => run[key] })),
    ...["seed", "epochs"].map((key) => ({ heading: key, value: (run) => run[key], number: true })),
    ...Object.entries(ACCURACIES).map(([key, heading]) => ({
      heading,
      value: (run) => run[key],
      cell: (run) => (run[key] === null ? "–" : fixed(run[key])),
      number: true,
    })),
    {
      heading: "parameters",
      value: (run) => run.parameters,
      cell: (run) => run.parameters.toLocaleString("en"),
      number: true,
    },
    { heading: "GFLOP a clip", value: (run) => run.flops, cell: (run) => gigaflops(run.flops), number: true },
    { heading: "clip (C, T, V, M)", cell: (run) => run.clip_shape, number: true },
    { heading: "folder", value: (run) => run.folder, cell: (run) => element("code", {}, run.folder) },
  ];
  const table = sortable("All runs", columns, rows, null, "lines");
  const shown = { rows };
  const tickShown = () => tick(shown.rows.map(({ number }) => number).filter((number) => number !== undefined));
  const buttons = element(
    "div",
    { class: "buttons" },
    element("button", { type: "button", class: "plain", onclick: tickShown }, "tick all"),
    element("button", { type: "button", class: "plain", onclick: () => tick([]) }, "tick none"),
  );
  const filter = filterField((has) => {
    shown.rows = table.filter((run) => has(named(run)));
    return shown.rows.length;
  });
  if (DATA.others.length) section.append(withoutPictures(rows.length));
  section.append(...(rows.length > SHOWN_AT_FIRST ? [filter] : []), buttons, table);
  const same = [...RUNS.keys()].filter((number) => RUNS[number].data === RUNS[0].data);
  tick(same.slice(0, SHOWN_AT_FIRST));
}

/** What a run is found by. */
function named({ data, synthetic, model, stream, recipe, seed, folder }) {
  return [data, synthetic ? "(synthetic)" : "", model, stream, recipe, `seed${seed}`, folder].join(" ");
}

/** Which runs have pictures, and how others get them. */
function withoutPictures(count) {
  const some = `${RUNS.length} of ${count.toLocaleString("en")} runs have pictures below, the others stand in this table. `;
  return element("p", {}, some, "For pictures of others, write the page again with ", element("code", {}, "page_runs=FOLDER"), ".");
}

function gigaflops(flops) {
  return (flops / 1e9).toFixed(2);
}

/** The names of the runs that a group of charts shows. */
function legend(shown) {
  return element(
    "ul",
    { class: "legend" },
    shown.map(([number, run]) => element("li", {}, sample(mark(number)), run.name)),
  );
}

const MEASURES = {
  mad: ["Mean average distance", "1 − cosine between joints; 0: all joints point one way, 1: they are orthogonal"],
  dirichlet: ["Dirichlet energy", "differences along bones; 0: neighbours are equal"],
  joint_rank: ["Effective rank of the joints", "of their covariance; 1: all joints move as one"],
  frame_rank: ["Effective rank of the frames", "of their covariance; 1: all frames are alike up to a factor"],
  between_within: ["Variance between joints over within", "0: on average all joints are the same"],
  numerical_rank: ["Numerical rank of the joints", "‖H‖_F² / ‖H‖₂² of a body in a frame; 1: joints differ by a factor only"],
};

/** Measures of over-smoothing of the ticked runs by layer. */
function showSmoothing(section) {
  const body = element("div");
  section.append(body);
  ticked.listeners.push(() => {
    const shown = tickedRuns().filter(([, run]) => Object.keys(run.smoothing).length);
    const measures = [...new Set(shown.flatMap(([, run]) => Object.keys(run.smoothing)))];
    if (!measures.length) {
      body.replaceChildren(nothing("No ticked run has measured it; `oversmoothing` in a run's config does."));
      return;
    }
    const charts = measures.map((measure) => byLayer(measure, shown));
    const figures = element("details", {}, element("summary", {}, "as a table"), figuresByLayer(measures, shown));
    body.replaceChildren(legend(shown), element("div", { class: "grid" }, charts), figures);
  });
}

function byLayer(measure, shown) {
  const [title, remark] = MEASURES[measure] ?? [measure, ""];
  const series = shown
    .filter(([, run]) => run.smoothing[measure])
    .map(([number, run]) => ({
      name: run.name,
      marks: mark(number),
      dots: true,
      points: run.smoothing[measure].map((value, at) => [at + 1, value]),
    }));
  return chart({ title, remark, xLabel: "layer", series });
}

function figuresByLayer(measures, shown) {
  const rows = shown.flatMap(([, run]) =>
    measures.map((measure) => ({ run: run.name, measure, layers: run.smoothing[measure] ?? [] })),
  );
  const deepest = Math.max(...rows.map(({ layers }) => layers.length));
  const columns = [
    { heading: "measure", value: (row) => (MEASURES[row.measure] ?? [row.measure])[0] },
    { heading: "run", value: (row) => row.run },
    ...Array.from({ length: deepest }, (_, at) => ({
      heading: `layer ${at + 1}`,
      value: (row) => row.layers[at] ?? null,
      cell: (row) => short(row.layers[at] ?? null),
      number: true,
    })),
  ];
  return sortable("Over-smoothing by layer", columns, rows, [0, true]);
}

const CURVES = [
  ["train/loss", "Loss in training", "cross-entropy"],
  ["train/top1", "Top-1 in training", "per cent of the training clips"],
  ["val/top1", "Top-1 on held-out subjects", "per cent of their clips; they are part of the training split"],
];

/** Losses and accuracies of the ticked runs by epoch. */
function showCurves(section) {
  const body = element("div");
  section.append(body);
  ticked.listeners.push(() => {
    const shown = tickedRuns().filter(([, run]) => run.curves.epoch);
    const charts = CURVES.map(([column, title, remark]) => curve(column, title, remark, shown)).filter(
      (each) => each !== null,
    );
    if (charts.length) body.replaceChildren(legend(shown), element("div", { class: "grid" }, charts));
    else body.replaceChildren(nothing("No ticked run has a metrics.csv that can be read."));
  });
}

function curve(column, title, remark, shown) {
  const series = shown
    .filter(([, run]) => run.curves[column])
    .map(([number, run]) => ({
      name: run.name,
      marks: mark(number),
      points: run.curves.epoch.map((epoch, at) => [epoch, run.curves[column][at]]),
    }));
  return series.length ? chart({ title, remark, xLabel: "epoch", series }) : null;
}

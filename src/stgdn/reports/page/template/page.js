const SHOW = {
  curves: showCurves,
  smoothing: showSmoothing,
  classes: showClasses,
  mistakes: showMistakes,
  layers: showLayers,
  comparison: showComparison,
  runs: showRuns, // last: it ticks runs, and all who listen draw
};

filterTables(document.getElementById("tables"));
if (RUNS.length) {
  for (const [id, show] of Object.entries(SHOW)) show(document.getElementById(id));
} else {
  for (const id of Object.keys(SHOW)) document.getElementById(id).remove();
  document.querySelector("nav").remove();
}

/** Canvases and ramps take their colours from the style when they are painted. */
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const painted of document.querySelectorAll("canvas, .bar")) painted.paint();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideHint();
});

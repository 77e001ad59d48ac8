/** Everything that is shown; see stgdn.reports.page.run_section for what it holds. */
const DATA = JSON.parse(document.getElementById("data").textContent);
const RUNS = DATA.runs;

/** The numbers of a packed array. */
function unpacked({ unit, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 2 }, (_, at) => unit * view.getInt16(2 * at, true));
}

/** The matrices (V, V) of a packed array (K, V, V). */
function subsets(packed) {
  const [K, V] = packed.shape;
  const values = unpacked(packed);
  return Array.from({ length: K }, (_, k) => values.subarray(k * V * V, (k + 1) * V * V));
}

/** Clips by (true class, predicted class) of a run, row by row. */
function confusionOf(run) {
  const size = DATA.classes[run.classes].length;
  const counts = new Float32Array(size * size);
  for (let at = 0; at < run.confusion.length; at += 3) {
    counts[run.confusion[at] * size + run.confusion[at + 1]] = run.confusion[at + 2];
  }
  return counts;
}

/** Row sums, and every entry's share of its row; an empty row stays empty. */
function rowShares(counts) {
  const size = Math.sqrt(counts.length);
  const sums = Array.from({ length: size }, (_, row) =>
    counts.subarray(row * size, (row + 1) * size).reduce((a, b) => a + b, 0),
  );
  return { sums, shares: counts.map((count, at) => count / (sums[Math.floor(at / size)] || 1)) };
}

/** Runs that have something, as options to choose from. */
function runOptions(has) {
  return RUNS.map((run, number) => [number, run.name]).filter(([number]) => has(RUNS[number]));
}

const LONG = 32; // letters in a cell that may be broken into lines

/**
 * A table that a click on a heading sorts.
 *
 * `columns` are {heading, value, cell, number}: `value(row)` is sorted by, `cell(row)` is shown (the value, if there is
 * none); a column without `value` cannot be sorted by. `sorted` is [column, ascending]; `kind` is a class of the style.
 * The element's `filter(keep)` leaves only the rows for which `keep(row)` is true, and returns them.
 */
function sortable(label, columns, rows, sorted = null, kind = null) {
  const state = { rows, sorted };
  const body = element("tbody");
  const heads = columns.map((column, at) => {
    const act = () => sort(at, heads[at].getAttribute("aria-sort") !== "ascending");
    const content = column.value ? element("button", { type: "button", onclick: act }, column.heading) : column.heading;
    return element("th", { scope: "col", class: column.number ? "number" : null }, content);
  });
  function sort(at, ascending) {
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[at].setAttribute("aria-sort", ascending ? "ascending" : "descending");
    state.sorted = [at, ascending];
    fill();
  }
  function fill() {
    const shown = state.sorted ? inOrderOf(columns[state.sorted[0]], state.rows, state.sorted[1]) : state.rows;
    body.replaceChildren(...shown.map((row) => tableRow(columns, row)));
  }
  if (sorted) sort(...sorted);
  else fill();
  const table = element("table", { class: kind }, element("thead", {}, element("tr", {}, heads)), body);
  const box = element("div", { class: "wide tall", tabindex: 0, role: "region", "aria-label": label }, table);
  box.filter = (keep) => {
    state.rows = rows.filter(keep);
    fill();
    return state.rows;
  };
  return box;
}

/** Rows sorted by a column. */
function inOrderOf(column, rows, ascending) {
  const ordered = rows.map((row) => [column.value(row), row]).sort(([a], [b]) => inOrder(a, b));
  if (!ascending) ordered.reverse();
  return ordered.map(([, row]) => row);
}

/**
 * A field that filters by words. `filter(has)` is called with what says of a text whether it has all of them, and returns
 * how many rows are left.
 */
function filterField(filter) {
  const told = element("output");
  const input = element("input", { type: "search", size: 36, placeholder: "such as: st_gdn bone lr-0.1" });
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const count = filter((text) => words.every((word) => text.toLowerCase().includes(word)));
    told.textContent = words.length ? `${count.toLocaleString("en")} shown` : "";
  });
  return element("div", { class: "controls" }, element("label", {}, "rows with all these words", input), told);
}

/** A field above each of the tables that are in the page without a script and have many rows. */
function filterTables(section) {
  for (const box of section.querySelectorAll(".tall")) {
    const rows = [...box.querySelectorAll("tbody tr")];
    const filter = (has) => {
      rows.forEach((row) => (row.hidden = !has(row.textContent)));
      return rows.filter((row) => !row.hidden).length;
    };
    box.before(filterField(filter));
  }
}

function tableRow(columns, row) {
  const cells = columns.map(({ value, cell, number, kind }) => {
    const content = (cell ?? value)(row);
    const kinds = [number ? "number" : "", kind ?? "", content.length > LONG ? "long" : ""].join(" ").trim();
    return element("td", { class: kinds || null }, content);
  });
  return element("tr", {}, cells);
}

/** Numbers by size, words by the alphabet, nothing before everything. */
function inOrder(a, b) {
  if (a === null || b === null) return (a !== null) - (b !== null);
  return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
}

/** A bar from 0 to 1. */
function bar(share) {
  const filling = element("span");
  filling.style.width = `${100 * share}%`;
  return element("span", { class: "track", "aria-hidden": "true" }, filling);
}

/** A bar from the middle, to the right for more, to the left for less; `share` from -1 to 1. */
function signedBar(share) {
  const filling = element("span", { class: share < 0 ? "less" : null });
  filling.style.left = `${50 + Math.min(0, 50 * share)}%`;
  filling.style.width = `${Math.abs(50 * share)}%`;
  return element("span", { class: "track middle", "aria-hidden": "true" }, filling);
}

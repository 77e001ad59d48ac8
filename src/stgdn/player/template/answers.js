/** What one network says of a clip: the likeliest classes, so far and of the whole clip, and their course. */
class Answer {
  constructor(clip, reading, wide, go) {
    this.reading = reading;
    const classes = DATA.classes[clip.classes];
    const names = reading.shown.map((number) => classes[number]);
    this.chart = new Chart(reading, names, clip.frames, wide, go);
    this.cells = names.map(() => element("td", { class: "number" }));
    this.bars = names.map((_, row) => element("span"));
    const rows = names.map((name, row) => this.row(name, row, reading.shown[row] === clip.label, row >= 5));
    const head = ["class", "so far", "whole clip"].map((text, at) => element("th", { scope: "col", class: at ? "number" : null }, text));
    this.box = element(
      "section",
      { class: "answer", "aria-label": reading.network || "Classes" },
      element("h3", {}, reading.network || "The network"),
      element("table", {}, element("thead", {}, element("tr", {}, head)), element("tbody", {}, rows)),
      this.chart.svg,
    );
  }

  row(name, row, right, late) {
    this.bars[row].style.background = this.reading.colours[row];
    const mark = right ? ` ✓${late ? `, rank ${this.reading.rank}` : ""}` : "";
    return element(
      "tr",
      { class: right ? "right" : null },
      element("td", {}, `${name}${mark}`, element("span", { class: "track", "aria-hidden": "true" }, this.bars[row])),
      this.cells[row],
      element("td", { class: "number" }, percent(this.reading.course[row].at(-1))),
    );
  }

  show(frame) {
    const at = lastEnd(this.reading.ends, frame);
    this.reading.course.forEach((shares, row) => {
      this.cells[row].textContent = percent(shares[at]);
      this.bars[row].style.width = `${100 * shares[at]}%`;
    });
    this.chart.show(frame);
  }
}

/** A share in per cent. */
function percent(share) {
  return `${fixed(100 * share)} %`;
}

const TALL = 190;
const LEFT = 34;
const BELOW = 24;
const ABOVE = 8;

/** How likely the classes are after every beginning of the clip; a click goes to that frame. */
class Chart {
  constructor(reading, names, frames, wide, go) {
    this.wide = wide;
    this.frames = frames;
    this.cursor = drawn("line", { class: "cursor", y1: ABOVE, y2: TALL - BELOW });
    const label = `Probability by frame: ${names.map((name, row) => `${name} ${percent(reading.course[row].at(-1))} at the end`).join(", ")}`;
    this.svg = drawn(
      "svg",
      { class: "chart", viewBox: `0 0 ${wide} ${TALL}`, role: "img", "aria-label": label, onpointerdown: (event) => this.seek(event, go) },
      this.rules(),
      reading.course.map((shares, row) =>
        drawn("polyline", { class: "series", stroke: reading.colours[row], points: this.points(reading.ends, shares) }),
      ),
      this.cursor,
    );
  }

  x(frame) {
    return LEFT + ((this.wide - LEFT - 6) * frame) / Math.max(1, this.frames - 1);
  }

  y(share) {
    return TALL - BELOW - (TALL - BELOW - ABOVE) * share;
  }

  points(ends, shares) {
    return ends.map((end, at) => `${this.x(end - 1).toFixed(1)},${this.y(shares[at]).toFixed(1)}`).join(" ");
  }

  rules() {
    const across = [0, 0.5, 1].flatMap((share) => [
      drawn("line", { class: "rule", x1: LEFT, x2: this.wide - 6, y1: this.y(share), y2: this.y(share) }),
      drawn("text", { x: LEFT - 5, y: this.y(share) + 4, "text-anchor": "end" }, `${100 * share}`),
    ]);
    const foot = { y: TALL - 7 };
    return [
      ...across,
      drawn("text", { ...foot, x: LEFT }, "frame 1"),
      drawn("text", { ...foot, x: (LEFT + this.wide) / 2, "text-anchor": "middle" }, "% of the clip up to the frame"),
      drawn("text", { ...foot, x: this.wide - 6, "text-anchor": "end" }, String(this.frames)),
    ];
  }

  show(frame) {
    for (const end of ["x1", "x2"]) this.cursor.setAttribute(end, this.x(frame));
  }

  seek(event, go) {
    const { left, width } = this.svg.getBoundingClientRect();
    const share = (((event.clientX - left) / width) * this.wide - LEFT) / (this.wide - LEFT - 6);
    go(Math.max(0, Math.min(this.frames - 1, Math.round(share * (this.frames - 1)))));
  }
}

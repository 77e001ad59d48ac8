const DASHES = ["", "6 3", "2 3"];
const COLOURED = 8;

/** What tells a run from others in every chart: colour, and from the ninth run on the dashes. */
function mark(number) {
  return {
    stroke: `var(--run-${number % COLOURED})`,
    "stroke-dasharray": DASHES[Math.floor(number / COLOURED) % DASHES.length],
  };
}

/** A short line as it is drawn in a chart. */
function sample(marks) {
  const line = drawn("line", { x1: 0, x2: 26, y1: 5, y2: 5, "stroke-width": 3, ...marks });
  return drawn("svg", { class: "sample", viewBox: "0 0 26 10", "aria-hidden": "true" }, line);
}

/** A colour of the page's style as [red, green, blue]. */
function styled(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

/** From the ground to `--strong`, for shares from 0 to 1. */
function shareColours() {
  const [ground, strong] = [styled("--ground"), styled("--strong")];
  return (value) => mixed(ground, strong, Math.sqrt(Math.max(0, Math.min(1, value))));
}

/** From `--cold` (-limit) over the ground (0) to `--warm` (limit). */
function signedColours(limit) {
  const [cold, ground, warm] = [styled("--cold"), styled("--ground"), styled("--warm")];
  return (value) => mixed(ground, value < 0 ? cold : warm, Math.min(1, Math.abs(value) / limit) ** 0.7);
}

function mixed(from, to, part) {
  return `rgb(${from.map((value, at) => Math.round(value + part * (to[at] - value))).join(" ")})`;
}

/** Black or white, whichever is read more easily on a colour. */
function readable(colour) {
  const [red, green, blue] = colour.match(/\d+/g).map((part) => (part / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2 ? "#000000" : "#ffffff";
}

/** The scale of a heat map in words and colours. */
function ramp(low, high, colours, from, to) {
  const bar = element("span", { class: "bar", "aria-hidden": "true" });
  bar.paint = () => {
    const colour = colours();
    const stops = Array.from({ length: 9 }, (_, at) => colour(from + ((to - from) * at) / 8));
    bar.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
  };
  bar.paint();
  return element("div", { class: "ramp" }, low, bar, high);
}

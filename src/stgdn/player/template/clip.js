/** Everything that is shown; see stgdn.player.page for what it holds. */
const DATA = JSON.parse(document.getElementById("data").textContent);
const NOWHERE = -32768;

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** A clip ready to be drawn: `place(body, frame, joint)` is [right, up, away] or null, `extent` half of what it takes. */
function unpackedClip(content) {
  const [bodies, frames, joints] = content.shape;
  const view = new DataView(bytesOf(content.places).buffer);
  const at = (body, frame, joint) => (body * frames + frame) * joints + joint;
  const place = (body, frame, joint) => {
    const first = 6 * at(body, frame, joint);
    if (view.getInt16(first, true) === NOWHERE) return null;
    return [0, 2, 4].map((axis) => content.unit * view.getInt16(first + axis, true));
  };
  const saliency = content.readings.map(({ saliency }) => bytesOf(saliency));
  const looked = (reading, body, frame, joint) => saliency[reading][at(body, frame, joint)] / 255;
  const readings = content.readings.map((reading) => ({ ...reading, colours: coloursOf(content, reading) }));
  const clip = { ...content, readings, bodies, frames, joints, place, looked, skeleton: DATA.skeletons[content.skeleton] };
  return { ...clip, ...measured(clip) };
}

/** The colours of the classes that a reading shows: a class has the same in all readings of a clip. */
function coloursOf(content, reading) {
  const order = [...new Set(content.readings.flatMap(({ shown }) => shown))];
  return reading.shown.map((number) => DATA.colours.classes[order.indexOf(number) % DATA.colours.classes.length]);
}

/** How far joints are from the middle, and where the lowest are; without the outermost hundredth, as sensors err. */
function measured({ bodies, frames, joints, place }) {
  const found = [[], [], []];
  for (let body = 0; body < bodies; body++)
    for (let frame = 0; frame < frames; frame++)
      for (let joint = 0; joint < joints; joint++)
        place(body, frame, joint)?.forEach((value, axis) => found[axis].push(value));
  const share = (values, part) => values.sort((a, b) => a - b)[Math.floor(part * (values.length - 1))] ?? 0;
  const reach = found.map((values) => share(values.map(Math.abs), 0.985) || 0);
  return { across: Math.max(Math.hypot(reach[0], reach[2]), 0.05), high: Math.max(reach[1], 0.05), floor: share(found[1], 0.01) };
}

/** The number of the last beginning that had ended when a frame had been seen; the first before that. */
function lastEnd(ends, frame) {
  let found = 0;
  while (found + 1 < ends.length && ends[found + 1] <= frame + 1) found++;
  return found;
}

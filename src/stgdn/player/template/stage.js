const STRAIGHT = { yaw: 0, pitch: 0, zoom: 1 };
const TILTED = { yaw: 0.35, pitch: 0.14, zoom: 1 };
const QUIET = "#59636e";

/** The picture of a clip: drag turns it, wheel and two fingers zoom. */
class Stage {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.frame = 0;
    this.colour = 0; // the reading whose saliency is shown, -1 for none
    this.ramp = rampOf(DATA.colours.ramp);
    this.fingers = new Map();
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => this.fingers.delete(event.pointerId));
    const wheel = (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-0.0015 * event.deltaY));
    };
    canvas.addEventListener("wheel", wheel, { passive: false });
  }

  show(clip) {
    this.clip = clip;
    this.reset();
  }

  /** The view as it was at first: flat clips straight, others from a little aside and above. */
  reset() {
    this.view = { ...(this.clip.skeleton.flat ? STRAIGHT : TILTED) };
    this.draw();
  }

  turn(yaw, pitch) {
    if (this.clip.skeleton.flat) return; // nothing is behind anything
    this.view.yaw += yaw;
    this.view.pitch = Math.max(-0.3, Math.min(1.5, this.view.pitch + pitch));
    this.draw();
  }

  zoom(factor) {
    this.view.zoom = Math.max(0.3, Math.min(8, this.view.zoom * factor));
    this.draw();
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, event);
  }

  drag(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const others = [...this.fingers.values()].filter((finger) => finger.pointerId !== event.pointerId);
    if (others.length) {
      const apart = (finger) => Math.hypot(finger.clientX - others[0].clientX, finger.clientY - others[0].clientY);
      this.zoom(apart(event) / Math.max(apart(before), 1));
    } else this.turn(-0.01 * (event.clientX - before.clientX), 0.01 * (event.clientY - before.clientY));
    this.fingers.set(event.pointerId, event);
  }

  /** Where a place is on the canvas, and how far away. */
  seen([right, up, away]) {
    const { yaw, pitch } = this.view;
    const across = Math.cos(yaw) * right + Math.sin(yaw) * away;
    const deep = Math.cos(yaw) * away - Math.sin(yaw) * right;
    const high = Math.cos(pitch) * up + Math.sin(pitch) * deep;
    return [this.width / 2 + this.scale * across, this.height / 2 - this.scale * high, Math.cos(pitch) * deep - Math.sin(pitch) * up];
  }

  draw() {
    const { canvas, clip, pen } = this;
    if (!clip) return;
    const ratio = window.devicePixelRatio || 1;
    [this.width, this.height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(ratio * this.width);
    canvas.height = Math.round(ratio * this.height);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, this.width, this.height);
    this.scale = (0.42 * this.view.zoom * Math.min(this.width / clip.across, this.height / clip.high));
    if (!clip.skeleton.flat) this.drawFloor();
    const parts = [];
    for (let body = 0; body < clip.bodies; body++) parts.push(...this.partsOf(body));
    parts.sort((a, b) => b.away - a.away).forEach(({ paint }) => paint());
  }

  /** Squares of half a metre at the height of the lowest joints. */
  drawFloor() {
    const { pen, clip } = this;
    const side = 0.5 * Math.ceil(2 * Math.min(clip.across, 4));
    pen.strokeStyle = "#e4e8ec";
    pen.lineWidth = 1;
    pen.beginPath();
    for (let at = -side; at <= side + 0.01; at += 0.5)
      for (const ends of [[[at, -side], [at, side]], [[-side, at], [side, at]]])
        ends.forEach(([right, away], end) => {
          const [x, y] = this.seen([right, clip.floor, away]);
          if (end) pen.lineTo(x, y);
          else pen.moveTo(x, y);
        });
    pen.stroke();
  }

  /** Bones and joints of a body in this frame, each with how far away it is. */
  partsOf(body) {
    const { clip, frame, pen } = this;
    const places = Array.from({ length: clip.joints }, (_, joint) => clip.place(body, frame, joint));
    const seen = places.map((place) => place && this.seen(place));
    const own = DATA.colours.bodies[body % DATA.colours.bodies.length];
    const size = Math.max(1, Math.min(2.2, this.height / 260)) * Math.min(1.6, Math.max(0.8, this.view.zoom ** 0.4));
    const bones = clip.skeleton.bones.filter(([child, parent]) => seen[child] && seen[parent]);
    const lines = bones.map(([child, parent]) => ({
      away: (seen[child][2] + seen[parent][2]) / 2,
      paint: () => line(pen, seen[child], seen[parent], own, 2.4 * size, this.colour < 0 ? 0.9 : 0.5),
    }));
    const dots = seen.flatMap((place, joint) => {
      if (!place) return [];
      const share = this.colour < 0 ? 0 : clip.looked(this.colour, body, frame, joint);
      const paint = () => dot(pen, place, this.colour < 0 ? own : this.ramp(share), size * (2.6 + 2.6 * share), this.colour < 0);
      return [{ away: place[2] - 0.01, paint }];
    });
    return [...lines, ...dots];
  }
}

function line(pen, [x, y], [toX, toY], colour, width, alpha) {
  pen.globalAlpha = alpha;
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineCap = "round";
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(toX, toY);
  pen.stroke();
  pen.globalAlpha = 1;
}

function dot(pen, [x, y], colour, radius, plain) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
  if (plain) return;
  pen.strokeStyle = QUIET;
  pen.lineWidth = 0.8;
  pen.stroke();
}

/** Colours for shares from 0 to 1, between those given at equal distances. */
function rampOf(stops) {
  const parts = stops.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  return (share) => {
    const at = Math.max(0, Math.min(1, share)) * (parts.length - 1);
    const below = Math.min(Math.floor(at), parts.length - 2);
    const mixed = parts[below].map((value, channel) => value + (at - below) * (parts[below + 1][channel] - value));
    return `rgb(${mixed.map(Math.round).join(" ")})`;
  };
}

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const stage = new Stage(document.getElementById("stage"));
const state = { number: 0, clip: null, answers: [], playing: false, speed: 1, clock: 0, frame: 0 };

const play = element("button", { class: "play", type: "button", onclick: () => setPlaying(!state.playing) });
const scrub = element("input", { type: "range", min: 0, step: 1, oninput: () => pauseAt(Number(scrub.value)) });
const told = element("span");
const clips = document.getElementById("clips");
const colours = element("span");

function setPlaying(playing) {
  state.playing = playing;
  state.clock = 0;
  play.textContent = playing ? "Pause" : "Play";
  if (playing) requestAnimationFrame(advance);
}

/** Show the frame that is due, and ask for the next time. */
function advance(now) {
  if (!state.playing) return;
  const step = 1000 / (DATA.fps * state.speed);
  const passed = state.clock ? Math.floor((now - state.clock) / step) : 0;
  if (!state.clock || passed > 30) state.clock = now;
  else state.clock += passed * step;
  if (passed) showFrame((state.frame + Math.min(passed, 30)) % state.clip.frames);
  requestAnimationFrame(advance);
}

function pauseAt(frame) {
  if (state.playing) setPlaying(false);
  showFrame(frame);
}

function showFrame(frame) {
  state.frame = stage.frame = frame;
  scrub.value = frame;
  told.textContent = `frame ${frame + 1} of ${state.clip.frames}`;
  scrub.setAttribute("aria-valuetext", told.textContent);
  stage.draw();
  state.answers.forEach((answer) => answer.show(frame));
}

function showClip(number) {
  state.number = (number + DATA.clips.length) % DATA.clips.length;
  const clip = (state.clip = unpackedClip(DATA.clips[state.number]));
  const classes = DATA.classes[clip.classes];
  document.getElementById("name").textContent = clip.name;
  const people = clip.bodies === 1 ? "1 body" : `${clip.bodies} bodies`;
  document.getElementById("facts").textContent = [
    clip.label === null ? "what it shows is not known" : `shows: ${classes[clip.label]}`,
    `${clip.frames} frames, ${people}, ${clip.joints} joints`,
    ...(clip.synthetic ? ["synthetic, nobody who exists"] : []),
  ].join(" · ");
  scrub.max = clip.frames - 1;
  showAnswers(clip);
  showColours(clip);
  stage.frame = state.frame = 0;
  stage.show(clip);
  const list = clips.querySelector("select");
  if (list) list.value = state.number;
  showFrame(0);
}

/** What the networks say; charts are as wide as there is room, so that their letters are of one size everywhere. */
function showAnswers(clip) {
  const box = document.getElementById("answers");
  state.wide = box.clientWidth;
  state.answers = clip.readings.map((reading) => new Answer(clip, reading, Math.max(260, state.wide), pauseAt));
  box.replaceChildren(...state.answers.map(({ box }) => box));
}

function fit() {
  if (document.getElementById("answers").clientWidth === state.wide) return;
  showAnswers(state.clip);
  showFrame(state.frame);
}

/** What joints may be coloured by: what each network looks at, or the bodies. */
function showColours(clip) {
  const several = clip.readings.length > 1;
  const looked = clip.readings.map(({ network }, at) => [at, several ? `looked at by ${network}` : "what the network looks at"]);
  if (stage.colour >= clip.readings.length) stage.colour = 0;
  const act = (value) => {
    stage.colour = Number(value);
    document.getElementById("ramp").hidden = stage.colour < 0;
    stage.draw();
  };
  colours.replaceChildren(choice("colours", [...looked, [-1, "bodies"]], stage.colour, act));
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key, shiftKey } = event;
  if (target.closest("select, summary") || (target.closest("button") && key === " ")) return;
  if (target === scrub && key.startsWith("Arrow") && !shiftKey) return; // the slider's own
  const [across, up] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key] ?? [0, 0];
  if (key === " ") setPlaying(!state.playing);
  else if (key === "+" || key === "=") stage.zoom(1.2);
  else if (key === "-") stage.zoom(1 / 1.2);
  else if (key === "0") stage.reset();
  else if (shiftKey && (across || up)) stage.turn(0.15 * across, 0.15 * up);
  else if (across) pauseAt((state.frame + across + state.clip.frames) % state.clip.frames);
  else if (up && DATA.clips.length > 1) showClip(state.number - up);
  else return;
  event.preventDefault();
}

function start() {
  const bar = document.querySelector("#ramp .bar");
  bar.style.background = `linear-gradient(90deg, ${DATA.colours.ramp.join(", ")})`;
  const name = ({ name, label, classes }) => (label === null ? name : `${name}: ${DATA.classes[classes][label]}`);
  if (DATA.clips.length > 1) {
    const options = DATA.clips.map((clip, number) => [number, name(clip)]);
    clips.append(choice(`clip (of ${DATA.clips.length})`, options, 0, (value) => showClip(Number(value))));
  }
  const speeds = SPEEDS.map((speed) => [speed, `${speed} ×`]);
  const again = element("button", { type: "button", "aria-label": "Reset the view", onclick: () => stage.reset() }, "Reset");
  const zooms = [["+", 1.2, "Zoom in"], ["−", 1 / 1.2, "Zoom out"]].map(([text, factor, label]) =>
    element("button", { type: "button", "aria-label": label, onclick: () => stage.zoom(factor) }, text),
  );
  document.getElementById("player").append(
    element("label", { class: "scrub" }, told, scrub),
    play,
    choice("speed", speeds, 1, (value) => (state.speed = Number(value))),
    colours,
    ...zooms,
    again,
  );
  document.addEventListener("keydown", press);
  addEventListener("resize", fit);
  showClip(asked("clip", DATA.clips.length) ?? 0);
  const frame = asked("frame", state.clip.frames);
  if (frame !== null) showFrame(frame);
  setPlaying(frame === null && !matchMedia("(prefers-reduced-motion: reduce)").matches);
}

/** What the address asks for, counted from 1, as in `player.html#clip=2&frame=40`; null if it does not. */
function asked(what, most) {
  const number = Number(new URLSearchParams(location.hash.slice(1)).get(what));
  return Number.isInteger(number) && number >= 1 && number <= most ? number - 1 : null;
}

start();

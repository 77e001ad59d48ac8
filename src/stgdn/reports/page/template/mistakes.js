/** Clips that one run is surest about and wrong, played in a frame: style and keys in it are the player's own. */
function showMistakes(section) {
  if (DATA.player === null) {
    document.querySelector('nav [href="#mistakes"]').remove();
    section.remove();
    return;
  }
  const options = runOptions((run) => run.mistakes);
  if (!options.length) {
    section.append(nothing("No run's mistakes can be played; what it takes is named on top."));
    return;
  }
  const body = element("div");
  const act = (number) => body.replaceChildren(...playedMistakes(RUNS[number]));
  section.append(element("div", { class: "controls" }, choice("run", options, options[0][0], act)), body);
  act(options[0][0]);
}

function playedMistakes({ name, mistakes: { wrong, clips, player } }) {
  if (!player) return [nothing(`${name} recognises all ${clips} clips.`)];
  const shown = player.clips.length;
  const most = wrong > shown ? ` Those ${shown} that it is surest about are played.` : "";
  return [element("p", {}, `${name} takes ${wrong} of ${clips} clips for what they are not.${most}`), playerFrame(player)];
}

/** The player with its data in it. */
function playerFrame(content) {
  const data = JSON.stringify(content).replaceAll("<", "\\u003c");
  const srcdoc = DATA.player.replace("{{data}}", () => data);
  const frame = element("iframe", { class: "player", title: "Player of clips", loading: "lazy", srcdoc, onload: () => fit() });
  const fit = () => {
    const root = frame.contentDocument.documentElement;
    new ResizeObserver(() => (frame.style.height = `${root.offsetHeight + 2}px`)).observe(root); // 2: the border
  };
  return frame;
}

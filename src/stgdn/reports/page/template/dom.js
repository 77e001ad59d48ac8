/** A sentence where there is nothing to show. */
function nothing(text) {
  return element("p", { class: "empty" }, text);
}

/** A labelled slider; `act` is called with the number. */
function slider(label, [low, high], chosen, act) {
  const told = element("span", {}, `${label}: ${chosen}`);
  const input = element("input", { type: "range", min: low, max: high, value: chosen });
  input.addEventListener("input", () => {
    told.textContent = `${label}: ${input.value}`;
    act(Number(input.value));
  });
  return element("label", {}, told, input);
}

/** Put other controls where some are; whoever uses a keyboard stays at the same place. */
function replaceInPlace(box, controls) {
  const inputs = () => [...box.querySelectorAll("select, input")];
  const focused = inputs().indexOf(document.activeElement);
  box.replaceChildren(...controls);
  if (focused >= 0) inputs()[Math.min(focused, inputs().length - 1)].focus();
}

/** Text beside a point of the window; screen readers are told it. */
function hint(text, x, y) {
  const box = document.getElementById("hint");
  box.textContent = text;
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  box.style.left = `${Math.max(4, x + 14 + width > innerWidth ? x - width - 14 : x + 14)}px`;
  box.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - height - 4))}px`;
}

function hideHint() {
  document.getElementById("hint").hidden = true;
}

/** A number in as few digits as make sense. */
function short(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(1);
  return String(Number(value.toPrecision(digits)));
}

/** With its sign. */
function signed(value, decimals = 1) {
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  const rounded = Number(fixed(Math.abs(value), decimals));
  const size = rounded.toLocaleString("en", digits);
  if (rounded === 0) return size;
  return `${value < 0 ? "−" : "+"}${size}`;
}

/** An HTML element. Children that are text stay text, so that no name of a class or clip is ever read as markup. */
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** Attributes that are null or false are left out, those called on... are listeners. */
function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** A number with so many digits after the point; halves are rounded away from zero, as in stgdn/rounding.py. */
function fixed(value, digits = 1) {
  const [number, exponent = "0"] = String(Math.abs(value)).split("e");
  const rounded = Math.round(Number(`${number}e${Number(exponent) + digits}`));
  return (value < 0 ? "-" : "") + Number(`${rounded}e-${digits}`).toFixed(digits);
}

/** A labelled list to choose from; `options` are [value, text], `act` is called with the value. */
function choice(label, options, chosen, act) {
  const list = element(
    "select",
    { onchange: () => act(list.value) },
    options.map(([value, text]) => element("option", { value, selected: String(value) === String(chosen) }, text)),
  );
  return element("label", {}, label, list);
}

// The few verbs on the document that the explorer needs. Data becomes text nodes only: never markup.

/**
 * An element with attributes and children; an attribute that is null or false is left out.
 * @param {string} tag
 * @param {Record<string, string | boolean | null | undefined>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

/** @param {Element} element @param {string} name @param {string | boolean | null | undefined} value */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** Writes only when the text differs, so that a selection in it survives. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** What has the focus, also inside a shadow root. @param {Node} inside @returns {Element | null} */
export function focused(inside) {
  const root = /** @type {Document | ShadowRoot} */ (inside.getRootNode());
  return root.activeElement ?? null;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * A curve without axes, for a glance; the numbers are in words beside it.
 * @param {number[]} values
 * @returns {SVGElement}
 */
export function sparkline(values) {
  const [width, height] = [80, 18];
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const step = width / Math.max(1, values.length - 1);
  const points = values.map((v, i) => `${(i * step).toFixed(1)},${(height - 1 - ((v - low) / span) * (height - 2)).toFixed(1)}`);
  const svg = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "polyline");
  for (const [name, value] of [["viewBox", `0 0 ${width} ${height}`], ["width", `${width}`], ["height", `${height}`], ["aria-hidden", "true"]])
    svg.setAttribute(name, value);
  for (const [name, value] of [["points", points.join(" ")], ["fill", "none"], ["stroke", "currentColor"], ["stroke-width", "1.5"]])
    line.setAttribute(name, value);
  svg.append(line);
  return svg;
}

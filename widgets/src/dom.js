// The few verbs on the document that the explorer needs. Data becomes text nodes only: never markup.

/** @typedef {string | number | boolean | null | undefined} Value */
/** @typedef {Record<string, Value>} Attributes */

/**
 * An element with attributes and children; an attribute that is null or false is left out. A class stands with the tag,
 * without the prefix that all of ours have: "div.row".
 * @param {string} kind
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function el(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  element.className = classes.map((c) => `t-${c}`).join(" ");
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

/** @param {string} label @param {() => void} act @param {Attributes} [attributes] @param {string} [kind] */
export function button(label, act, attributes = {}, kind = "button") {
  const element = el(kind, { type: "button", ...attributes }, label);
  element.onclick = (event) => event.detail > 1 || act(); // a double click is one: what it did may have moved the buttons
  return element;
}

/** @param {string} label @param {Attributes} attributes @param {...(Node | string)} children */
export const group = (label, attributes, ...children) => el("span.bar", { role: "group", "aria-label": label, ...attributes }, ...children);

/** @param {[string, string][]} pairs */
export const terms = (pairs) => pairs.flatMap(([term, said]) => [el("dt", {}, term), el("dd", {}, said)]);

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, `${value}`);
  element.append(...children);
  return element;
}

/** @param {Element} element @param {string} name @param {Value} value */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== `${value}`) element.setAttribute(name, `${value}`);
}

/** Writes only when the text differs, so that a selection in it survives. @param {Element} element @param {string} [text] */
export function setText(element, text = "") {
  if (element.textContent !== text) element.textContent = text;
}

/** Puts the given children in place, moving only those that are not there yet. @param {Element} parent @param {Element[]} wanted */
export function setChildren(parent, wanted) {
  const kept = new Set(wanted);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, i) => parent.children[i] !== child && parent.insertBefore(child, parent.children[i] ?? null));
}

/** What has the focus, also inside a shadow root. @param {Node} inside */
export const focused = (inside) => /** @type {Document | ShadowRoot} */ (inside.getRootNode()).activeElement;

/** Whether the focus is in `element`. @param {Element} element */
export const hasFocus = (element) => element.contains(focused(element) ?? null);

/** Hides an element or shows it; before it goes with the focus in it, `leave` gives that to another. @param {HTMLElement} element @param {boolean} isHidden @param {() => void} leave */
export function hide(element, isHidden, leave) {
  if (isHidden && hasFocus(element)) leave();
  element.hidden = isHidden;
}

/**
 * @template {keyof HTMLElementEventMap} E
 * @param {HTMLElement} element @param {E} event @param {(event: HTMLElementEventMap[E]) => void} act @param {AddEventListenerOptions} [options]
 */
export const listen = (element, event, act, options) => element.addEventListener(event, act, options);

/** Escape does `act`, and nothing further out. @param {HTMLElement} element @param {() => void} act */
export const onEscape = (element, act) =>
  listen(element, "keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    act();
  });

/**
 * Code with a button that copies it: to the clipboard where the page may, else it is selected, to be copied by hand.
 * @param {string} label
 */
export function createCode(label) {
  const code = el("code.code", {});
  const mark = button(label, copy, {}, "button.copy");

  async function copy() {
    try {
      await navigator.clipboard.writeText(code.textContent ?? "");
      setText(mark, "Copied");
    } catch {
      getSelection()?.selectAllChildren(code);
      setText(mark, "Selected: Ctrl+C");
    }
  }

  return {
    code,
    mark,
    /** @param {string} text */
    show(text) {
      if (code.textContent !== text) setText(mark, label);
      setText(code, text);
      mark.hidden = !text;
    },
  };
}

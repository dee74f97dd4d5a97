// Draws the report's blocks (trex_nb/report/blocks.py). What is in them is text, whatever it looks like.
import { el, listen, setChildren, setText } from "./dom.js";

/** @typedef {import("./types.js").Block} Block */
/** @typedef {import("./types.js").Section} Section */
/** @typedef {{ part: HTMLElement, head: HTMLElement[], drawn: { key: string, element: HTMLElement }[] }} Part */

/** @param {Block} block @returns {HTMLElement} */
function drawn(block) {
  if (block.bullets) return el("ul", {}, ...block.bullets.map((b) => el("li", {}, b)));
  if (block.verbatim !== undefined) return el("pre", { tabindex: "0" }, block.verbatim);
  if (block.rows) return table(block.columns ?? [], block.rows);
  return el("p", {}, block.paragraph ?? "");
}

/** @param {string[]} columns @param {string[][]} rows */
function table(columns, rows) {
  const head = columns.some(Boolean) ? [el("thead", {}, el("tr", {}, ...columns.map((c) => el(c ? "th" : "td", c ? { scope: "col" } : {}, c))))] : [];
  const body = rows.map(([first, ...rest]) => el("tr", {}, first ? el("th", { scope: "row" }, first) : el("td"), ...rest.map((c) => el("td", {}, c))));
  return el("div.table", {}, el("table", {}, ...head, el("tbody", {}, ...body)));
}

/** A list of sections that is redrawn where it changed, and remembers what the person folded, by title. */
export function createSections() {
  const element = el("div.sections", {});
  /** @type {Map<string, boolean>} */
  const folds = new Map();
  /** @type {Map<string, Part>} */
  let parts = new Map();

  /** @param {Section} section @returns {Part} */
  function create({ title, folded }) {
    if (!title) return { part: el("div.section"), head: [], drawn: [] };
    const head = el("summary", {}, title);
    const part = el("details.section", { open: !(folds.get(title) ?? folded) }, head);
    listen(part, "toggle", () => folds.set(title, !(/** @type {HTMLDetailsElement} */ (part).open)));
    return { part, head: [head], drawn: [] };
  }

  /** A block that is the same stays; a text that grew is changed in its place, as one may be reading it. @param {Part} to @param {Block[]} blocks */
  function fill(to, blocks) {
    to.drawn = blocks.map((block, i) => {
      const key = JSON.stringify(block);
      const old = to.drawn[i];
      if (old?.key === key) return old;
      if (block.verbatim === undefined || old?.element.tagName !== "PRE") return { key, element: drawn(block) };
      setText(old.element, block.verbatim);
      return { key, element: old.element };
    });
    setChildren(to.part, [...to.head, ...to.drawn.map((b) => b.element)]);
  }

  return {
    element,
    /** @param {Section[]} sections */
    show(sections) {
      /** @type {typeof parts} */
      const now = new Map();
      for (const section of sections) {
        const part = parts.get(section.title) ?? create(section);
        fill(part, section.blocks);
        now.set(section.title, part);
      }
      parts = now;
      setChildren(element, [...now.values()].map((p) => p.part));
    },
  };
}

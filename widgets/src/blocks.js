// Draws the report's blocks (trex_nb/report/blocks.py). What is in them is text, whatever it looks like.
import { el, listen, setChildren } from "./dom.js";

/** @typedef {import("./types.js").Block} Block */
/** @typedef {import("./types.js").Section} Section */

/** @param {Block} block @returns {HTMLElement} */
function drawn(block) {
  if (block.heading !== undefined) return el("h4", {}, block.heading);
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
  /** @type {Map<string, { key: string, part: HTMLElement }>} */
  let parts = new Map();

  /** @param {Section} section */
  function create(section) {
    const blocks = section.blocks.map(drawn);
    if (!section.title) return el("div.section", {}, ...blocks);
    const isOpen = !(folds.get(section.title) ?? section.folded);
    const part = el("details.section", { open: isOpen }, el("summary", {}, section.title), ...blocks);
    listen(part, "toggle", () => folds.set(section.title, !(/** @type {HTMLDetailsElement} */ (part).open)));
    return part;
  }

  return {
    element,
    /** @param {Section[]} sections */
    show(sections) {
      /** @type {typeof parts} */
      const now = new Map();
      for (const section of sections) {
        const key = JSON.stringify(section.blocks);
        const old = parts.get(section.title);
        now.set(section.title, old?.key === key ? old : { key, part: create(section) });
      }
      parts = now;
      setChildren(element, [...now.values()].map((p) => p.part));
    },
  };
}

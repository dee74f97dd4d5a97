// The keyboard of the outline as a pure function: key and place in, what to do out.

/** @typedef {import("./types.js").Place} Place */
/** @typedef {{ to?: number, open?: string[], close?: string, enter?: boolean, mark?: boolean, all?: boolean, act?: string, search?: boolean, help?: boolean }} Move */

/** @type {Record<string, string>} a letter goes to the action's button or form; it does nothing by itself */
export const LETTERS = { a: "approve", p: "prune", r: "redirect", e: "edit", s: "stop", u: "restore", n: "note" };

/**
 * What a key does, or null when it is not ours.
 * @param {string} key
 * @param {Place[]} rows the rows that are listed
 * @param {number} at the place of the current row among them
 * @param {Set<string>} closed
 * @param {number} page rows that fit on a page
 * @returns {Move | null}
 */
export function moveFor(key, rows, at, closed, page) {
  const here = rows[at];
  if (!here) return key === "/" ? { search: true } : key === "?" ? { help: true } : null;
  const last = rows.length - 1;
  const opensOut = here.kids.length > 0 && closed.has(here.row.id);
  const isOpen = rows[at + 1]?.up === here;
  switch (key) {
    case "ArrowDown":
      return { to: Math.min(last, at + 1) };
    case "ArrowUp":
      return { to: Math.max(0, at - 1) };
    case "PageDown":
      return { to: Math.min(last, at + page) };
    case "PageUp":
      return { to: Math.max(0, at - page) };
    case "Home":
      return { to: 0 };
    case "End":
      return { to: last };
    case "ArrowRight":
      return opensOut ? { open: [here.row.id] } : isOpen ? { to: at + 1 } : {};
    case "ArrowLeft":
      return isOpen ? { close: here.row.id } : here.up && rows.includes(here.up) ? { to: rows.indexOf(here.up) } : {};
    case "*":
      return { open: (here.up?.kids ?? [here]).map((p) => p.row.id) };
    case " ":
      return { mark: true };
    case "Enter":
      return { enter: true };
    case "/":
      return { search: true };
    case "?":
      return { help: true };
    default:
      return LETTERS[key] ? { act: LETTERS[key] } : null;
  }
}

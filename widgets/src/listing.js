// Which rows are listed, and in which order: pure functions of the tree and of what the person chose to see.

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {{ closed: Set<string>, query: string, show: string, sort: string }} Choice */

/** @type {Record<string, [string, (row: Row, path: Set<string>) => boolean]>} */
export const SHOWN = {
  all: ["all", () => true],
  waiting: ["what waits for me", (r) => r.can?.includes("approve") ?? false],
  path: ["best path", (r, path) => path.has(r.id)],
  running: ["running", (r) => r.status === "running" || r.status === "approved"],
  scored: ["scored", (r) => r.value !== undefined],
  failed: ["failed or stopped", (r) => r.status === "failed" || r.status === "stopped"],
  in: ["not pruned", (r) => !r.is_out],
};

/** @type {Record<string, [string, (a: Row, b: Row) => number]>} flat orders; "tree" is none of them */
export const SORTED = {
  score: ["best score first", (a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity) || 0],
  newest: ["newest first", () => 0],
  cost: ["dearest first", (a, b) => (b.seconds ?? 0) - (a.seconds ?? 0)],
};

/** The ids from the root to the best node. @param {Map<string, Place>} places @returns {Set<string>} */
export function bestPath(places) {
  const path = new Set();
  let at = [...places.values()].find((p) => p.row.is_best);
  for (; at; at = at.up) path.add(at.row.id);
  return path;
}

/** @param {Row} row @param {string[]} words */
function matches(row, words) {
  const text = `${row.id} ${row.status} ${row.title} ${row.edge ?? ""} ${row.decided ?? ""} ${row.score ?? ""}`.toLowerCase();
  return words.every((w) => (/^n\d+$/.test(w) ? row.id === w : text.includes(w)));
}

/** Whether some rows may be left out. @param {Choice} choice */
export const isFiltered = (choice) => choice.show !== "all" || choice.query.trim() !== "";

/**
 * The rows that a filter lets through.
 * @param {Map<string, Place>} places
 * @param {Choice} choice
 * @returns {Set<Place>}
 */
export function matching(places, choice) {
  const words = choice.query.toLowerCase().split(/\s+/).filter(Boolean);
  const path = choice.show === "path" ? bestPath(places) : new Set();
  const fits = (SHOWN[choice.show] ?? SHOWN.all)[1];
  return new Set([...places.values()].filter((p) => fits(p.row, path) && matches(p.row, words)));
}

/**
 * The rows to be listed, top to bottom. In tree order a row that fits brings those above it along.
 * @param {Map<string, Place>} places in the order in which they came
 * @param {Choice} choice
 * @returns {Place[]}
 */
export function listed(places, choice) {
  const fit = isFiltered(choice) ? matching(places, choice) : null;
  const sort = SORTED[choice.sort];
  if (sort) return [...(fit ?? places.values())].reverse().sort((a, b) => sort[1](a.row, b.row));
  if (fit) for (const place of [...fit]) for (let up = place.up; up && !fit.has(up); up = up.up) fit.add(up);
  const found = [];
  const stack = [...places.values()].slice(0, 1);
  for (let at = stack.pop(); at; at = stack.pop()) {
    if (fit && !fit.has(at)) continue;
    found.push(at);
    if (fit || !choice.closed.has(at.row.id)) for (let i = at.kids.length; i--; ) stack.push(at.kids[i]);
  }
  return found;
}

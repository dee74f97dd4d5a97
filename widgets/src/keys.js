// The keyboard of an ARIA tree (APG pattern) as a pure function: key and place in, what to do out.

/**
 * @typedef {{ id: string, parent?: string }} Place
 * @typedef {{ select?: string, open?: string, close?: string, enter?: boolean }} Move
 */

/**
 * Rows that no closed row above hides, in order.
 * @template {Place} R
 * @param {R[]} rows in outline order, parents first
 * @param {Set<string>} closed
 * @returns {R[]}
 */
export function visibleRows(rows, closed) {
  const hidden = new Set();
  return rows.filter((row) => {
    if (row.parent === undefined || !(closed.has(row.parent) || hidden.has(row.parent))) return true;
    hidden.add(row.id);
    return false;
  });
}

/**
 * What a key does, or null when it is not ours.
 * @param {string} key
 * @param {Place[]} rows all rows
 * @param {Set<string>} closed
 * @param {string} at the selected row
 * @returns {Move | null}
 */
export function moveFor(key, rows, closed, at) {
  const visible = visibleRows(rows, closed);
  const index = visible.findIndex((row) => row.id === at);
  const row = visible[index];
  const child = rows.find((r) => r.parent === at);
  switch (key) {
    case "ArrowDown":
      return { select: (visible[index + 1] ?? row)?.id };
    case "ArrowUp":
      return { select: (visible[index - 1] ?? row)?.id };
    case "Home":
      return { select: visible[0]?.id };
    case "End":
      return { select: visible.at(-1)?.id };
    case "ArrowRight":
      if (!child) return {};
      return closed.has(at) ? { open: at } : { select: child.id };
    case "ArrowLeft":
      if (child && !closed.has(at)) return { close: at };
      return row?.parent === undefined ? {} : { select: row.parent };
    case "Enter":
      return { enter: true };
    default:
      return null;
  }
}

// The tree as an indented outline: an ARIA tree with one tab stop. Rows are kept and changed in place, so that an update
// from the kernel leaves focus, selection and scroll position alone.
import { el, focused, setAttribute, setText, sparkline } from "./dom.js";
import { moveFor, visibleRows } from "./keys.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {{ row: HTMLElement, toggle: HTMLElement, cells: Record<string, HTMLElement>, spark: string }} Parts */

const COLUMNS = ["score", "gain", "cost"];

/**
 * @param {object} on
 * @param {(id: string) => void} on.select
 * @param {() => void} on.enter
 * @param {(id: string) => string} on.badge a word on a command in flight
 */
export function createOutline(on) {
  const list = el("div", { role: "tree", "aria-label": "Experiments", class: "trex-list" });
  const head = el("div", { class: "trex-row trex-head", "aria-hidden": "true" });
  head.append(...["experiment", "score ± se", "gain", "cost", "training"].map((t) => el("span", {}, t)));
  const element = el("div", { class: "trex-outline" }, head, list);
  /** @type {Map<string, Parts>} */
  const parts = new Map();
  /** @type {Set<string>} */
  const closed = new Set();
  /** @type {Row[]} */
  let rows = [];
  let selected = "";
  let isChosen = false; // until a person has chosen, the selection goes to what needs a look

  /** @param {string} id */
  function select(id) {
    if (id === selected || !parts.has(id)) return;
    selected = id;
    draw();
    on.select(id);
  }

  /** @param {string} id */
  function toggle(id) {
    if (!closed.delete(id)) closed.add(id);
    if (!visibleRows(rows, closed).some((r) => r.id === selected)) select(id);
    draw();
  }

  function focus() {
    parts.get(selected)?.row.focus();
    parts.get(selected)?.row.scrollIntoView({ block: "nearest" });
  }

  list.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = moveFor(event.key, rows, closed, selected);
    if (!move) return;
    event.preventDefault();
    if (move.open ?? move.close) toggle(move.open ?? move.close ?? "");
    if (move.select) select(move.select);
    if (move.enter) on.enter();
    else focus();
  });

  /** @param {string} id @returns {Parts} */
  function create(id) {
    const toggleMark = el("span", { class: "trex-toggle" });
    const cells = Object.fromEntries(["label", "title", "badge", ...COLUMNS, "curve"].map((n) => [n, el("span", { class: `trex-${n}` })]));
    const first = el("span", { class: "trex-first" }, toggleMark, cells.label, cells.badge, cells.title);
    const row = el("div", { role: "treeitem", class: "trex-row", "data-node": id }, first, ...COLUMNS.map((c) => cells[c]), cells.curve);
    row.addEventListener("click", (event) => {
      if (event.target === toggleMark) toggle(id);
      select(id);
      focus();
    });
    return { row, toggle: toggleMark, cells, spark: "" };
  }

  /** @param {Row} row @param {Parts} part @param {Row[]} siblings @param {boolean} hasChildren */
  function fill(row, part, siblings, hasChildren) {
    const { cells } = part;
    setText(part.toggle, hasChildren ? (closed.has(row.id) ? "▸" : "▾") : "");
    setText(cells.label, `${row.id} ${row.glyph} ${row.status}${row.is_best ? " ★ best" : ""}`);
    setText(cells.title, row.title);
    setAttribute(part.row.firstElementChild ?? part.row, "title", row.title); // the column may cut it
    setAttribute(cells.gain, "title", row.gain ?? null);
    setText(cells.badge, on.badge(row.id));
    for (const name of COLUMNS) setText(cells[name], /** @type {any} */ (row)[name] ?? "");
    fillCurve(row, part);
    part.row.style.setProperty("--depth", String(row.depth ?? 0));
    const is = { "data-status": row.status, "data-out": Boolean(row.is_out), "data-best": Boolean(row.is_best) };
    for (const [name, value] of Object.entries(is)) setAttribute(part.row, name, value);
    setAttribute(part.row, "aria-label", described(row, on.badge(row.id)));
    setAttribute(part.row, "aria-level", String((row.depth ?? 0) + 1));
    setAttribute(part.row, "aria-setsize", String(siblings.length));
    setAttribute(part.row, "aria-posinset", String(siblings.indexOf(row) + 1));
    setAttribute(part.row, "aria-expanded", hasChildren ? String(!closed.has(row.id)) : null);
    setAttribute(part.row, "aria-selected", String(row.id === selected));
    setAttribute(part.row, "tabindex", row.id === selected ? "0" : "-1");
  }

  function draw() {
    /** @type {Map<string, Row[]>} */
    const children = new Map();
    for (const row of rows) children.set(row.parent ?? "", [...(children.get(row.parent ?? "") ?? []), row]);
    const hadFocus = list.contains(focused(list));
    /** @type {ChildNode | null} */
    let next = list.firstChild;
    for (const row of visibleRows(rows, closed)) {
      const part = parts.get(row.id) ?? create(row.id);
      parts.set(row.id, part);
      fill(row, part, children.get(row.parent ?? "") ?? [], children.has(row.id));
      if (part.row === next) next = next.nextSibling;
      else list.insertBefore(part.row, next); // only rows that are new or were hidden are moved
    }
    while (next) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
    if (hadFocus && !list.contains(focused(list))) focus();
  }

  return {
    element,
    focus,
    select,
    /** @param {Row[]} fresh */
    update(fresh) {
      rows = fresh;
      for (const row of rows) if (!parts.has(row.id)) parts.set(row.id, create(row.id));
      if (!isChosen || !rows.some((r) => r.id === selected)) selected = firstChoice(rows);
      draw();
    },
    refresh: draw,
    /** From now on the selection is the person's. */
    hold: () => void (isChosen = true),
    /** @returns {Row | undefined} */
    current: () => rows.find((r) => r.id === selected),
  };
}

/** Where to look first: what waits for a decision, else the best, else the root. @param {Row[]} rows */
function firstChoice(rows) {
  const row = rows.find((r) => r.can?.includes("approve")) ?? rows.find((r) => r.is_best) ?? rows[0];
  return row?.id ?? "";
}

/** @param {Row} row @param {string} badge */
function described(row, badge) {
  const progress = row.progress === undefined ? "" : `${Math.round(100 * row.progress)} percent done`;
  const said = [row.id, row.status, row.title, row.is_best ? "best" : "", row.score && `score ${row.score}`, row.gain && `gain ${row.gain}`,
    row.cost && `cost ${row.cost}`, progress, row.is_out && row.status !== "pruned" ? "in a pruned branch" : "", badge];
  return said.filter(Boolean).join(", ");
}

/** @param {Row} row @param {Parts} part */
function fillCurve(row, part) {
  const key = `${row.progress} ${row.spark?.join()}`;
  if (key === part.spark) return;
  part.spark = key;
  const bar = row.progress === undefined ? [] : [el("progress", { max: "1", value: String(row.progress), "aria-hidden": "true" })];
  part.cells.curve.replaceChildren(...bar, ...(row.spark && row.spark.length > 1 ? [sparkline(row.spark)] : []));
}

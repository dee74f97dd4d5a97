// The tree as an indented table: an ARIA treegrid with one tab stop, of which only the rows in sight are in the page. Rows are
// kept and changed in place, so that an update from the kernel leaves focus, marks and scroll position alone.
import { errorBar, sparkline } from "./chart.js";
import { el, hasFocus, listen, setAttribute, setText } from "./dom.js";
import { moveFor } from "./keys.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {{ element: HTMLElement, parts: Record<string, HTMLElement>, drawn: string, curve: string }} Line */

/** Pixels; explorer.css has the same. */
const HEIGHT = 30;
const MARGIN = 8;
const COLUMNS = { experiment: "experiment", score: "score ± se", gain: "gain", cost: "cost", curve: "training", decided: "decided" };

/**
 * @param {object} on
 * @param {(id: string) => void} on.select another row is the current one
 * @param {() => void} on.marked other rows are marked
 * @param {(move: import("./keys.js").Move) => void} on.key a key that leads out of the outline
 * @param {(id: string, isOpen: boolean) => void} on.fold
 * @param {(id: string) => string} on.badge a word on a command in flight
 */
export function createOutline(on) {
  const head = el("div.row.head", { role: "row", "aria-rowindex": "1" });
  head.append(...Object.entries(COLUMNS).map(([name, title]) => el(`span.${name}`, { role: "columnheader" }, title)));
  const body = el("div.rows", { role: "rowgroup" });
  const list = el("div.list", { role: "treegrid", "aria-label": "Experiments", "aria-multiselectable": "true", tabindex: "-1" }, el("div.heads", { role: "rowgroup" }, head), body);
  const empty = el("p.empty", { hidden: true }, "No experiment fits.");
  const element = el("div.outline", {}, list, empty);
  /** @type {Map<string, Line>} */
  const lines = new Map();
  /** @type {Set<string>} */
  const marked = new Set();
  /** @type {Place[]} */
  let rows = [];
  /** @type {Map<string, number>} */
  let index = new Map();
  /** @type {Set<string>} */
  let closed = new Set();
  let range = [0, 1];
  let current = "";
  let anchor = "";
  let isFlat = false;
  let isSized = false;
  /** @type {Set<Place> | null} */
  let fit = null;

  const at = () => index.get(current) ?? -1;
  /** Which row the Tab key comes to: the current one, or the first where that is not listed. */
  const stop = () => (at() < 0 ? rows[0]?.row.id : current);

  /** @param {number} place @param {boolean} [isExtended] marks everything from the anchor to here */
  function go(place, isExtended = false) {
    const row = rows[place];
    if (!row) return;
    if (isExtended) extend(place);
    else anchor = row.row.id;
    current = row.row.id;
    on.select(current);
    reveal();
    draw();
  }

  /** @param {number} to */
  function extend(to) {
    const from = index.get(anchor || current) ?? to;
    marked.clear();
    for (let i = Math.min(from, to); i <= Math.max(from, to); i++) marked.add(rows[i].row.id);
    on.marked();
  }

  /** @param {string} id */
  function mark(id) {
    if (!marked.delete(id)) marked.add(id);
    on.marked();
    draw();
  }

  function reveal() {
    const top = at() * HEIGHT;
    const room = list.clientHeight - HEIGHT; // the head stays on top
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + HEIGHT > list.scrollTop + room) list.scrollTop = top + HEIGHT - room;
  }

  function focus() {
    if (at() < 0 && rows.length) go(0);
    reveal();
    draw();
    (lines.get(current)?.element ?? list).focus({ preventScroll: true }); // the list itself when nothing is listed
  }

  listen(list, "keydown", (event) => {
    if (event.altKey) return;
    if (at() < 0) go(0); // the Tab key came to the first row, which is not the current one yet
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== "a") return;
      event.preventDefault();
      for (const place of rows) marked.add(place.row.id);
      on.marked();
      draw();
      return;
    }
    if (event.key === "Escape" && marked.size) {
      clear();
      return;
    }
    const page = Math.max(1, Math.floor(list.clientHeight / HEIGHT) - 2);
    const move = moveFor(event.key, rows, at(), closed, page);
    if (!move) return;
    event.preventDefault();
    for (const id of move.open ?? []) on.fold(id, true);
    if (move.close) on.fold(move.close, false);
    if (move.mark) mark(current);
    if (move.to !== undefined) go(move.to, event.shiftKey);
    if (move.enter || move.act || move.search || move.help) on.key(move);
    else focus();
  });

  listen(body, "click", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const line = target.closest("[data-node]");
    const id = line?.getAttribute("data-node") ?? "";
    if (!index.has(id)) return;
    if (target.closest(".t-mark") || event.ctrlKey || event.metaKey) mark(id);
    else if (target.closest(".t-toggle")) on.fold(id, closed.has(id));
    go(index.get(id) ?? 0, event.shiftKey);
    focus();
  });
  listen(list, "scroll", () => draw(), { passive: true });
  new ResizeObserver(() => {
    if (!isSized) reveal(); // until now there was no room to show the current row in
    isSized = list.clientHeight > 0;
    draw();
  }).observe(list);

  function clear() {
    marked.clear();
    on.marked();
    draw();
  }

  /** @param {string} id @returns {Line} */
  function create(id) {
    const parts = Object.fromEntries("toggle mark label badge title value bar gain cost spent estimate curve decided".split(" ").map((n) => [n, el(`span.${n}`, {})]));
    const first = el("span.experiment", { role: "gridcell" }, parts.mark, parts.toggle, parts.label, parts.badge, parts.title);
    const score = el("span.score", { role: "gridcell" }, parts.value, parts.bar);
    for (const name of ["mark", "toggle"]) parts[name].setAttribute("aria-hidden", "true");
    for (const name of ["gain", "cost", "curve", "decided"]) parts[name].setAttribute("role", "gridcell");
    parts.cost.append(parts.spent, parts.estimate);
    const element = el("div.row", { role: "row", "data-node": id }, first, score, parts.gain, parts.cost, parts.curve, parts.decided);
    return { element, parts, drawn: "", curve: "" };
  }

  /** @param {Line} line @param {Place} place @param {number} i */
  function fill(line, place, i) {
    const { element, parts } = line;
    const { row } = place;
    const id = row.id;
    element.style.transform = `translateY(${i * HEIGHT}px)`;
    const hasKids = place.kids.length > 0 && !isFlat;
    setAttribute(element, "aria-rowindex", i + 2);
    setAttribute(element, "aria-level", isFlat ? 1 : place.depth + 1);
    const siblings = isFlat ? rows : place.up?.kids ?? [place];
    setAttribute(element, "aria-setsize", siblings.length);
    setAttribute(element, "aria-posinset", (isFlat ? i : siblings.indexOf(place)) + 1);
    setAttribute(element, "aria-expanded", hasKids ? `${!closed.has(id)}` : null);
    setAttribute(element, "aria-selected", `${marked.size ? marked.has(id) : id === current}`);
    setAttribute(element, "data-current", id === current);
    setAttribute(element, "data-context", fit && !fit.has(place));
    setAttribute(element, "data-marked", marked.has(id));
    setAttribute(element, "tabindex", id === stop() ? "0" : "-1");
    element.style.setProperty("--depth", `${isFlat ? 0 : place.depth}`);
    setText(parts.toggle, hasKids ? (closed.has(id) ? "▸" : "▾") : "");
    setText(parts.mark, marked.has(id) ? "☑" : "☐");
    setText(parts.badge, on.badge(id));
    setAttribute(element, "aria-label", described(row, on.badge(id)));
    const key = `${JSON.stringify(row)}${range}`;
    if (line.drawn === key) return;
    line.drawn = key;
    fillCells(line, row, range);
  }

  function draw() {
    const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - MARGIN);
    const last = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + MARGIN);
    const wanted = new Map(rows.slice(first, last).map((p, i) => [p.row.id, first + i]));
    if (rows.length) wanted.set(stop(), Math.max(0, at())); // it holds the tab stop, and maybe the focus, wherever the list is scrolled to
    for (const [id, line] of lines) {
      if (wanted.has(id)) continue;
      line.element.remove();
      lines.delete(id);
    }
    const order = [...wanted].sort((a, b) => a[1] - b[1]);
    let before = body.firstElementChild;
    for (const [id, i] of order) {
      const line = lines.get(id) ?? create(id);
      lines.set(id, line);
      fill(line, rows[i], i);
      if (line.element === before) before = before.nextElementSibling;
      else body.insertBefore(line.element, before);
    }
  }

  return {
    element,
    focus,
    draw,
    clear,
    marked,
    /**
     * Other rows, or the same ones changed.
     * @param {Place[]} fresh
     * @param {{ closed: Set<string>, isFlat: boolean, range: number[], fit: Set<Place> | null }} how
     */
    show(fresh, how) {
      const isOther = fresh !== rows;
      ({ closed, isFlat, range, fit } = how);
      const hadFocus = hasFocus(list);
      const above = at() - Math.floor(list.scrollTop / HEIGHT);
      const wasSeen = above >= 0 && above * HEIGHT < list.clientHeight;
      if (isOther) {
        rows = fresh;
        index = new Map(rows.map((p, i) => [p.row.id, i]));
        for (const id of marked) if (!index.has(id)) marked.delete(id);
        body.style.height = `${rows.length * HEIGHT}px`;
        setAttribute(list, "aria-rowcount", rows.length + 1);
        empty.hidden = rows.length > 0;
        const moved = at() - Math.floor(list.scrollTop / HEIGHT) - above;
        if (at() >= 0 && wasSeen && moved) list.scrollTop += moved * HEIGHT; // what is looked at stays where it is
      }
      draw();
      if (hadFocus && !hasFocus(body)) focus();
    },
    /** Makes a row the current one, without the focus. @param {string} id */
    select(id) {
      if (!index.has(id) || id === current) return;
      current = anchor = id;
      reveal();
      draw();
      on.select(id);
    },
    current: () => current,
  };
}

/** @param {Row} row @param {string} badge */
function described(row, badge) {
  const progress = row.progress === undefined ? "" : `${Math.round(100 * row.progress)} percent done`;
  const said = [row.id, row.status, row.title, row.is_best ? "best" : "", row.score && `score ${row.score}`, row.gain && `gain ${row.gain}`,
    row.cost && `cost ${row.cost}`, row.estimate && `expected ${row.estimate}`, progress, row.is_out && row.status !== "pruned" ? "in a pruned branch" : "", row.decided, badge];
  return said.filter(Boolean).join(", ");
}

/** @param {Line} line @param {Row} row @param {number[]} range */
function fillCells(line, row, [low, high]) {
  const { element, parts } = line;
  setText(parts.label, `${row.id} ${row.glyph} ${row.status}${row.is_best ? " ★" : ""}`);
  setText(parts.title, row.title);
  setAttribute(element.firstElementChild ?? element, "title", [row.title, row.gain, row.decided].filter(Boolean).join("\n")); // columns may be cut or left out
  setText(parts.value, row.score);
  parts.bar.replaceChildren(...(row.value === undefined ? training(row) : [errorBar(row.value, row.stderr ?? 0, low, high)]));
  setText(parts.spent, row.cost);
  setText(parts.estimate, row.estimate);
  for (const name of /** @type {const} */ (["gain", "decided"])) {
    setText(parts[name], row[name]);
    setAttribute(parts[name], "title", row[name]);
  }
  setAttribute(parts.gain, "data-trend", row.trend);
  for (const [name, value] of Object.entries({ "data-status": row.status, "data-out": Boolean(row.is_out), "data-best": Boolean(row.is_best) }))
    setAttribute(element, name, value);
  const key = `${row.progress} ${row.spark?.join()}`;
  if (key === line.curve) return;
  line.curve = key;
  parts.curve.replaceChildren(...training(row));
}

/** How far training came, and its curve. Where the list is narrow it stands in place of the score that there is not yet. @param {Row} row */
function training({ progress, spark }) {
  const bar = progress === undefined ? [] : [el("progress", { max: 1, value: progress, "aria-hidden": "true" })];
  return [...bar, ...(spark && spark.length > 1 ? [sparkline(spark)] : [])];
}

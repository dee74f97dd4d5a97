// The tree as a drawing: nodes in the places the layout gave them, edges that say what changed. It is a canvas, which draws ten
// thousand nodes in a frame, and is hidden from screen readers: the outline beside it says the same in words.
import { BOX, corner, fitted, LEVEL, panned, ROW, showing, zoomed } from "./camera.js";
import { button, el, group, listen, setAttribute } from "./dom.js";

/** @typedef {import("./types.js").Place} Place */
/** @typedef {import("./types.js").Row} Row */

/** Pixels per unit from which on texts can be read, and below which a node is a dot. */
const READABLE = 0.5;
const DOT = 0.16;
const MOST_EDGES = 4000;
const COLOURS = ["bg", "fg", "dim", "line", "good", "bad", "busy"];
/** @type {Record<string, string>} */
const COLOUR_OF = { succeeded: "good", failed: "bad", running: "busy", approved: "busy", proposed: "fg" };

/**
 * @param {object} on
 * @param {Map<string, Place>} on.places
 * @param {(id: string) => void} on.select
 */
export function createMap(on) {
  const canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { "aria-hidden": "true" }));
  const probes = COLOURS.map((name) => el("i", { hidden: true, style: `color: var(--${name})` }));
  const tools = group("Map", {},
    button("+", () => zoom(1.4), { "aria-label": "Zoom in" }), button("−", () => zoom(1 / 1.4), { "aria-label": "Zoom out" }), button("Fit", fit, { title: "the whole tree" }));
  const element = el("div.map", {}, canvas, tools, ...probes);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  let camera = { x: 0, y: 0, k: 1 };
  let size = { width: 0, height: 0 };
  let isFitted = true; // until a person moves the map, it shows the whole tree
  let frame = 0;
  let current = "";
  /** @type {Set<string>} */
  let path = new Set();
  /** @type {Set<Place> | null} */
  let fit_ = null;
  /** @type {Record<string, string>} */
  let colours = {};

  function fit() {
    let [levels, rows] = [1, 1];
    for (const p of on.places.values()) {
      levels = Math.max(levels, p.depth + 1);
      rows = Math.max(rows, p.place + 1);
    }
    isFitted = true;
    camera = fitted(levels, rows, size);
    ask();
  }

  /** @param {number} factor @param {number} [x] @param {number} [y] */
  function zoom(factor, x = size.width / 2, y = size.height / 2) {
    isFitted = false;
    camera = zoomed(camera, factor, x, y, 0.002);
    ask();
  }

  function ask() {
    frame ||= requestAnimationFrame(draw);
  }

  function draw() {
    frame = 0;
    if (!size.width || !size.height) return;
    colours = Object.fromEntries(probes.map((p, i) => [COLOURS[i], getComputedStyle(p).color]));
    const dpr = devicePixelRatio || 1;
    context.setTransform(dpr, 0, 0, dpr, 0, 0);
    context.clearRect(0, 0, size.width, size.height);
    context.setTransform(dpr * camera.k, 0, 0, dpr * camera.k, -camera.x * camera.k * dpr, -camera.y * camera.k * dpr);
    const seen = inSight();
    drawEdges(seen);
    if (camera.k < DOT) drawDots(seen);
    else for (const place of seen) drawBox(place);
    for (const [name, value] of Object.entries(camera)) canvas.dataset[name] = value.toFixed(4);
  }

  /** The nodes whose box or edge may be seen. @returns {Place[]} */
  function inSight() {
    const [left, top] = [camera.x - LEVEL - BOX.width, camera.y - BOX.height];
    const [right, bottom] = [camera.x + size.width / camera.k, camera.y + size.height / camera.k];
    const found = [];
    for (const p of on.places.values()) {
      const x = p.depth * LEVEL;
      if (x < left || x > right) continue;
      const y = p.place * ROW;
      const from = p.up ? p.up.place * ROW : y;
      if (Math.max(y, from) >= top && Math.min(y, from) <= bottom) found.push(p);
    }
    return found;
  }

  /** @param {Place[]} seen */
  function drawEdges(seen) {
    const isFar = seen.length > MOST_EDGES;
    for (const isPath of isFar ? [true] : [false, true]) {
      context.beginPath();
      for (const p of seen) if (p.up && path.has(p.row.id) === isPath) edge(p.up, p);
      context.strokeStyle = colours[isPath ? "good" : "line"];
      context.lineWidth = isPath ? Math.max(2, 1.5 / camera.k) : Math.max(1, 0.6 / camera.k);
      context.stroke();
    }
    if (camera.k < READABLE) return;
    context.font = "10px system-ui, sans-serif";
    context.textBaseline = "alphabetic";
    context.fillStyle = colours.dim;
    for (const p of seen) {
      if (!p.row.edge) continue;
      const [x, y] = corner(p.depth, p.place);
      context.fillText(cut(p.row.edge, 30), x, y - 2, LEVEL - 8);
    }
  }

  /** @param {Place} from @param {Place} to */
  function edge(from, to) {
    const [x1, y1] = [from.depth * LEVEL + BOX.width, from.place * ROW + BOX.height / 2];
    const [x2, y2] = [to.depth * LEVEL, to.place * ROW + BOX.height / 2];
    context.moveTo(x1, y1);
    if (camera.k < DOT) context.lineTo(x2, y2);
    else context.bezierCurveTo((x1 + x2) / 2, y1, (x1 + x2) / 2, y2, x2, y2);
  }

  /** @param {Place} p */
  const colour = (p) => (p.row.is_out || (fit_ && !fit_.has(p)) ? colours.line : colours[COLOUR_OF[p.row.status] ?? "dim"]);

  /** @param {Place[]} seen */
  function drawDots(seen) {
    /** @type {Record<string, Map<number, Place>>} one dot for all that would fall on the same pixels */
    const groups = {};
    for (const p of seen) (groups[colour(p)] ??= new Map()).set(p.depth + 999 * Math.round(p.place * ROW * camera.k), p);
    const height = Math.max(BOX.height, 1.5 / camera.k);
    const width = Math.max(BOX.width * 0.6, 3 / camera.k);
    for (const shade in groups) {
      context.fillStyle = shade;
      for (const p of groups[shade].values()) context.fillRect(p.depth * LEVEL, p.place * ROW, width, height);
    }
    const here = on.places.get(current);
    if (!here) return;
    context.strokeStyle = colours.busy;
    context.lineWidth = 2 / camera.k;
    context.strokeRect(here.depth * LEVEL - 3 / camera.k, here.place * ROW - 3 / camera.k, width + 6 / camera.k, height + 6 / camera.k);
  }

  /** @param {Place} p */
  function drawBox(p) {
    const { row } = p;
    const [x, y] = corner(p.depth, p.place);
    const isHere = row.id === current;
    context.globalAlpha = fit_ && !fit_.has(p) ? 0.45 : 1;
    context.beginPath();
    context.roundRect(x, y, BOX.width, BOX.height, 5);
    context.fillStyle = colours.bg;
    context.fill();
    context.strokeStyle = isHere ? colours.busy : row.is_best ? colours.good : colour(p);
    context.lineWidth = isHere ? 3 : row.is_best ? 2 : 1;
    context.stroke();
    if (row.progress !== undefined) {
      context.fillStyle = colours.busy;
      context.fillRect(x + 3, y + BOX.height - 4, (BOX.width - 6) * row.progress, 2);
    }
    context.textBaseline = "middle";
    context.fillStyle = colour(p);
    context.font = "bold 11px system-ui, sans-serif";
    context.fillText(`${row.is_best ? "★" : row.glyph} ${row.id}`, x + 7, y + BOX.height / 2);
    if (camera.k < READABLE) {
      context.globalAlpha = 1;
      return;
    }
    context.fillStyle = row.is_out ? colours.dim : colours.fg;
    context.font = "11px system-ui, sans-serif";
    context.fillText(row.value === undefined ? row.status : row.value.toFixed(3), x + 50, y + BOX.height / 2, BOX.width - 54);
    context.globalAlpha = 1;
  }

  /** @param {PointerEvent | MouseEvent} event @returns {Place | undefined} */
  function under(event) {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / camera.k + camera.x;
    const y = (event.clientY - box.top) / camera.k + camera.y;
    const slack = Math.max(0, 4 / camera.k - BOX.height / 2);
    for (const p of on.places.values()) {
      const [left, top] = corner(p.depth, p.place);
      if (x >= left && x <= left + BOX.width && y >= top - slack && y <= top + BOX.height + slack) return p;
    }
    return undefined;
  }

  listen(canvas, "pointerdown", (event) => {
    if (event.button !== 0) return;
    let [x, y, far] = [event.clientX, event.clientY, 0];
    const move = (/** @type {PointerEvent} */ e) => {
      far += Math.abs(e.clientX - x) + Math.abs(e.clientY - y);
      if (far > 4) {
        isFitted = false;
        camera = panned(camera, e.clientX - x, e.clientY - y);
        ask();
      }
      [x, y] = [e.clientX, e.clientY];
    };
    const drag = new AbortController();
    const { signal } = drag;
    const up = (/** @type {PointerEvent} */ e) => {
      drag.abort();
      const hit = far <= 4 ? under(e) : undefined;
      if (hit) on.select(hit.row.id);
    };
    canvas.setPointerCapture(event.pointerId);
    listen(canvas, "pointermove", move, { signal });
    listen(canvas, "pointerup", up, { signal });
    listen(canvas, "pointercancel", () => drag.abort(), { signal });
  });
  listen(canvas, "pointermove", (event) => {
    const row = event.buttons ? undefined : under(event)?.row;
    setAttribute(canvas, "title", row ? [`${row.id} ${row.status}: ${row.title}`, row.edge, row.score].filter(Boolean).join("\n") : null);
  });
  listen(canvas, "wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the notebook
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  const sized = new ResizeObserver(() => {
    const dpr = devicePixelRatio || 1;
    size = { width: canvas.clientWidth, height: canvas.clientHeight };
    canvas.width = Math.round(size.width * dpr);
    canvas.height = Math.round(size.height * dpr);
    if (isFitted) fit();
    else ask();
  });
  sized.observe(canvas);
  const themed = new MutationObserver(ask);
  themed.observe(document.body, { attributes: true });
  themed.observe(document.documentElement, { attributes: true });

  return {
    element,
    /**
     * Other nodes or states. @param {{ path: Set<string>, fit: Set<Place> | null, isNew: boolean }} fresh
     */
    show(fresh) {
      path = fresh.path;
      fit_ = fresh.fit;
      if (fresh.isNew && isFitted) fit();
      else ask();
    },
    /** @param {string} id */
    select(id) {
      current = id;
      const place = on.places.get(id);
      if (place && size.width) camera = showing(camera, place.depth, place.place, size);
      ask();
    },
    close() {
      sized.disconnect();
      themed.disconnect();
      cancelAnimationFrame(frame);
    },
  };
}

/** @param {string} text @param {number} most */
const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

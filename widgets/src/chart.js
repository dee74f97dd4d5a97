// Small drawings of numbers. Every one has its numbers in words beside it, or as its label.
import { svg } from "./dom.js";

/** @typedef {import("./types.js").Point} Point */
/** @typedef {import("./types.js").RunDetails} RunDetails */

/** @param {[number, number][]} points in the drawing's own units */
const path = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/**
 * A curve without axes, for a glance.
 * @param {number[]} values
 * @returns {SVGElement}
 */
export function sparkline(values) {
  const [width, height] = [64, 16];
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const step = width / Math.max(1, values.length - 1);
  const points = path(values.map((v, i) => [i * step, height - 1 - ((v - low) / span) * (height - 2)]));
  const line = svg("polyline", { points, fill: "none", stroke: "currentColor", "stroke-width": 1.5 });
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" }, line);
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [420, 150, 54, 18];
const DASHES = ["", "6 3", "2 3", "8 3 2 3", "1 2"];

/** @param {number} value */
const figure = (value) => String(Number(value.toPrecision(3)));

/**
 * Training loss (thin) and held-out loss (thick, with dots) of a node's runs over their steps.
 * @param {RunDetails[]} runs
 * @returns {SVGElement | null} null when there is nothing to draw
 */
export function curves(runs) {
  const drawn = runs.filter((r) => r.curve.length > 1);
  const values = drawn.flatMap((r) => r.curve.flatMap(([, a, b]) => [a, b].filter((v) => v !== null)));
  if (values.length < 2) return null;
  const last = Math.max(...drawn.map((r) => r.curve[r.curve.length - 1][0])) || 1;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const x = (/** @type {number} */ step) => LEFT + (step / last) * (WIDTH - LEFT - 4);
  const y = (/** @type {number} */ v) => 6 + (1 - (v - low) / span) * (HEIGHT - BOTTOM - 12);
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "t-curves", role: "img", "aria-label": drawn.map(described).join("; ") });
  const text = (/** @type {string} */ said, /** @type {object} */ at) => svg("text", { fill: "currentColor", "font-size": 11, ...at }, said);
  const right = { x: LEFT - 5, "text-anchor": "end" };
  chart.append(text(figure(low + span), { ...right, y: 14 }), text(figure(low), { ...right, y: HEIGHT - BOTTOM }));
  chart.append(text("0", { x: LEFT, y: HEIGHT - 4 }), text(`${last} steps`, { x: WIDTH - 4, y: HEIGHT - 4, "text-anchor": "end" }));
  chart.append(svg("path", { d: `M${LEFT} 4V${HEIGHT - BOTTOM}H${WIDTH}`, fill: "none", stroke: "currentColor", opacity: 0.4 }));
  drawn.forEach((run, i) => {
    for (const column of [1, 2]) {
      const points = /** @type {[number, number][]} */ (run.curve.filter((p) => p[column] !== null).map((p) => [x(p[0]), y(/** @type {number} */ (p[column]))]));
      if (!points.length) continue;
      const style = { class: column === 1 ? "t-loss" : "t-held", "stroke-dasharray": DASHES[i % DASHES.length], fill: "none" };
      chart.append(svg("polyline", { points: path(points), "stroke-width": column === 1 ? 1.2 : 2, ...style }));
      if (column === 2) for (const [cx, cy] of points.slice(0, 12)) chart.append(svg("circle", { cx, cy, r: 2.5, class: "t-held" }));
    }
  });
  return chart;
}

/** The curve of a run in words. @param {RunDetails} run */
export function described(run) {
  const of = (/** @type {1 | 2} */ column, /** @type {string} */ name) => {
    const values = /** @type {number[]} */ (run.curve.map((p) => p[column]).filter((v) => v !== null));
    return values.length ? `${name} ${figure(values[0])} to ${figure(values[values.length - 1])}` : "";
  };
  return [`${run.id}:`, [of(1, "training loss"), of(2, "held-out loss")].filter(Boolean).join(", ")].join(" ");
}

/**
 * A score on a line from `low` to `high`: a tick at the value, a bar of two standard errors to each side.
 * @param {number} value
 * @param {number} stderr
 * @param {number} low
 * @param {number} high
 * @returns {SVGElement}
 */
export function errorBar(value, stderr, low, high) {
  const at = (/** @type {number} */ v) => 2 + (60 * (Math.min(high, Math.max(low, v)) - low)) / (high - low || 1);
  const [from, to] = [at(value - 2 * stderr), at(value + 2 * stderr)];
  const bar = svg("path", { d: `M${from.toFixed(1)} 3H${to.toFixed(1)}`, stroke: "currentColor", opacity: 0.55, "stroke-width": 2 });
  const tick = svg("path", { d: `M${at(value).toFixed(1)} 0V6`, stroke: "currentColor", "stroke-width": 2 });
  return svg("svg", { viewBox: "0 0 64 6", width: 64, height: 6, "aria-hidden": "true" }, bar, tick);
}

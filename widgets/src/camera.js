// Where the map is looked at from: pure arithmetic. A point of the world is on the screen at (point - at) * scale.

/** @typedef {{ x: number, y: number, k: number }} Camera  The world's point at the upper left corner, and pixels per unit */
/** @typedef {{ width: number, height: number }} Size */

export const LEVEL = 150;
export const ROW = 40;
export const BOX = { width: 112, height: 26 };
const MOST = 2;

/** @param {number} depth @param {number} place @returns {[number, number]} the upper left corner of a node's box */
export const corner = (depth, place) => [depth * LEVEL, place * ROW];

/**
 * The whole tree in sight, as large as it fits, at most in its natural size.
 * @param {number} levels @param {number} rows @param {Size} size @returns {Camera}
 */
export function fitted(levels, rows, size) {
  const width = levels * LEVEL - 8; // the text on an edge is wider than the box
  const height = (rows - 1) * ROW + BOX.height;
  const k = Math.min(1, (size.width - 16) / width, (size.height - 16) / height);
  return { k, x: width / 2 - size.width / 2 / k, y: height / 2 - size.height / 2 / k };
}

/**
 * Larger or smaller by `factor`, the point under (x, y) of the screen staying there.
 * @param {Camera} camera @param {number} factor @param {number} x @param {number} y @param {number} least @returns {Camera}
 */
export function zoomed(camera, factor, x, y, least) {
  const k = Math.min(MOST, Math.max(Math.min(least, camera.k), camera.k * factor));
  return { k, x: camera.x + x / camera.k - x / k, y: camera.y + y / camera.k - y / k };
}

/** @param {Camera} camera @param {number} dx pixels @param {number} dy @returns {Camera} */
export const panned = (camera, dx, dy) => ({ ...camera, x: camera.x - dx / camera.k, y: camera.y - dy / camera.k });

/**
 * The same camera when a node's box is in sight, else one that has it in the middle.
 * @param {Camera} camera @param {number} depth @param {number} place @param {Size} size @returns {Camera}
 */
export function showing(camera, depth, place, size) {
  const [x, y] = corner(depth, place);
  const [left, top] = [(x - camera.x) * camera.k, (y - camera.y) * camera.k];
  const [right, bottom] = [left + BOX.width * camera.k, top + BOX.height * camera.k];
  if (left >= 0 && top >= 0 && right <= size.width && bottom <= size.height) return camera;
  return { k: camera.k, x: x + BOX.width / 2 - size.width / 2 / camera.k, y: y + BOX.height / 2 - size.height / 2 / camera.k };
}

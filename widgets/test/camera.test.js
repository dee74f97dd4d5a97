// The arithmetic of the map.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BOX, corner, fitted, panned, showing, zoomed } from "../src/camera.js";

const size = { width: 400, height: 300 };

/** @param {import("../src/camera.js").Camera} c @param {number} depth @param {number} place */
const onScreen = (c, depth, place) => corner(depth, place).map((v, i) => (v - [c.x, c.y][i]) * c.k);

test("a fitted tree is wholly in sight, a small one in its natural size", () => {
  assert.equal(fitted(1, 1, size).k, 1);
  for (const [levels, rows] of [[2, 3], [8, 3], [3, 5000]]) {
    const camera = fitted(levels, rows, size);
    const [left, top] = onScreen(camera, 0, 0);
    const [right, bottom] = onScreen(camera, levels - 1, rows - 1);
    assert.ok(left >= 0 && top >= 0 && right + BOX.width * camera.k <= 400 && bottom + BOX.height * camera.k <= 300);
  }
});
test("what is under the pointer stays there when zooming", () => {
  const before = { x: 50, y: 20, k: 0.5 };
  const after = zoomed(before, 1.7, 120, 80, 0.01);
  assert.equal((before.x + 120 / before.k).toFixed(6), (after.x + 120 / after.k).toFixed(6));
  assert.equal(zoomed(before, 1000, 0, 0, 0.01).k, 2);
  assert.equal(zoomed(before, 0, 0, 0, 0.01).k, 0.01);
});
test("panning moves by pixels", () => assert.deepEqual(panned({ x: 10, y: 10, k: 0.5 }, 5, -5), { x: 0, y: 20, k: 0.5 }));
test("a node out of sight is brought to the middle, one in sight moves nothing", () => {
  const camera = { x: 0, y: 0, k: 1 };
  assert.equal(showing(camera, 0, 1, size), camera);
  const [x, y] = onScreen(showing(camera, 5, 100, size), 5, 100);
  assert.deepEqual([x + BOX.width / 2, y + BOX.height / 2], [200, 150]);
});

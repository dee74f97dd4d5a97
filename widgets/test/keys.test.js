// The keyboard of the outline, without a browser: `npm test`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { moveFor } from "../src/keys.js";
import { listed } from "../src/listing.js";
import { createStore } from "../src/store.js";
import { drawing, modelOf, row } from "./model.js";

const { places } = createStore(modelOf({ tree: drawing([row("n0"), row("n1", "n0"), row("n2", "n0"), row("n3", "n1")]) }));
const none = new Set();

/** @param {string} key @param {string} at @param {string[]} [closed] */
function press(key, at, closed = []) {
  const rows = listed(places, { closed: new Set(closed), query: "", show: "all", sort: "tree" });
  const move = moveFor(key, rows, rows.findIndex((p) => p.row.id === at), new Set(closed), 2);
  return move && (move.to === undefined ? move : rows[move.to].row.id);
}

test("down and up go through what is listed", () => {
  assert.deepEqual([press("ArrowDown", "n0"), press("ArrowDown", "n1"), press("ArrowUp", "n2")], ["n1", "n3", "n3"]);
  assert.equal(press("ArrowDown", "n1", ["n1"]), "n2");
});
test("down stays on the last row and up on the first", () => assert.deepEqual([press("ArrowDown", "n2"), press("ArrowUp", "n0")], ["n2", "n0"]));
test("a page is as many rows as fit", () => assert.deepEqual([press("PageDown", "n0"), press("PageUp", "n2")], ["n3", "n1"]));
test("home and end go to the first and the last row", () => assert.deepEqual([press("Home", "n3"), press("End", "n0")], ["n0", "n2"]));
test("right opens a closed row, and goes to the first child of an open one", () => {
  assert.deepEqual(press("ArrowRight", "n1", ["n1"]), { open: ["n1"] });
  assert.equal(press("ArrowRight", "n1"), "n3");
  assert.deepEqual(press("ArrowRight", "n3"), {});
});
test("left closes an open row, and goes from a leaf to its parent", () => {
  assert.deepEqual(press("ArrowLeft", "n1"), { close: "n1" });
  assert.equal(press("ArrowLeft", "n3"), "n1");
});
test("a star opens all siblings", () => assert.deepEqual(press("*", "n1"), { open: ["n1", "n2"] }));
test("letters lead to actions and do nothing by themselves", () => assert.deepEqual([press("a", "n1"), press("p", "n1")], [{ act: "approve" }, { act: "prune" }]));
test("other keys are left alone, and so is everything where nothing is listed", () => {
  assert.equal(press("b", "n0"), null);
  assert.equal(moveFor("ArrowDown", [], -1, none, 1), null);
});

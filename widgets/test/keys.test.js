// The keyboard of the outline, without a browser: `npm test`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCommand } from "../src/commands.js";
import { moveFor, visibleRows } from "../src/keys.js";

const rows = [{ id: "n0" }, { id: "n1", parent: "n0" }, { id: "n3", parent: "n1" }, { id: "n2", parent: "n0" }];
const open = new Set();
const folded = new Set(["n1"]);

test("a closed row hides all below it", () => {
  assert.deepEqual(visibleRows(rows, new Set(["n0"])).map((r) => r.id), ["n0"]);
});
test("down skips what is hidden", () => assert.equal(moveFor("ArrowDown", rows, folded, "n1")?.select, "n2"));
test("down stays on the last row", () => assert.equal(moveFor("ArrowDown", rows, open, "n2")?.select, "n2"));
test("right opens a closed row", () => assert.deepEqual(moveFor("ArrowRight", rows, folded, "n1"), { open: "n1" }));
test("right goes to the first child of an open row", () => assert.equal(moveFor("ArrowRight", rows, open, "n1")?.select, "n3"));
test("right on a leaf does nothing", () => assert.deepEqual(moveFor("ArrowRight", rows, open, "n3"), {}));
test("left closes an open row", () => assert.deepEqual(moveFor("ArrowLeft", rows, open, "n1"), { close: "n1" }));
test("left goes from a leaf to its parent", () => assert.equal(moveFor("ArrowLeft", rows, open, "n3")?.select, "n1"));
test("home and end go to the first and last visible row", () => {
  assert.equal(moveFor("Home", rows, open, "n3")?.select, "n0");
  assert.equal(moveFor("End", rows, open, "n0")?.select, "n2");
});
test("other keys are left alone", () => assert.equal(moveFor("a", rows, open, "n0"), null));
test("a reason is quoted as the magic wants it", () => {
  assert.equal(nodeCommand("prune", "n1", 'a "b" \\').code, '%trex prune n1 --why "a \\"b\\" \\\\"');
});

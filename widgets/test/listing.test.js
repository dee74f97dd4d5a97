// Which rows are listed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bestPath, listed, matching } from "../src/listing.js";
import { createStore } from "../src/store.js";
import { drawing, modelOf, row } from "./model.js";

const rows = [
  row("n0", undefined, { status: "succeeded", value: 0.1, title: "Base model" }),
  row("n1", "n0", { status: "succeeded", value: 0.5, title: "Rank 16", seconds: 5 }),
  row("n2", "n0", { can: ["approve"], seconds: 9 }),
  row("n3", "n1", { status: "succeeded", value: 0.7, is_best: true, decided: "approved by human" }),
  row("n4", "n2", { status: "pruned", is_out: true }),
  row("n10", "n1", { status: "failed" }),
];
const { places } = createStore(modelOf({ tree: drawing(rows) }));
const all = { closed: new Set(), query: "", show: "all", sort: "tree" };

/** @param {object} choice */
const ids = (choice) => listed(places, { ...all, ...choice }).map((p) => p.row.id);

test("as a tree, parents first and children in the order in which they came", () => assert.deepEqual(ids({}), ["n0", "n1", "n3", "n10", "n2", "n4"]));
test("a closed row hides all below it", () => assert.deepEqual(ids({ closed: new Set(["n1"]) }), ["n0", "n1", "n2", "n4"]));
test("what fits brings those above it along, closed or not", () => {
  assert.deepEqual(ids({ query: "human", closed: new Set(["n0", "n1"]) }), ["n0", "n1", "n3"]);
  assert.deepEqual(ids({ show: "waiting" }), ["n0", "n2"]);
});
test("an id is found whole", () => assert.deepEqual([...matching(places, { ...all, query: "n1" })].map((p) => p.row.id), ["n1"]));
test("all words must be there, in any case", () => assert.deepEqual(ids({ query: "RANK succeeded" }), ["n0", "n1"]));
test("the best path goes from the root to the best", () => {
  assert.deepEqual([...bestPath(places)], ["n3", "n1", "n0"]);
  assert.deepEqual(ids({ show: "path" }), ["n0", "n1", "n3"]);
});
test("sorted rows are flat", () => {
  assert.deepEqual(ids({ sort: "score" }).slice(0, 3), ["n3", "n1", "n0"]);
  assert.deepEqual(ids({ sort: "newest" }), ["n10", "n4", "n3", "n2", "n1", "n0"]);
  assert.deepEqual(ids({ sort: "cost", show: "in" }).slice(0, 2), ["n2", "n1"]);
});
test("an empty tree lists nothing", () => assert.deepEqual(listed(new Map(), all), []));

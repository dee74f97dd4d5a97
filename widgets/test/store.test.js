// What the views of a model share, against a kernel that is late, silent, or gone.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { commandOf } from "../src/deeds.js";
import { createStore } from "../src/store.js";
import { drawing, modelOf, row } from "./model.js";

mock.timers.enable({ apis: ["setTimeout"] });

/** @param {object} [state] */
function opened(state = {}) {
  const model = modelOf({ tree: drawing([row("n0"), row("n1", "n0")]), view: { revision: 1 }, ...state });
  return { model, store: createStore(model) };
}

/** @param {object[]} rows @param {number} revision @param {number[]} [places] */
const patch = (rows, revision, places) => ({ patch: { revision, rows, ...(places ? { places } : {}) } });
const questions = (/** @type {any} */ model) => model.sent.filter((/** @type {any} */ m) => m.question).map((/** @type {any} */ m) => m.question.ask);

test("a patch changes its rows and tells which", () => {
  const { model, store } = opened();
  /** @type {any[]} */
  const told = [];
  store.subscribe((change) => told.push(change));
  model.emit("msg:custom", patch([row("n1", "n0", { status: "approved" }), row("n2", "n1")], 2, [0, 1, 2]));
  assert.equal(store.places.get("n1")?.row.status, "approved");
  assert.deepEqual([store.places.get("n2")?.depth, store.places.get("n2")?.place, store.places.get("n1")?.kids.length], [2, 2, 1]);
  assert.deepEqual([[...told[0].changed], told[0].isNew], [["n1", "n2"], true]);
});

test("a patch that comes twice or late changes nothing", () => {
  const { model, store } = opened();
  model.emit("msg:custom", patch([row("n1", "n0", { status: "old" })], 1));
  assert.equal(store.places.get("n1")?.row.status, "proposed");
});

test("when a patch was missed, all of it is asked for", async () => {
  const { model, store } = opened();
  model.emit("msg:custom", patch([row("n1", "n0", { status: "approved" })], 4));
  assert.deepEqual(questions(model), ["all"]);
  model.emit("msg:custom", { id: model.sent[0].id, ok: true, answer: drawing([row("n0"), row("n1", "n0", { status: "succeeded" })], 4) });
  await Promise.resolve();
  assert.equal(store.places.get("n1")?.row.status, "succeeded");
});

test("when the last patch was missed, the header gives it away", () => {
  const { model } = opened();
  model.set("view", { revision: 2 });
  model.emit("change:view", undefined);
  assert.deepEqual(questions(model), []);
  mock.timers.tick(500);
  assert.deepEqual(questions(model), ["all"]);
});

test("rows that the host kept as they first were are asked for anew", () => {
  const { model } = opened({ view: { revision: 2 } });
  mock.timers.tick(500);
  assert.deepEqual(questions(model), ["all"]);
});

test("what waits for a decision is fetched before anybody looks", () => {
  const { model } = opened({ tree: drawing([row("n0"), row("n1", "n0", { can: ["approve"] })]) });
  assert.deepEqual(model.sent.map((m) => m.question), [{ ask: "details", nodes: ["n1"] }]);
});

test("details are asked for once, kept, and asked for again when the row changed", async () => {
  const { model, store } = opened();
  assert.deepEqual([store.details("n1"), store.details("n1")].map((d) => d.data), [undefined, undefined]);
  assert.equal(model.sent.length, 1);
  model.emit("msg:custom", { id: model.sent[0].id, ok: true, answer: { details: [{ id: "n1", sections: [] }] } });
  await Promise.resolve();
  assert.equal(store.details("n1").data?.id, "n1");
  model.emit("msg:custom", patch([row("n1", "n0", { status: "approved" })], 2));
  assert.equal(store.details("n1").data?.id, "n1");
  assert.equal(model.sent.length, 2);
});

test("a command is pending, then late, then answered", () => {
  const { model, store } = opened();
  store.requests.send("n1", { do: "approve", nodes: ["n1"] });
  assert.equal(store.requests.latest("n1")?.state, "pending");
  mock.timers.tick(1100);
  assert.equal(store.requests.latest("n1")?.state, "late");
  model.emit("msg:custom", { id: model.sent[0].id, ok: true, text: "Approved n1.", code: "%trex approve n1" });
  assert.deepEqual([store.requests.latest("n1")?.state, store.requests.codes()], ["ok", ["%trex approve n1"]]);
});

test("a command that deserves a second word is sent again when it is given", () => {
  const { model, store } = opened();
  store.requests.send("n1", { do: "finalize" });
  model.emit("msg:custom", { id: model.sent[0].id, ok: true, asks: "Would open the test split." });
  assert.equal(store.requests.latest("n1")?.state, "asks");
  assert.deepEqual(store.requests.codes(), []);
  store.requests.confirm("n1", true);
  assert.deepEqual(model.sent[1].confirmed, true);
  store.requests.confirm("n1", true); // nothing is asked now
  assert.equal(model.sent.length, 2);
});

test("when the kernel goes, what is open is refused at once", () => {
  const { model, store } = opened();
  store.requests.send("n1", { do: "pause" });
  const { send } = model;
  model.send = () => {
    throw new Error("Cannot send");
  };
  model.emit("comm_live_update", undefined);
  mock.timers.tick(500);
  assert.equal(store.requests.latest("n1")?.state, "failed");
  assert.equal(store.isGone, true);
  model.send = send;
  model.emit("comm_live_update", undefined); // it was the network, and is back
  mock.timers.tick(500);
  model.emit("msg:custom", { id: model.sent.at(-1).id, ok: true, answer: drawing([row("n0")]) });
  assert.equal(store.isGone, false);
});

test("a host that refuses a message by a promise is gone too", async () => {
  const { model, store } = opened();
  model.send = () => Promise.reject(new Error("Failed to fetch"));
  store.requests.send("n1", { do: "pause" });
  await new Promise(setImmediate);
  assert.equal(store.requests.latest("n1")?.state, "failed");
  assert.equal(store.isGone, true);
});

test("an answer to somebody else is not ours", () => {
  const { model, store } = opened();
  store.requests.send("n1", { do: "pause" });
  model.emit("msg:custom", { id: "other-1", ok: true, text: "no" });
  assert.equal(store.requests.latest("n1")?.state, "pending");
});

test("empty fields are left out of a command", () => {
  const form = { name: "x", label: "", about: "", do: "prune", target: "nodes", many: true };
  assert.deepEqual(commandOf(form, ["n1"], { why: "" }), { do: "prune", nodes: ["n1"] });
  assert.deepEqual(commandOf({ ...form, do: "redirect", target: "run", many: false }, ["n4.2"], { text: "go" }), { do: "redirect", run: "n4.2", node: "n4", text: "go" });
});

test("while all of it is on its way it is not asked for again, and once more when something was missed meanwhile", async () => {
  const { model, store } = opened();
  for (let i = 4; i < 40; i++) model.emit("msg:custom", patch([], i));
  assert.deepEqual(questions(model), ["all"]);
  model.emit("msg:custom", { id: model.sent[0].id, ok: true, answer: drawing([row("n0"), row("n1", "n0")], 39) });
  await Promise.resolve();
  assert.deepEqual(questions(model), ["all", "all"]);
  model.emit("msg:custom", { id: model.sent[1].id, ok: true, answer: drawing([row("n0"), row("n1", "n0", { status: "late" })], 41) });
  await Promise.resolve();
  assert.equal(store.places.get("n1")?.row.status, "late");
  assert.deepEqual(questions(model), ["all", "all"]);
});

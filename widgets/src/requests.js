// Commands on their way: each gets an id, and stays pending until the answer with that id is in.

/** @typedef {import("./types.js").Command} Command */

/** After this long without an answer we say why: a comm message waits while a cell runs. */
const LATE_MS = 1000;
const LOST_MS = 6000;
const LOST = "no answer: the kernel is busy, or was restarted (then %trex start opens the study again)";

/**
 * @typedef {object} Request
 * @property {string} key what it is about: a node's id, or "" for the study
 * @property {string} code the same as a magic
 * @property {"pending" | "late" | "ok" | "failed"} state
 * @property {string} text
 */

/**
 * @param {import("./types.js").Model} model
 * @param {(key: string) => void} changed called after the latest request about `key` changed
 */
export function createRequests(model, changed) {
  const prefix = Math.random().toString(36).slice(2); // several views share a model, and see each other's answers
  /** @type {Map<string, Request>} */
  const open = new Map();
  /** @type {Map<string, Request>} */
  const latest = new Map();
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  const timers = new Set();
  let count = 0;

  /** @param {Request} request @param {Request["state"]} state @param {string} text */
  function move(request, state, text) {
    Object.assign(request, { state, text });
    changed(request.key);
  }

  /** @param {any} message */
  function answered(message) {
    const request = open.get(message?.id);
    if (!request) return;
    open.delete(message.id);
    move(request, message.ok ? "ok" : "failed", String(message.text ?? ""));
  }
  model.on("msg:custom", answered);

  return {
    /** @param {string} key @param {Command} command @param {string} code */
    send(key, command, code) {
      const id = `${prefix}-${++count}`;
      /** @type {Request} */
      const request = { key, code, state: "pending", text: "sent …" };
      open.set(id, request);
      latest.set(key, request);
      changed(key);
      const timer = setTimeout(() => {
        timers.delete(timer);
        if (open.has(id)) move(request, "late", "kernel busy, will apply when the cell ends");
      }, LATE_MS);
      const lost = setTimeout(() => {
        timers.delete(lost);
        if (open.has(id)) move(request, "late", LOST);
      }, LOST_MS);
      timers.add(timer).add(lost);
      try {
        model.send({ id, command });
      } catch {
        open.delete(id);
        move(request, "failed", LOST);
      }
    },
    /** @param {string} key */
    latest: (key) => latest.get(key),
    /** @param {string} key */
    isWaiting: (key) => ["pending", "late"].includes(latest.get(key)?.state ?? ""),
    close() {
      model.off("msg:custom", answered);
      timers.forEach(clearTimeout);
    },
  };
}

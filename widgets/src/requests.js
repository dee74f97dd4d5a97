// Messages on their way: each gets an id, and stays pending until the answer with that id is in.

/** @typedef {import("./types.js").Command} Command */

/** After this long without an answer we say why: a comm message waits while a cell runs. */
const LATE_MS = 1000;
const LATE = "kernel busy, will apply when the cell ends";
const GONE = "not connected to a kernel: run %trex start again";
const KEPT = 200;
/** What was done is said for so long; then it may no longer be so. */
const SAID_MS = 20_000;

/**
 * A command that was given. It `asks` when it waits for a second word. `code` is the same as a magic, once it is answered.
 * @typedef {object} Request
 * @property {string} key what it is about: a node's id, or "" for the study
 * @property {Command} command
 * @property {"pending" | "late" | "asks" | "ok" | "failed"} state
 * @property {string} text
 * @property {string} code
 */

/**
 * @param {import("./types.js").Model} model
 * @param {() => void} changed called after a request changed
 * @param {() => void} gone called when a message could not be sent: there is no kernel at the other end
 */
export function createRequests(model, changed, gone) {
  const prefix = Math.random().toString(36).slice(2); // clients of one kernel see each other's answers
  /** @type {Map<string, (message: any) => void>} */
  const open = new Map();
  /** @type {Map<string, Request>} */
  const latest = new Map();
  /** @type {string[]} */
  const done = [];
  let count = 0;

  const isOpen = (/** @type {Request | undefined} */ request) => request?.state === "pending" || request?.state === "late";

  /** @param {object} content @param {(message: any) => void} answered */
  async function post(content, answered) {
    const id = `${prefix}-${++count}`;
    open.set(id, answered);
    try {
      await model.send({ id, ...content }); // some hosts throw, others refuse a promise
    } catch {
      receive({ id, text: GONE });
      gone();
    }
  }

  /** @param {any} message */
  function receive(message) {
    const answered = open.get(message?.id);
    open.delete(message?.id);
    answered?.(message);
  }
  model.on("msg:custom", receive);

  /** @param {string} key @param {Command} command @param {boolean} [confirmed] */
  function send(key, command, confirmed) {
    /** @type {Request} */
    const request = { key, command, state: "pending", text: "sent …", code: "" };
    const move = (/** @type {Partial<Request>} */ to) => {
      Object.assign(request, to);
      changed();
    };
    latest.set(key, request);
    const timer = setTimeout(() => move({ state: "late", text: LATE }), LATE_MS);
    post({ command, confirmed }, ({ ok, asks, text = "", code = "" }) => {
      clearTimeout(timer);
      if (ok && !asks && code) done.push(code);
      move({ code, text: String(asks || text), state: !ok ? "failed" : asks ? "asks" : "ok" });
      if (request.state === "ok") setTimeout(() => latest.get(key) === request && latest.delete(key) && changed(), SAID_MS);
    });
    changed();
  }

  return {
    /** @param {string} key @param {Command} command */
    send: (key, command) => send(key, command),
    /** The second word on what was asked. @param {string} key @param {boolean} yes */
    confirm(key, yes) {
      const request = latest.get(key);
      if (request?.state !== "asks") return;
      latest.delete(key);
      if (yes) send(key, request.command, true);
      else changed();
    },
    /**
     * A question; the promise is refused with the kernel's words.
     * @param {object} question
     * @returns {Promise<any>}
     */
    ask: (question) =>
      new Promise((resolve, reject) => post({ question }, (message) => (message.ok ? resolve(message.answer) : reject(new Error(message.text))))),
    /** @param {string} key */
    latest: (key) => latest.get(key),
    /** @param {string} key */
    isWaiting: (key) => isOpen(latest.get(key)),
    /** Whether a command is on its way that names a node, alone or among others. @param {string} id */
    concern: (id) => [...latest.values()].some((r) => isOpen(r) && (r.key === id || /** @type {string[] | undefined} */ (r.command.nodes)?.includes(id))),
    /** The commands that were carried out, as magics, oldest first. */
    codes: () => done.slice(-KEPT),
    /** Nothing will be answered any more. */
    drop: () => [...open.keys()].forEach((id) => receive({ id, text: GONE })),
    close: () => model.off("msg:custom", receive),
  };
}

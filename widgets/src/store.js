// All that the views of one model share: the rows as the kernel last told them, what is known of each node beyond its row,
// and the commands on their way. A patch holds the rows that changed since the revision before; when one was missed, the
// store asks for all of it.
import { createRequests } from "./requests.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {import("./types.js").Drawing} Drawing */
/** @typedef {import("./types.js").Details} Details */
/** @typedef {{ changed?: Set<string>, isNew?: boolean }} Change  Which rows changed; whether there are new ones */

const MISSED_MS = 400;
const MOST_AT_ONCE = 20;

/** @param {import("./types.js").Model} model */
export function createStore(model) {
  /** @type {Map<string, Place>} */
  const places = new Map();
  /** @type {Set<(change: Change) => void>} */
  const listeners = new Set();
  /** @type {Map<string, { data?: Details, trouble?: string, isStale: boolean, isAsked: boolean }>} */
  const known = new Map();
  const requests = createRequests(model, () => tell({}), () => setGone(true));
  let revision = -1;
  let isGone = false;
  let isCatchingUp = false;
  let isBehind = false; // something was missed while all of it was on its way
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {Change} change */
  function tell(change) {
    for (const listener of listeners) listener(change);
  }

  /** @param {Row} row @returns {boolean} whether it is new */
  function put(row) {
    const there = places.get(row.id);
    const entry = known.get(row.id);
    if (entry) entry.isStale = true;
    if (there) {
      there.row = row;
      return false;
    }
    const up = row.parent === undefined ? undefined : places.get(row.parent);
    /** @type {Place} */
    const place = { row, depth: up ? up.depth + 1 : 0, kids: [], up, place: 0, index: places.size };
    up?.kids.push(place);
    places.set(row.id, place);
    return true;
  }

  /** @param {Drawing} drawing */
  function take(drawing) {
    let isNew = false;
    for (const row of drawing.rows) isNew = put(row) || isNew;
    const sent = drawing["places"]; // quoted: the wire's name, where ours are shortened
    if (sent) {
      let i = 0;
      for (const place of places.values()) place.place = sent[i++] ?? 0;
    }
    revision = drawing.revision;
    prefetch(drawing.rows);
    tell({ changed: new Set(drawing.rows.map((r) => r.id)), isNew });
  }

  /** The whole drawing: rows that are no longer there are gone. @param {Drawing} drawing */
  function load(drawing) {
    if (!drawing?.rows) return;
    places.clear();
    for (const entry of known.values()) entry.isAsked = false; // what was missed may have been its answer
    take(drawing);
    for (const id of known.keys()) if (!places.has(id)) known.delete(id);
  }

  /** Whether the kernel is gone. @param {boolean} gone */
  function setGone(gone) {
    if (gone === isGone) return;
    isGone = gone;
    if (gone) requests.drop();
    else for (const entry of known.values()) entry.isStale = true;
    tell({});
  }

  /** ipywidgets says that something happened to the connection, not what: a question finds out. */
  function wondered() {
    isCatchingUp = false;
    timer = setTimeout(catchUp, MISSED_MS);
  }

  /** @param {any} message */
  function patched(message) {
    setGone(false);
    const patch = message?.patch;
    if (!patch || patch.revision <= revision) return;
    if (patch.revision !== revision + 1) {
      catchUp();
      return;
    }
    take(patch);
  }

  /** Asks for all of it, once: a busy kernel answers late, and would find a question for every patch in between. */
  function catchUp() {
    isBehind = isCatchingUp;
    if (isCatchingUp) return;
    isCatchingUp = true;
    requests.ask({ ask: "all" }).then(caughtUp, () => void (isCatchingUp = false));
  }

  /** @param {Drawing} drawing */
  function caughtUp(drawing) {
    isCatchingUp = false;
    if (drawing.revision > revision) load(drawing);
    if (isBehind) catchUp();
  }

  /** A view that is ahead of the rows tells of a missed patch: it came late, or the host kept the rows as they first were. */
  function viewed() {
    clearTimeout(timer);
    timer = setTimeout(() => (model.get("view")?.revision ?? 0) > revision && catchUp(), MISSED_MS);
    tell({});
  }

  function replaced() {
    const drawing = model.get("tree");
    if (drawing?.revision > revision) load(drawing);
  }

  /** What waits for a decision should be there to read, also while a cell keeps the kernel busy. @param {Row[]} rows */
  function prefetch(rows) {
    const wanted = rows.filter((r) => r.can?.includes("approve") && !known.has(r.id)).slice(-MOST_AT_ONCE);
    if (wanted.length) fetchDetails(wanted.map((r) => r.id));
  }

  /** @param {string[]} ids */
  function fetchDetails(ids) {
    if (model.get("read_only")) return;
    for (const id of ids) known.set(id, { ...known.get(id), isStale: false, isAsked: true });
    requests.ask({ ask: "details", nodes: ids }).then(
      (answer) => {
        for (const data of answer.details) known.set(data.id, { data, isStale: known.get(data.id)?.isStale ?? false, isAsked: false });
        tell({});
      },
      (error) => {
        for (const id of ids) known.set(id, { ...known.get(id), trouble: error.message, isStale: false, isAsked: false });
        tell({});
      },
    );
  }

  model.on("msg:custom", patched);
  model.on("comm_live_update", wondered);
  model.on("change:view", viewed);
  model.on("change:tree", replaced);
  load(model.get("tree"));
  viewed();

  return {
    places,
    requests,
    /** @returns {import("./types.js").View} */
    get view() {
      return model.get("view") ?? {};
    },
    forms: /** @type {import("./types.js").Forms} */ (model.get("forms")),
    /** @returns {string} */
    get error() {
      return model.get("error") ?? "";
    },
    get isReadOnly() {
      return Boolean(model.get("read_only"));
    },
    get isGone() {
      return isGone;
    },
    /**
     * What is known of a node; asked for when it is not, or no longer true.
     * @param {string} id
     * @returns {{ data?: Details, trouble?: string }}
     */
    details(id) {
      const entry = known.get(id);
      if (places.has(id) && !isGone && (!entry || (entry.isStale && !entry.isAsked))) fetchDetails([id]);
      return known.get(id) ?? {};
    },
    /** @param {(change: Change) => void} listener @returns {() => void} */
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      clearTimeout(timer);
      requests.close();
      model.off("msg:custom", patched);
      model.off("comm_live_update", wondered);
      model.off("change:view", viewed);
      model.off("change:tree", replaced);
    },
  };
}

/** @typedef {ReturnType<typeof createStore>} Store */

// Rows and a model as the kernel's half gives them.
/** @param {string} id @param {string} [parent] @param {object} [more] */
export const row = (id, parent, more = {}) => ({ id, ...(parent ? { parent } : {}), status: "proposed", glyph: "?", title: `Idea ${id}`, ...more });

/** @param {object[]} rows @param {number} [revision] */
export const drawing = (rows, revision = 1) => ({ revision, rows, places: rows.map((_, i) => i) });

/** A model that keeps what is sent. @param {object} state */
export function modelOf(state) {
  /** @type {Record<string, Set<(value: any) => void>>} */
  const handlers = {};
  /** @type {any[]} */
  const sent = [];
  return {
    sent,
    get: (/** @type {string} */ name) => /** @type {any} */ (state)[name],
    set: (/** @type {string} */ name, /** @type {any} */ value) => void (/** @type {any} */ (state)[name] = value),
    on: (/** @type {string} */ event, /** @type {(value: any) => void} */ f) => void (handlers[event] ??= new Set()).add(f),
    off: (/** @type {string} */ event, /** @type {(value: any) => void} */ f) => void handlers[event]?.delete(f),
    send: (/** @type {any} */ content) => void sent.push(content),
    emit: (/** @type {string} */ event, /** @type {any} */ value) => handlers[event]?.forEach((f) => f(value)),
  };
}

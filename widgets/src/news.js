// What a screen reader is told of changes: politely, in one sentence, no more often than it can be spoken.
import { el, setText } from "./dom.js";

const PAUSE_MS = 2000;
const MOST = 3;

export function createNews() {
  const element = el("div.news", { role: "status", "aria-live": "polite" });
  /** @type {Map<string, string>} the status that was last told, by node */
  const told = new Map();
  /** @type {Map<string, string>} */
  const fresh = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isFirst = true;

  function speak() {
    timer = undefined;
    const said = [...fresh.values()];
    fresh.clear();
    const rest = said.length > MOST ? `, and ${said.length - MOST} more changes` : "";
    setText(element, said.slice(0, MOST).join("; ") + rest);
  }

  return {
    element,
    /** @param {import("./store.js").Store} store @param {Set<string>} changed */
    tell(store, changed) {
      for (const id of changed) {
        const row = store.places.get(id)?.row;
        if (!row || told.get(id) === `${row.status}${row.score ?? ""}`) continue;
        told.set(id, `${row.status}${row.score ?? ""}`);
        if (!isFirst) fresh.set(id, `${id} ${row.status}${row.score ? `, score ${row.score}` : ""}${row.is_best ? ", the best so far" : ""}`);
      }
      isFirst = false;
      if (fresh.size) timer ??= setTimeout(speak, PAUSE_MS);
    },
    /** @param {string} text */
    say: (text) => setText(element, text),
    close: () => clearTimeout(timer),
  };
}

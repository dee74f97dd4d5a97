// The panel below: what is known of the current node, or of two nodes side by side, and what can be done about it.
import { createActions } from "./actions.js";
import { createSections } from "./blocks.js";
import { curves, described } from "./chart.js";
import { button, createCode, el, hasFocus, onEscape, setChildren, setText } from "./dom.js";
import { createEdit } from "./edit.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").RunDetails} RunDetails */
/** @typedef {import("./types.js").Comparison} Comparison */

/**
 * @param {object} on
 * @param {import("./store.js").Store} on.store
 * @param {() => void} on.leave give the focus back to the outline
 */
export function createDetail({ store, leave }) {
  const name = el("h3", {});
  const waits = el("p.waits", { role: "status" });
  const drawing = el("div.drawing", {});
  const runs = el("div", {});
  const sections = createSections();
  const edit = createEdit({ store, leave: () => void (actions.focus() || leave()) });
  const actions = createActions({ label: "Decide", forms: store.forms.node, store, leave, open: { edit: openEdit } });
  const close = button("Close comparison", () => {
    compare(null);
    leave();
  }, { hidden: true });
  const aside = el("div.aside", {}, drawing, runs);
  const columns = el("div.columns", {}, aside, sections.element);
  const element = el("section.detail", { "aria-label": "Details" }, el("div.bar", {}, name, close), actions.element, edit.element, waits, columns);
  /** @type {Row | undefined} */
  let row;
  /** @type {Comparison | null} */
  let compared = null;
  /** @type {Map<string, ReturnType<typeof createRun>>} */
  const lines = new Map();
  let drawn = "";

  onEscape(element, () => {
    if (compared) compare(null);
    leave();
  });

  /** @param {string} id */
  function openEdit(id) {
    const fields = store.details(id).data?.fields ?? [];
    if (fields.length) edit.open(id, fields); // until the fields are there, the panel says what it waits for
  }

  /** @param {Comparison | null} found @param {boolean} [isGoing] the focus goes there */
  function compare(found, isGoing = false) {
    const had = hasFocus(element); // in what hides
    compared = found;
    draw();
    if (found && (had || isGoing)) close.focus();
  }

  function draw() {
    const had = hasFocus(columns);
    const { data, trouble } = row ? store.details(row.id) : {};
    setText(name, compared?.title ?? (row && `${row.id} ${row.glyph} ${row.status}  ${row.title}`));
    close.hidden = !compared;
    actions.element.hidden = Boolean(compared);
    aside.hidden = Boolean(compared || !data?.runs.length);
    edit.update();
    if (edit.node() && (edit.node() !== row?.id || !row.can?.includes("edit"))) edit.close();
    actions.show(row ? [row.id] : [], row?.can ?? []);
    setText(waits, compared || data || store.isReadOnly ? trouble : trouble ?? "Asking the kernel for details …");
    sections.show((compared ?? data)?.sections ?? []);
    drawRuns(data?.runs ?? []);
    if (had && (!hasFocus(columns) || (aside.hidden && hasFocus(aside)))) leave();
  }

  /** @param {RunDetails[]} found */
  function drawRuns(found) {
    const key = JSON.stringify(found.map((r) => [r.id, r.curve]));
    if (key !== drawn) {
      const chart = curves(found);
      drawing.replaceChildren(...(chart ? [chart, el("div.legend", {}, "thin: training loss; thick, dotted: held-out loss"), ...found.filter((r) => r.curve.length > 1).map((r) => el("div.legend", {}, described(r)))] : []));
    }
    drawn = key;
    for (const id of lines.keys()) if (!found.some((r) => r.id === id)) lines.delete(id);
    for (const run of found) {
      const line = lines.get(run.id) ?? createRun(store, run.id, leave);
      lines.set(run.id, line);
      line.show(run);
    }
    setChildren(runs, [...lines.values()].map((l) => l.element));
  }

  return {
    element,
    /** @param {Row | undefined} fresh */
    show(fresh) {
      if (fresh?.id !== row?.id) {
        compared = null;
        element.scrollTop = 0;
      }
      row = fresh;
      draw();
    },
    compare,
    /** @param {string} name */
    goTo(name) {
      if (compared) compare(null);
      return actions.goTo(name);
    },
    focus() {
      if (compared) compare(null);
      return actions.focus();
    },
  };
}

/**
 * One run: its state, what can be done with it, its files.
 * @param {import("./store.js").Store} store
 * @param {string} id
 * @param {() => void} leave
 */
function createRun(store, id, leave) {
  const state = el("span.dim", {});
  const actions = createActions({ label: `Run ${id}`, forms: store.forms.run, store, leave });
  const trouble = el("span.trouble", { role: "status" });
  const notebook = createCode("Copy path");
  const checkpoint = createCode("Copy path");
  const files = [
    el("div.bar", {}, "executed notebook", notebook.code, notebook.mark, button("Download", download, {}, "button.copy")),
    el("div.bar", {}, "checkpoint", checkpoint.code, checkpoint.mark),
  ];

  async function download() {
    try {
      const found = await store.requests.ask({ ask: "notebook", run: id });
      const href = URL.createObjectURL(new Blob([found.text], { type: "application/x-ipynb+json" }));
      const link = el("a", { download: found.name, href });
      files[0].append(link); // VS Code takes such clicks where they reach the document
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(href), 10_000);
    } catch (error) {
      setText(trouble, /** @type {Error} */ (error).message);
    }
  }

  return {
    element: el("div.run", {}, el("div.bar", {}, el("strong", {}, id), state), actions.element, ...files, trouble),
    /** @param {RunDetails} run */
    show(run) {
      setText(state, run.state);
      actions.show([id], run.can);
      notebook.show(run.notebook);
      checkpoint.show(run.checkpoint);
      files[0].hidden = !run.notebook;
      files[1].hidden = !run.checkpoint;
    },
  };
}

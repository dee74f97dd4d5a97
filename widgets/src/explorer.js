// The tree explorer: header, outline and map, panel. The kernel's rows are the only state about the study; a view adds what is
// current, marked, folded and filtered, and all views of a model share what is on its way.
import { createActions } from "./actions.js";
import { createDetail } from "./detail.js";
import { button, createCode, el, group, hasFocus, hide, listen, setAttribute, setText, terms } from "./dom.js";
import { bestPath, isFiltered, listed, matching, SHOWN, SORTED } from "./listing.js";
import { createMap } from "./map.js";
import { createNews } from "./news.js";
import { createOutline } from "./outline.js";
import { createStore } from "./store.js";

/** @typedef {import("./types.js").Model} Model */
/** @typedef {import("./store.js").Store} Store */

const LAYOUTS = ["Outline", "Both", "Map"];

/** @param {Store} store @param {() => void} leave */
function createHeader(store, leave) {
  const name = el("strong", {});
  const state = el("span.state", {});
  const budget = el("span.dim", {});
  const goal = el("div.goal", {});
  const copyOf = el("span.dim", {}, "read-only copy");
  const actions = createActions({ label: "The study", forms: store.forms.study, store, key: "", leave });
  const codes = createCode("Copy all");
  const replay = el("details", { hidden: true }, el("summary", {}, "Your clicks as magics"), el("pre", { tabindex: "0" }, codes.code), codes.mark);
  return {
    element: el("div.header", {}, el("div.bar", {}, name, state, budget, copyOf), goal, actions.element, replay),
    /** @param {string[]} waiting what awaits a decision */
    show(waiting) {
      const { view } = store;
      setText(name, view.study);
      setText(state, view.state);
      setAttribute(state, "title", view.state);
      setText(budget, `${view.budget} · policy ${view.policy}`);
      setText(goal, view.goal);
      copyOf.hidden = !store.isReadOnly;
      actions.show(waiting, view.can ?? []);
      const done = store.requests.codes().join("\n");
      replay.hidden = !done;
      codes.show(done);
    },
  };
}

/** @param {string} label @param {[string, string][]} options @param {(value: string) => void} chosen */
function createSelect(label, options, chosen) {
  const select = /** @type {HTMLSelectElement} */ (el("select", { "aria-label": label, title: label }, ...options.map(([value, text]) => el("option", { value }, text))));
  listen(select, "change", () => chosen(select.value));
  return select;
}

/** @param {HTMLElement} host @param {Store} store */
function mount(host, store) {
  const choice = { closed: /** @type {Set<string>} */ (new Set()), query: "", show: "all", sort: "tree" };
  let isChosen = false; // until a person has acted, the current row is what needs a look
  /** @type {import("./types.js").Place[]} */
  let rows = [];

  const outline = createOutline({
    select: (id) => {
      map.select(id);
      detail.show(store.places.get(id)?.row);
    },
    marked: drawMarked,
    key: (move) => {
      if (move.enter) detail.focus() || leave();
      if (move.act) detail.goTo(move.act) || leave();
      if (move.search) search.focus();
      if (move.help) {
        help.open = !help.open;
        leave();
      }
    },
    fold: (id, isOpen) => {
      if (isOpen ? choice.closed.delete(id) : choice.closed.add(id)) relist();
    },
    badge: (id) => (store.requests.concern(id) ? "sent …" : ""),
  });
  const map = createMap({
    places: store.places,
    select: (id) => {
      for (let up = store.places.get(id)?.up; up; up = up.up) choice.closed.delete(up.row.id);
      relist();
      outline.select(id);
      leave();
    },
  });
  const detail = createDetail({ store, leave });
  const header = createHeader(store, leave);
  const error = el("div.error", { role: "alert" });
  const news = createNews();

  const search = /** @type {HTMLInputElement} */ (el("input", { type: "search", placeholder: "Search", "aria-label": "Search experiments", autocomplete: "off" }));
  listen(search, "input", () => {
    choice.query = search.value;
    relist();
  });
  listen(search, "keydown", (event) => {
    if (event.key === "Escape" && search.value) {
      search.value = choice.query = "";
      relist();
    } else if (["Escape", "Enter", "ArrowDown"].includes(event.key)) leave();
  });
  const show = createSelect("Show", Object.entries(SHOWN).map(([k, [text]]) => [k, `show: ${text}`]), (value) => {
    choice.show = value;
    relist();
  });
  const sort = createSelect("Sort", [["tree", "sort: as a tree"], ...Object.entries(SORTED).map(([k, [text]]) => /** @type {[string, string]} */ ([k, `sort: ${text}`]))], (value) => {
    choice.sort = value;
    relist();
  });
  const fold = button("Collapse all", () => foldAll(true));
  const unfold = button("Expand all", () => foldAll(false));
  const layouts = LAYOUTS.map((name) => button(name, () => layout(name)));
  const count = el("span.dim", {});
  const help = /** @type {HTMLDetailsElement} */ (el("details.help", {}, el("summary", {}, "Keys"), el("dl.facts", {}, ...terms(store.forms.keys))));
  const toolbar = group("What is shown", {}, search, show, sort, fold, unfold, group("Layout", {}, ...layouts), count, help);

  const many = store.forms.node.filter((form) => form.many);
  const marks = el("span.dim", {});
  const compare = button("Compare", () => void compareMarked(), { title: "side by side" });
  const together = createActions({ label: "Marked experiments", forms: many, store, leave });
  const bulk = el("div.bulk", { hidden: true }, marks, together.element, compare, button("Clear marks", () => {
    outline.clear();
    leave();
  }));

  // JupyterLab would take arrow keys and letters for commands on cells; other hosts listen further up
  const panes = el("div.panes", {}, outline.element, map.element);
  const root = el("div", { class: "trex-explorer", "data-lm-suppress-shortcuts": "true", tabindex: "-1" }, header.element, error, el("div.toolbar", {}, toolbar), panes, bulk, detail.element, news.element);
  if (getComputedStyle(host).colorScheme !== "normal") root.style.colorScheme = "inherit"; // a host that has said it knows
  const hold = () => void (isChosen = true);
  listen(root, "focusin", hold); // whoever acts here means what is current now
  listen(root, "pointerdown", hold);
  listen(root, "keydown", (event) => {
    event.stopPropagation();
    if (event.target === root) outline.focus(); // a click on plain text leaves the focus here, not with the notebook
  });

  /** Gives the focus back to the outline; where that is not shown it stays in the explorer all the same. */
  function leave() {
    outline.focus();
    if (!hasFocus(root)) root.focus();
  }

  /** @param {string} name */
  function layout(name) {
    setAttribute(panes, "data-layout", name);
    for (const b of layouts) setAttribute(b, "aria-pressed", `${b.textContent === name}`);
  }

  /** @param {boolean} isClosed */
  function foldAll(isClosed) {
    choice.closed.clear();
    if (isClosed) for (const p of store.places.values()) if (p.kids.length && p.up) choice.closed.add(p.row.id);
    relist();
  }

  async function compareMarked() {
    const [one, two] = outline.marked;
    try {
      const found = await store.requests.ask({ ask: "comparison", one, two });
      detail.compare(found, hasFocus(compare)); // who went on meanwhile stays there
    } catch (trouble) {
      news.say(/** @type {Error} */ (trouble).message);
    }
  }

  function drawMarked() {
    const ids = [...outline.marked];
    const rowsOf = ids.map((id) => store.places.get(id)?.row);
    hide(bulk, !ids.length, leave);
    setText(marks, `${ids.length} marked`);
    hide(compare, ids.length !== 2 || store.isReadOnly, leave);
    const can = many.map((form) => form.name).filter((name) => rowsOf.every((r) => r?.can?.includes(name)));
    together.show(ids, can);
  }

  /** The rows that are listed may be others. */
  function relist() {
    rows = listed(store.places, choice);
    draw(true);
  }

  /** @param {boolean} [isNew] */
  function draw(isNew = false) {
    const isFlat = choice.sort !== "tree";
    const fit = isFiltered(choice) ? matching(store.places, choice) : null;
    outline.show(rows, { closed: fit ? new Set() : choice.closed, isFlat, range: scoreRange(store), fit });
    if (!isChosen) outline.select(firstChoice(store));
    map.show({ path: bestPath(store.places), fit, isNew });
    setText(count, `${fit ? `${fit.size} of ` : ""}${store.places.size} experiment${store.places.size === 1 ? "" : "s"}`);
    header.show([...store.places.values()].filter((p) => p.row.can?.includes("approve")).map((p) => p.row.id));
    drawMarked();
    detail.show(store.places.get(outline.current())?.row);
    setText(error, store.isGone ? `Not connected: the kernel was restarted or is gone. Run %trex start ${store.view.study} again; the study and its jobs are safe.` : store.error);
  }

  const forget = store.subscribe((change) => {
    if (change.changed) news.tell(store, change.changed);
    if (change.isNew || (change.changed && (isFiltered(choice) || choice.sort !== "tree"))) relist();
    else draw();
  });
  news.tell(store, new Set(store.places.keys()));
  layout("Both");
  host.append(root);
  relist();
  return () => {
    forget();
    map.close();
    news.close();
    root.remove();
  };
}

/** Where to look first: what waits for a decision, else the best, else the root. @param {Store} store */
function firstChoice(store) {
  const all = [...store.places.values()].map((p) => p.row);
  return (all.find((r) => r.can?.includes("approve")) ?? all.find((r) => r.is_best) ?? all[0])?.id ?? "";
}

/** The scores there are, from the lowest to the highest, with their errors. @param {Store} store @returns {[number, number]} */
function scoreRange(store) {
  let [low, high] = [Infinity, -Infinity];
  for (const { row } of store.places.values()) {
    if (row.value === undefined) continue;
    low = Math.min(low, row.value - 2 * (row.stderr ?? 0));
    high = Math.max(high, row.value + 2 * (row.stderr ?? 0));
  }
  return low < high ? [low, high] : [0, 1];
}

export default () => {
  /** @type {Store | undefined} */
  let store;
  /** @param {Model} model */
  const shared = (model) => (store ??= createStore(model));
  return {
    /** @param {{ model: Model }} context */
    initialize({ model }) {
      shared(model);
      return () => store?.close();
    },
    /** @param {{ model: Model, el: HTMLElement }} context */
    render: ({ model, el: host }) => mount(host, shared(model)),
  };
};

// The panel beside the outline: what is known of the selected node, and what can be done about it. Facts are redrawn when
// they change; buttons and fields stay, so that an update never takes the focus or what was typed.
import { nodeCommand } from "./commands.js";
import { el, focused, setAttribute, setText } from "./dom.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Action} Action */

/** @type {[Action, string, string][]} */
const ACTIONS = [
  ["approve", "Approve", ""],
  ["prune", "Prune", "why (optional)"],
  ["redirect", "Redirect", "what to do instead"],
  ["stop", "Stop", ""],
];

/**
 * @param {object} on
 * @param {ReturnType<typeof import("./requests.js").createRequests>} on.requests
 * @param {() => void} on.leave give the focus back to the outline
 * @param {boolean} on.readOnly
 */
export function createDetail(on) {
  const title = el("div", { class: "trex-name" });
  const facts = el("dl", { class: "trex-facts" });
  const answer = el("div", { class: "trex-answer", role: "status", "aria-live": "polite" });
  const forms = el("div", { class: "trex-actions", hidden: on.readOnly });
  const element = el("div", { role: "region", class: "trex-detail" }, title, forms, answer, facts);
  /** @type {Row | undefined} */
  let row;
  let drawn = "";
  /** @type {Map<string, string>} what was typed, by node and action */
  const drafts = new Map();

  const actions = ACTIONS.map(([action, label, hint]) => {
    const button = el("button", { type: "button" }, label);
    const input = /** @type {HTMLInputElement | null} */ (hint ? el("input", { type: "text", placeholder: hint, "aria-label": `${label}: ${hint}` }) : null);
    const code = el("code", { "aria-hidden": "true" });
    const form = el("form", { "data-action": action }, button, ...(input ? [input] : []), code);
    const spell = () => setText(code, row ? nodeCommand(action, row.id, input?.value.trim() ?? "").code : "");
    const act = () => {
      if (!row || on.requests.isWaiting(row.id)) return;
      const text = input?.value.trim() ?? "";
      if (action === "redirect" && !text) {
        input?.focus();
        return;
      }
      const { command, code: typed } = nodeCommand(action, row.id, text);
      drafts.delete(`${row.id} ${action}`);
      if (input) input.value = "";
      on.requests.send(row.id, command, typed);
    };
    button.addEventListener("click", act);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      act();
    });
    input?.addEventListener("input", () => {
      if (row) drafts.set(`${row.id} ${action}`, input.value);
      spell();
    });
    return { action, form, button, input, spell };
  });
  forms.append(...actions.map((a) => a.form));

  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") on.leave();
  });

  /** @param {boolean} isOther whether another node is shown than before */
  function drawActions(isOther) {
    const waits = row !== undefined && on.requests.isWaiting(row.id);
    for (const { action, form, button, input, spell } of actions) {
      const isOff = !row?.can?.includes(action);
      if (isOff && form.contains(focused(form))) on.leave(); // before it hides, or the focus falls to the notebook
      setAttribute(form, "hidden", isOff);
      setAttribute(button, "aria-disabled", waits ? "true" : null);
      if (input && row && isOther) input.value = drafts.get(`${row.id} ${action}`) ?? "";
      spell();
    }
  }

  function drawAnswer() {
    const latest = row && on.requests.latest(row.id);
    const isOver = latest?.state === "ok" && latest.code.startsWith("%trex approve") && row?.status !== "approved";
    const request = isOver && row?.status !== "proposed" ? undefined : latest; // what it said is no longer so
    setAttribute(answer, "data-state", request?.state ?? null);
    setText(answer, request ? `${request.code} — ${request.text}` : "");
  }

  return {
    element,
    /** @param {Row | undefined} fresh */
    show(fresh) {
      const isOther = row?.id !== fresh?.id;
      row = fresh;
      const key = JSON.stringify(row ?? null);
      if (key !== drawn) drawFacts(row, title, facts, element);
      drawn = key;
      drawActions(isOther);
      drawAnswer();
    },
    /** Moves to the first thing that can be done; whether there was one. */
    focus() {
      const first = actions.find((a) => !a.form.hidden);
      first?.button.focus();
      return Boolean(first);
    },
  };
}

/** @param {Row | undefined} row @param {Element} title @param {Element} facts @param {Element} region */
function drawFacts(row, title, facts, region) {
  setText(title, row ? `${row.id} ${row.glyph} ${row.status}  ${row.title}` : "");
  setAttribute(region, "aria-label", row ? `Details of ${row.id}` : "Details");
  /** @type {[string, string | string[] | undefined][]} */
  const said = row
    ? [["score", row.score], ["gain", row.gain], ["failure", row.failure], ["findings", row.findings], ["why", row.hypothesis], ["changes", row.changes],
       ["expected", row.expected], ["cost", row.cost], ["decided", row.decided], ["notes", row.notes]]
    : [];
  const shown = said.filter(([, value]) => value?.length);
  facts.replaceChildren(...shown.flatMap(([name, value]) => [el("dt", {}, name), ...[value ?? ""].flat().map((v) => el("dd", {}, v))]));
}

// The tree explorer: header, outline, detail panel. The kernel's view model is the only state about the study; the browser
// adds what is selected, what is folded, and which commands are on their way.
import { studyCommand } from "./commands.js";
import { createDetail } from "./detail.js";
import { el, focused, setAttribute, setText } from "./dom.js";
import { createOutline } from "./outline.js";
import { createRequests } from "./requests.js";

/** @typedef {import("./types.js").Model} Model */
/** @typedef {import("./types.js").View} View */

/** @type {["run" | "pause" | "resume" | "stop", string][]} */
const STUDY_ACTIONS = [["run", "Run"], ["pause", "Pause"], ["resume", "Resume"], ["stop", "Stop all"]];

/** @param {ReturnType<typeof createRequests>} requests @param {boolean} readOnly */
function createHeader(requests, readOnly) {
  const name = el("strong");
  const state = el("span", { class: "trex-state", role: "status", "aria-live": "polite" });
  const budget = el("span", { class: "trex-budget" });
  const goal = el("div", { class: "trex-goal" });
  const answer = el("span", { class: "trex-answer", role: "status" });
  const buttons = STUDY_ACTIONS.map(([action, label]) => {
    const { command, code } = studyCommand(action);
    const button = el("button", { type: "button", title: code }, label);
    button.addEventListener("click", () => requests.isWaiting("") || requests.send("", command, code));
    return { action, button };
  });
  const top = el("div", { class: "trex-top" }, name, state, budget, answer, ...(readOnly ? ["read-only copy"] : buttons.map((b) => b.button)));
  return {
    element: el("div", { class: "trex-header" }, top, goal),
    /** @param {View} view @param {() => void} leave */
    show(view, leave) {
      setText(name, view.study ?? "");
      setText(state, view.state ?? "");
      setText(budget, view.budget ?? "");
      setText(goal, view.goal ?? "");
      for (const { action, button } of buttons) {
        const isOff = !view.can?.includes(action);
        if (isOff && focused(button) === button) leave();
        setAttribute(button, "hidden", isOff);
      }
      const request = requests.latest("");
      setAttribute(answer, "data-state", request?.state ?? null);
      setText(answer, request ? `${request.code} — ${request.text}` : "");
    },
  };
}

/** @param {{ model: Model, el: HTMLElement }} context */
function render({ model, el: host }) {
  const readOnly = Boolean(model.get("read_only"));
  const requests = createRequests(model, () => draw());
  const header = createHeader(requests, readOnly);
  const error = el("div", { class: "trex-error", role: "alert" });
  const outline = createOutline({
    select: () => detail.show(outline.current()),
    enter: () => detail.focus() || outline.focus(),
    badge: (id) => (requests.isWaiting(id) ? "sent …" : ""),
  });
  const detail = createDetail({ requests, leave: outline.focus, readOnly });
  // JupyterLab would take arrow keys and letters for commands on cells; other hosts listen further up
  const root = el("div", { class: "trex-explorer", "data-lm-suppress-shortcuts": "true" }, header.element, error,
    el("div", { class: "trex-body" }, outline.element, detail.element));
  root.addEventListener("focusin", outline.hold); // whoever acts here means what is selected now
  root.addEventListener("pointerdown", outline.hold);
  root.addEventListener("keydown", (event) => event.stopPropagation());

  function draw() {
    /** @type {View} */
    const view = model.get("view") ?? {};
    outline.update(view.rows ?? []);
    header.show(view, outline.focus);
    detail.show(outline.current());
    setText(error, model.get("error") ?? "");
  }

  model.on("change:view", draw);
  model.on("change:error", draw);
  host.append(root);
  draw();
  return () => {
    model.off("change:view", draw);
    model.off("change:error", draw);
    requests.close();
    root.remove();
  };
}

export default { render };

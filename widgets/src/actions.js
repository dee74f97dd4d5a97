// A row of actions on some targets, the form of the one that is chosen, and the answer to the last: the same for a node, a
// run, all marked nodes and the study. Buttons and fields stay where they are when the study changes, so that an update never
// takes the focus or what was typed.
import { commandOf, restore } from "./deeds.js";
import { button, createCode, el, group, hasFocus, onEscape, setAttribute, setText } from "./dom.js";

/** @typedef {import("./types.js").Form} Form */
/** @typedef {import("./types.js").Values} Values */
/** @typedef {import("./requests.js").Request} Request */

/**
 * @param {object} on
 * @param {string} on.label what is acted on, for a screen reader
 * @param {Form[]} on.forms
 * @param {import("./store.js").Store} on.store
 * @param {string} [on.key] what requests are filed under; the targets when left out
 * @param {() => void} on.leave where the focus goes when there is nothing left to do here
 * @param {Record<string, (target: string) => void>} [on.open] actions with a form of their own
 */
export function createActions(on) {
  const { store, leave } = on;
  const { requests } = store;
  const bar = group(on.label, {});
  const form = /** @type {HTMLFormElement} */ (el("form.form", { hidden: true }));
  const answer = createAnswer(store, key, () => focusFirst() || leave());
  /** @type {Map<string, Values>} what was typed, by target and action */
  const drafts = new Map();
  /** @type {string[]} */
  let targets = [];
  /** @type {Form | undefined} the action whose form is open */
  let chosen;
  /** @type {Request | undefined} another view of the same model shows our requests too, and must not take the focus */
  let ours;
  /** @type {Request | undefined} what the open form sent */
  let sent;
  /** @type {HTMLElement | undefined} */
  let last;

  const buttons = on.forms.map((action) => {
    const pressed = button(action.label, () => press(action), { "data-action": action.name, title: action.about, "aria-expanded": action.fields && "false" });
    return { action, pressed };
  });
  bar.append(...buttons.map((b) => b.pressed));

  function key() {
    return on.key ?? targets.join(" ");
  }

  const draft = (/** @type {Form} */ action) => `${targets}/${action.name}`;

  /** @param {Form} action */
  function press(action) {
    if (requests.isWaiting(key()) || store.isGone) return;
    last = buttons.find((b) => b.action === action)?.pressed;
    const own = on.open?.[action.name];
    if (own) {
      close();
      own(targets[0]);
    } else if (!action.fields) send(action, {});
    else if (chosen === action) close();
    else open(action);
  }

  /** @param {Form} action @param {Values} values */
  function send(action, values) {
    requests.send(key(), commandOf(action, targets, values));
    sent = ours = requests.latest(key());
  }

  /** The form goes when its command was taken; what was refused stays, to be mended. */
  function follow() {
    if (!sent || requests.isWaiting(sent.key)) return;
    if (chosen && sent.state !== "failed") {
      drafts.delete(draft(chosen));
      close();
    }
    sent = undefined;
  }

  /** @param {Form} action */
  function open(action) {
    chosen = action;
    const values = drafts.get(draft(action)) ?? {};
    const inputs = (action.fields ?? []).map((field) => {
      const input = control(field, values[field.name] ?? field.value ?? "");
      return { field, input, label: el("label", {}, el("span", {}, field.label), input) };
    });
    const read = () => Object.fromEntries(inputs.map(({ field, input }) => [field.name, input.value.trim()]));
    form.oninput = () => drafts.set(draft(action), read());
    form.onsubmit = (event) => {
      event.preventDefault();
      const missing = inputs.find(({ field, input }) => field.wanted && !input.value.trim());
      if (missing) missing.input.focus();
      else if (!requests.isWaiting(key())) send(action, read());
    };
    form.replaceChildren(...inputs.map((i) => i.label), el("button.do", {}, action.label), button("Cancel", close));
    drawForm();
    const [{ input }] = inputs;
    input.focus();
    if (input instanceof HTMLInputElement) input.setSelectionRange(0, 99);
  }

  function close() {
    const was = buttons.find((b) => b.action === chosen)?.pressed;
    const had = hasFocus(form);
    chosen = undefined;
    drawForm();
    if (!had) return;
    if (was && !was.hidden) was.focus();
    else leave();
  }

  function drawForm() {
    form.hidden = !chosen;
    for (const { action, pressed } of buttons) if (action.fields) setAttribute(pressed, "aria-expanded", `${action === chosen}`);
  }

  onEscape(form, close);

  function focusFirst() {
    const first = last && !last.hidden ? last : buttons.find((b) => !b.pressed.hidden)?.pressed;
    first?.focus();
    return Boolean(first);
  }

  return {
    element: el("div.actions", {}, bar, form, answer.element),
    /** @param {string[]} fresh @param {string[]} can */
    show(fresh, can) {
      follow();
      if (`${fresh}` !== `${targets}` && on.key === undefined) {
        targets = fresh;
        chosen = sent = last = undefined;
        drawForm();
      }
      targets = fresh;
      const waits = requests.isWaiting(key());
      for (const { action, pressed } of buttons) {
        const isOff = !can.includes(action.name) || store.isReadOnly;
        if (isOff && (hasFocus(pressed) || (chosen === action && hasFocus(form)))) leave(); // before it hides, or the focus falls to the notebook
        if (isOff && chosen === action) {
          chosen = undefined;
          drawForm();
        }
        pressed.hidden = isOff;
        setAttribute(pressed, "aria-disabled", (waits || store.isGone) && "true");
      }
      answer.show(ours);
    },
    /** Goes to one action, opening its form. @param {string} name @returns {boolean} whether it is there */
    goTo(name) {
      const found = buttons.find((b) => b.action.name === name && !b.pressed.hidden);
      found?.pressed.focus();
      if (found && (found.action.fields || on.open?.[name])) press(found.action);
      return Boolean(found);
    },
    /** Goes to the first thing that can be done; whether there was one. */
    focus: focusFirst,
  };
}

/** @param {import("./types.js").Field} field @param {string} value */
export function control(field, value) {
  if (field.kind === "choice") return /** @type {HTMLSelectElement} */ (el("select", {}, ...(field.choices ?? []).map((c) => el("option", { selected: c === value }, c))));
  const [kind, more] = field.kind === "number" ? ["input", { inputmode: "decimal", size: "6" }] : ["input.wide", {}];
  return /** @type {HTMLInputElement} */ (el(kind, { autocomplete: "off", spellcheck: "false", placeholder: field.hint, value, ...more }));
}

/**
 * What the last command about something came to, the same as a magic, and what can be said to it: yes, no, undo.
 * @param {import("./store.js").Store} store
 * @param {() => string} key
 * @param {() => void} leave
 */
function createAnswer({ requests }, key, leave) {
  const { code, mark, show } = createCode("Copy");
  const text = el("span.said", {});
  const yes = button("Yes", () => requests.confirm(key(), true), {}, "button.do");
  const no = button("No", () => requests.confirm(key(), false));
  const undo = button("Undo", () => shown && requests.send(key(), restore(/** @type {string[]} */ (shown.command.nodes))));
  const element = el("div.answer", { hidden: true }, el("div", { role: "status" }, code, " ", text), yes, no, undo, mark);
  /** @type {Request | undefined} */
  let shown;

  onEscape(element, () => (shown?.state === "asks" ? requests.confirm(key(), false) : leave()));

  return {
    element,
    /** @param {Request | undefined} ours what was given here: only its question takes the focus */
    show(ours) {
      const request = requests.latest(key());
      const asks = request?.state === "asks";
      const isAsked = asks && yes.hidden;
      const isUndoable = request?.state === "ok" && request.command.do === "prune";
      if (hasFocus(element) && !(hasFocus(undo) ? isUndoable : hasFocus(mark) ? request?.code : asks)) leave();
      shown = request;
      element.hidden = !request;
      setAttribute(element, "data-state", request?.state);
      show(request?.code ?? "");
      setText(text, request && request.text + (asks ? " Go on?" : ""));
      yes.hidden = no.hidden = !asks;
      undo.hidden = !isUndoable;
      if (isAsked && request === ours) (request?.command.do === "finalize" ? no : yes).focus();
    },
  };
}

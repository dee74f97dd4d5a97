// From a form (trex_nb/widget/forms.py) and what was typed into it to the command that is sent.

/** @typedef {import("./types.js").Form} Form */
/** @typedef {import("./types.js").Command} Command */
/** @typedef {import("./types.js").Values} Values */

/**
 * Empty fields are left out; the kernel reads numbers from what was typed.
 * @param {Form} form
 * @param {string[]} targets
 * @param {Values} [values]
 * @returns {Command}
 */
export function commandOf(form, targets, values = {}) {
  const [first] = targets;
  const target = form.target === "run" ? { run: first, node: first.split(".")[0] } : form.target ? { [form.target]: form.many ? targets : first } : {};
  return { do: form.do, ...target, ...Object.fromEntries(Object.entries(values).filter(([, v]) => v)) };
}

/** @param {string[]} nodes @returns {Command} */
export const restore = (nodes) => ({ do: "restore", nodes });

/** @param {string} node @param {Values} fields @returns {Command} */
export const edit = (node, fields) => ({ do: "edit", node, fields });

// What each action sends, and how the same is typed as a magic.

/** @typedef {import("./types.js").Command} Command */

/** @param {string} text a shell-like word in double quotes */
const quoted = (text) => `"${text.replace(/[\\"]/g, "\\$&")}"`;

/**
 * @param {string} action
 * @param {string} node
 * @param {string} text what the person typed: a reason or a direction
 * @returns {{ command: Command, code: string }}
 */
export function nodeCommand(action, node, text) {
  const code = `%trex ${action} ${node}`;
  if (action === "redirect") return { command: { do: action, node, text }, code: `${code} ${quoted(text || "…")}` };
  if (action === "prune" && text) return { command: { do: action, nodes: [node], why: text }, code: `${code} --why ${quoted(text)}` };
  return { command: { do: action, nodes: [node] }, code };
}

/** @param {string} action @returns {{ command: Command, code: string }} */
export const studyCommand = (action) => ({ command: { do: action }, code: `%trex ${action}` });

/**
 * The wire, as trex_nb/widget/view.py states it. Fields with their default are left out.
 *
 * @typedef {"approve" | "prune" | "redirect" | "stop"} Action
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string} [parent]
 * @property {number} [depth]
 * @property {string} status
 * @property {string} glyph
 * @property {string} title
 * @property {string} [hypothesis]
 * @property {string[]} [changes]
 * @property {string} [score]
 * @property {string} [gain]
 * @property {string} [cost]
 * @property {string} [expected]
 * @property {string} [decided]
 * @property {number} [progress]
 * @property {number[]} [spark]
 * @property {string} [failure]
 * @property {string[]} [findings]
 * @property {string[]} [notes]
 * @property {Action[]} [can]
 * @property {boolean} [is_best]
 * @property {boolean} [is_out]
 *
 * @typedef {object} View
 * @property {string} study
 * @property {string} goal
 * @property {number} seq
 * @property {string} state
 * @property {string} budget
 * @property {("run" | "pause" | "resume" | "stop")[]} [can]
 * @property {Row[]} [rows]
 *
 * @typedef {{ do: string, [field: string]: unknown }} Command
 *
 * @typedef {object} Model  What anywidget's front-end contract gives; nothing else of it is used.
 * @property {(name: string) => any} get
 * @property {(event: string, callback: (value: any) => void) => void} on
 * @property {(event: string, callback: (value: any) => void) => void} off
 * @property {(content: unknown) => void} send
 */
export {};

/**
 * The wire, as trex_nb/widget/view.py and details.py state it. Fields with their default are left out.
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string} [parent]
 * @property {string} status
 * @property {string} glyph
 * @property {string} title
 * @property {string} [edge] what changed against the parent, in brief
 * @property {string} [score]
 * @property {number} [value]
 * @property {number} [stderr]
 * @property {string} [gain]
 * @property {"up" | "down"} [trend]
 * @property {string} [cost] what was spent
 * @property {string} [estimate] what was expected of it
 * @property {number} [seconds]
 * @property {string} [decided]
 * @property {number} [progress]
 * @property {number[]} [spark]
 * @property {string[]} [can]
 * @property {boolean} [is_best]
 * @property {boolean} [is_out]
 *
 * @typedef {{ revision: number, rows: Row[], places?: number[] }} Drawing  All rows, or those of a patch
 *
 * @typedef {object} View
 * @property {string} study
 * @property {string} goal
 * @property {number} revision
 * @property {string} state
 * @property {string} budget
 * @property {string} policy
 * @property {string[]} policies
 * @property {string[]} [can]
 *
 * @typedef {{ paragraph?: string, bullets?: string[], columns?: string[], rows?: string[][], verbatim?: string }} Block
 * @typedef {{ title: string, folded: boolean, blocks: Block[] }} Section
 * @typedef {[step: number, loss: number | null, held_out: number | null]} Point
 * @typedef {{ id: string, state: string, can: string[], curve: Point[], notebook: string, checkpoint: string }} RunDetails
 * @typedef {{ name: string, value: string, kind: string, choices: string[], low: number | null, high: number | null, group: string }} EditField
 * @typedef {{ id: string, sections: Section[], fields: EditField[], runs: RunDetails[] }} Details
 * @typedef {{ title: string, sections: Section[] }} Comparison
 *
 * @typedef {{ do: string, [field: string]: unknown }} Command
 * @typedef {{ name: string, label: string, hint?: string, value?: string, kind?: string, choices?: string[], wanted?: boolean }} Field
 * @typedef {{ name: string, label: string, about: string, do: string, target?: string, many?: boolean, fields?: Field[] }} Form
 * @typedef {{ node: Form[], run: Form[], study: Form[], keys: [string, string][] }} Forms
 * @typedef {Record<string, string>} Values  What was typed into a form
 *
 * A row in its place in the tree. `place` is its row in the layout; its level there is its depth.
 * @typedef {{ row: Row, depth: number, kids: Place[], up: Place | undefined, place: number, index: number }} Place
 *
 * @typedef {object} Model  What anywidget's front-end contract gives; nothing else of it is used.
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} [set]
 * @property {(event: string, callback: (value: any) => void) => void} on
 * @property {(event: string, callback: (value: any) => void) => void} off
 * @property {(content: unknown) => void} send
 */
export {};

"""How long the explorer takes in the page, measured there: milliseconds by the page's own clock.

The first paint counts from the loaded module to the end of the frame that shows the tree. A frame is the time between
two animation frames while something moves in each; 16.7 is the best a 60 Hz screen gives. An update counts until the
page is changed.
"""

from __future__ import annotations

from playwright.sync_api import Page

from trex_nb.core import events as ev
from trex_nb.core.ids import node_id
from trex_nb.search.tree import Tree
from trex_nb.widget.explorer import STATIC
from trex_nb.widget.forms import forms
from trex_nb.widget.view import drawn, view

TOOLS = """() => {
  window.frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  window.frames = async (count, move) => {
    const times = [];
    let last = await new Promise(requestAnimationFrame);
    for (let i = 0; i < count; i++) {
      move(i);
      const now = await new Promise(requestAnimationFrame);
      times.push(now - last);
      last = now;
    }
    return times.sort((a, b) => a - b)[Math.floor(count / 2)];
  };
}"""
OPEN = """async ({ code, state }) => {
  const start = performance.now();
  const module = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const loaded = performance.now();
  const handlers = {};
  const on = (event, f) => (handlers[event] ??= new Set()).add(f);
  const model = { get: (name) => state[name], on, off() {}, send() {} };
  window.emit = (event, value) => handlers[event].forEach((f) => f(value));
  const widget = await module.default();
  widget.initialize({ model });
  document.body.innerHTML = '<div class="host"></div>';
  widget.render({ model, el: document.querySelector(".host") });
  await window.frame();
  return [loaded - start, performance.now() - loaded];
}"""
SCROLL = """() => { const list = document.querySelector(".t-list");
  return window.frames(120, (i) => { list.scrollTop = 400 + i * 97; }); }"""
PAN = """async () => { const canvas = document.querySelector("canvas");
  const at = canvas.getBoundingClientRect();
  const send = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type,
    { button: 0, buttons: 1, pointerId: 1, clientX: at.x + x, clientY: at.y + y, bubbles: true }));
  canvas.setPointerCapture = () => {};
  send("pointerdown", 100, 100);
  const found = await window.frames(120, (i) => send("pointermove", 100 + i, 100 + (i % 20)));
  send("pointerup", 220, 100);
  return found; }"""
UPDATE = """async (patches) => { const times = [];
  for (const patch of patches) {
    await window.frame();
    const start = performance.now();
    window.emit("msg:custom", { patch });
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]; }"""


def measured(page: Page, tree: Tree) -> dict[str, float]:
    """Milliseconds by what was done."""
    page.add_style_tag(path=STATIC / "explorer.css")
    drawing = drawn(tree)
    state = {"view": view(tree, 1).wire, "tree": drawing.wire, "error": "", "forms": forms(), "read_only": True}
    page.evaluate(TOOLS)
    loaded, painted = page.evaluate(OPEN, {"code": (STATIC / "explorer.js").read_text(), "state": state})
    found = {"module load": loaded, "first paint": painted}
    found["scroll, median frame"] = page.evaluate(SCROLL)
    found["pan, median frame"] = page.evaluate(PAN)
    patches = []
    for i in range(15):
        event = ev.NodeNoted(node=node_id(i + 1), text=f"note {i}")
        tree = tree.apply(ev.Stamped(seq=tree.seq + 1, time=1.0, actor="human", event=event))
        drawing = drawn(tree, drawing)
        patches.append(drawing.patch)
    found["one-node update"] = page.evaluate(UPDATE, patches)
    return found

"""The explorer with ten thousand experiments, beside a page that has all rows as elements and the whole map as SVG.

`python -m tests.benchmarks.explorer [experiments] [rounds]`. The rival is what a widget without windowing and culling
does (as the tree pages of AIDE and AI-Scientist-v2, which draw every node); it shows less: no states, no panel. Both
run in one browser, one after the other; medians over the rounds, in milliseconds by the page's own clock.
"""

from __future__ import annotations

import os
import shutil
import sys
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import NAMES
from tests.browser.timing import TOOLS, measured
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.widget.view import drawn

RIVAL = """async ({ rows, places }) => {
  document.body.innerHTML = '<div class="list" style="height:26em;overflow:auto"></div>'
    + '<svg width="500" height="350"><g></g></svg>';
  const list = document.querySelector(".list"), map = document.querySelector("g");
  const depth = {}, at = {};
  const svg = (tag, attributes) => { const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const k in attributes) e.setAttribute(k, attributes[k]); return e; };
  window.render = () => {
    const lines = [], boxes = [];
    rows.forEach((r, i) => {
      depth[r.id] = r.parent ? depth[r.parent] + 1 : 0;
      at[r.id] = [depth[r.id] * 150, places[i] * 40];
      const line = document.createElement("div");
      line.style.paddingLeft = depth[r.id] * 14 + "px";
      for (const text of [r.id, r.status, r.title, r.score, r.gain, r.cost]) {
        const cell = document.createElement("span"); cell.textContent = text ?? ""; line.append(cell); }
      lines.push(line);
      const [x, y] = at[r.id];
      const [fromX, fromY] = at[r.parent] ?? at[r.id];
      boxes.push(svg("path", { d: `M${fromX + 112} ${fromY + 13}L${x} ${y + 13}`, stroke: "#888" }));
      boxes.push(svg("rect", { x, y, width: 112, height: 26, fill: "#eee", stroke: "#333" }));
      const name = svg("text", { x: x + 4, y: y + 17, "font-size": 11 }); name.textContent = r.id; boxes.push(name);
    });
    list.replaceChildren(...lines); map.replaceChildren(...boxes);
    const height = Math.max(...places) * 40 + 26;
    map.setAttribute("transform", `scale(${350 / height})`);
    window.scale = 350 / height;
  };
  const start = performance.now(); window.render(); await window.frame();
  const paint = performance.now() - start;
  const scroll = await window.frames(60, (i) => { list.scrollTop = 400 + i * 97; });
  const move = (i) => map.setAttribute("transform", `translate(${i} ${i % 20}) scale(${window.scale})`);
  const pan = await window.frames(60, move);
  const times = [];
  for (let i = 0; i < 3; i++) {
    await window.frame();
    const t = performance.now();
    rows[i + 1].title = "x" + i;
    window.render();
    times.push(performance.now() - t);
  }
  const update = times.sort((a, b) => a - b)[1];
  return { "first paint": paint, "scroll, median frame": scroll, "pan, median frame": pan, "one-node update": update };
}"""


def rival(page: Page, tree: Tree) -> dict[str, float]:
    """The same of a page that draws everything."""
    page.evaluate(TOOLS)
    found: dict[str, float] = page.evaluate(RIVAL, drawn(tree).wire)
    return found


def run(browser: Browser, measure: Any, tree: Tree) -> dict[str, float]:
    """One measurement on a page of its own."""
    page = browser.new_page(viewport={"width": 1100, "height": 700})
    try:
        return dict(measure(page, tree))
    finally:
        page.close()


def main(nodes: int, rounds: int) -> None:
    """Print a line for each thing that was done."""
    tree = trees.large(nodes)
    chromium = os.environ.get("TREX_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        pairs = [(run(browser, measured, tree), run(browser, rival, tree)) for _ in range(rounds)]
        browser.close()
    print(f"{nodes:,} experiments, medians of {rounds} rounds, ms: ours, all in the page, ratio")
    for name in pairs[0][0]:
        ours, theirs = (
            median(p[i][name] for p in pairs if name in p[i]) if name in pairs[0][i] else None for i in (0, 1)
        )
        ratio = f"{theirs:8.1f}  {theirs / ours:6.1f} x" if ours and theirs else ""
        print(f"  {name:22} {ours:8.1f} {ratio}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]) if len(sys.argv) == 3 else (10_000, 5))

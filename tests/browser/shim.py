"""The explorer alone on an empty page: the shipped bundle, with a stand-in for the model that keeps what is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from trex_nb.search.space import space_for
from trex_nb.search.tree import Tree
from trex_nb.study.fields import editable
from trex_nb.widget.details import details
from trex_nb.widget.explorer import STATIC
from trex_nb.widget.forms import forms
from trex_nb.widget.view import Drawn, drawn, view

SHIM = """
async ({ code, state, body, known }) => {
  const handlers = {};
  window.sent = [];
  window.answers = {};
  if (known) window.answers.details = (q) => ({ details: q.nodes.map((n) => known[n]).filter(Boolean) });
  window.model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    on: (event, f) => (handlers[event] ??= new Set()).add(f),
    off: (event, f) => handlers[event]?.delete(f),
    send: (content) => {
      if (window.isDead) throw new Error("Cannot send");
      window.sent.push(content);
      const answer = window.answers[content.question?.ask];
      const reply = () => emit("msg:custom", { id: content.id, ok: true, text: "", answer: answer(content.question) });
      if (answer) setTimeout(reply);
    },
  };
  const emit = (event, value) => handlers[event]?.forEach((f) => f(value));
  window.emit = emit;
  window.setState = (name, value) => { state[name] = value; emit(`change:${name}`); };
  window.commands = () => window.sent.filter((m) => m.command);
  window.reply = (ok, text, more) => emit("msg:custom", { id: window.commands().at(-1).id, ok, text, ...more });
  const module = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const widget = await module.default();
  const forget = widget.initialize?.({ model: window.model });
  document.body.innerHTML = body;
  window.views = [...document.querySelectorAll(".host")].map((el) => widget.render({ model: window.model, el }));
  window.cleanup = () => { window.views.forEach((f) => f()); forget?.(); };
}
"""


class Shown:
    """A tree on a page, and what the kernel's half would send when it changes. With a `log` it answers questions about
    the nodes too."""

    def __init__(self, page: Page, tree: Tree, *, views: int = 1, log: str | None = None, **state: Any) -> None:
        self.page = page
        self.drawing: Drawn = drawn(tree)
        page.add_style_tag(path=STATIC / "explorer.css")
        code = (STATIC / "explorer.js").read_text()
        first = {
            "view": view(tree, 1).wire,
            "tree": self.drawing.wire,
            "error": "",
            "forms": forms(),
            "read_only": False,
            **state,
        }
        known = None if log is None else known_of(tree, log)
        body = '<main id="host"><h2>Explorer</h2>' + '<div class="host"></div>' * views + "</main>"
        page.evaluate(SHIM, {"code": code, "state": first, "body": body, "known": known})

    def show(self, tree: Tree) -> None:
        """As `Explorer.show` does it."""
        self.drawing = drawn(tree, self.drawing)
        if self.drawing.changed:
            self.page.evaluate("p => window.emit('msg:custom', { patch: p })", self.drawing.patch)
        self.page.evaluate("v => window.setState('view', v)", view(tree, self.drawing.revision).wire)

    def reply(self, *, ok: bool, text: str, **more: Any) -> None:
        """Answer the last command."""
        self.page.evaluate("([ok, text, more]) => window.reply(ok, text, more)", [ok, text, more])

    @property
    def commands(self) -> list[Any]:
        """The commands that were sent."""
        found: list[Any] = self.page.evaluate("window.commands().map((m) => m.command)")
        return found


def known_of(tree: Tree, log: str) -> dict[str, Any]:
    """The details of every node."""
    space = space_for(tree.data, tree.base)
    return {n: details(tree, n, editable(tree.nodes[n].plan, space), log, Path(".trex", tree.name)) for n in tree.nodes}


def row(page: Page, node: str) -> Locator:
    """A row of the outline."""
    return page.locator(f".t-rows [data-node='{node}']")

"""axe-core on a part of a page: what breaks WCAG 2.x A or AA, or good practice, in words."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

_RUN = """async ([root, tags]) => {
  const found = await axe.run(root, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  return [found.violations, found.passes.length];
}"""


def violations(page: Page, root: str) -> list[str]:
    """What axe-core has against the elements under the selector `root`: rule, target, markup and why, a line each."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found, passed = page.evaluate(_RUN, [root, TAGS])
    assert passed, f"axe found nothing to look at in {root}"
    return [_said(rule, node) for rule in found for node in rule["nodes"]]


def _said(rule: dict[str, Any], node: dict[str, Any]) -> str:
    why = " ".join(str(node["failureSummary"]).split())
    return f"{rule['id']} at {' '.join(map(str, node['target']))}: {node['html'][:300]} — {why}"

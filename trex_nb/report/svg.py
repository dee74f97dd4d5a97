"""The picture of the tree: boxes and lines on a white card, readable on a light and on a dark page.

Presentation attributes only, no ids, no fonts, no links, so it can stand anywhere an image can. Coordinates come from
`search.layout`. At most `MAX_BOXES` nodes are drawn; the table beside the picture has more.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape

from trex_nb.core.ids import ROOT
from trex_nb.core.node import Node, Nodes, Status
from trex_nb.report import words
from trex_nb.search.layout import Place, layout
from trex_nb.search.tree import Tree

MAX_BOXES = 150
_BOX = (230, 46)
_STEP = (262, 58)
_EDGE = 14

_STROKES = {
    Status.PROPOSED: "#6b7280",
    Status.APPROVED: "#1d4ed8",
    Status.RUNNING: "#1d4ed8",
    Status.SUCCEEDED: "#15803d",
    Status.FAILED: "#b91c1c",
    Status.PRUNED: "#9ca3af",
    Status.REDIRECTED: "#9ca3af",
}


def tree_svg(tree: Tree) -> str:
    """A complete SVG document."""
    nodes = _drawn(tree)
    places = layout(nodes)
    width = 2 * _EDGE + max(p.x for p in places.values()) * _STEP[0] + _BOX[0]
    height = 2 * _EDGE + max(p.y for p in places.values()) * _STEP[1] + _BOX[1]
    edges = "".join(_edge(places[n.parent], places[n.id]) for n in nodes.values() if n.parent is not None)
    best = words.best_id(tree)
    boxes = "".join(_box(tree, n, places[n.id], is_best=n.id == best) for n in nodes.values())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="12">'
        f"<title>{escape(words.one_line(tree.name))}</title><desc>{escape(tree_alt(tree))}</desc>"
        f'<rect width="100%" height="100%" rx="10" fill="#ffffff"/>{edges}{boxes}</svg>'
    )


def tree_alt(tree: Tree) -> str:
    """The picture in words, at most 1,000 characters."""
    best = tree.best
    best_said = f", best {best.id} with {words.score_words(best)}" if best else ""
    rows = [
        f"{n.id}{f' under {n.parent}' if n.parent else ''} {n.status.value} {words.score_words(n)}".rstrip()
        for n in _drawn(tree).values()
    ]
    return words.one_line(f"Tree of {len(tree.nodes)} experiments{best_said}: " + "; ".join(rows), 1000)


def _drawn(tree: Tree) -> Nodes:
    kept = {n.id: n for n in tree.subtree(ROOT)[:MAX_BOXES]}
    return {i: replace(n, children=tuple(c for c in n.children if c in kept)) for i, n in kept.items()}


def _corner(place: Place) -> tuple[float, float]:
    return _EDGE + place.x * _STEP[0], _EDGE + place.y * _STEP[1]


def _edge(parent: Place, child: Place) -> str:
    (x1, y1), (x2, y2) = _corner(parent), _corner(child)
    x1, y1, y2 = x1 + _BOX[0], y1 + _BOX[1] / 2, y2 + _BOX[1] / 2
    middle = (x1 + x2) / 2
    path = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return f'<path d="{path}" fill="none" stroke="#9ca3af"/>'


def _box(tree: Tree, n: Node, place: Place, *, is_best: bool) -> str:
    x, y = _corner(place)
    head = f"{n.id}  {'★ best  ' if is_best else ''}{' '.join(words.sign(n))}"
    dash = ' stroke-dasharray="4 3"' if tree.is_pruned(n.id) or n.status is Status.PROPOSED else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{_BOX[0]}" height="{_BOX[1]}" rx="6" fill="#f9fafb" '
        f'stroke="{_STROKES[n.status]}" stroke-width="{3 if is_best else 1.5}"{dash}/>'
        f'<text x="{x + 9:.1f}" y="{y + 19:.1f}" fill="#111827" font-weight="bold">{escape(head)}</text>'
        f'<text x="{x + 9:.1f}" y="{y + 36:.1f}" fill="#374151">{escape(_second_line(n))}</text>'
    )


def _second_line(n: Node) -> str:
    if n.score is None:
        return words.one_line(n.plan.title, 34)
    return f"{n.score.value:.3f}  {words.one_line(n.plan.title, 26)}"

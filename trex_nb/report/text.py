"""The report as plain text, for `text/plain` outputs and the shell."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from trex_nb.core.ids import ROOT, NodeId
from trex_nb.report import sections, words
from trex_nb.report.blocks import Block, Bullets, Heading, Paragraph, Picture, Table, Verbatim
from trex_nb.report.final import Sealed
from trex_nb.report.insights import insights_section
from trex_nb.search.tree import Tree


def status_text(tree: Tree, sealed: Sealed = (), machine: str = "") -> str:
    """Where the study stands; with what the test split said, if it was scored."""
    return render_text(sections.status_section(tree, sealed, machine))


def node_text(tree: Tree, node: NodeId) -> str:
    """Everything about one node. Raises `KeyError` for an unknown one."""
    return render_text(sections.node_section(tree, node))


def compare_text(tree: Tree, a: NodeId, b: NodeId) -> str:
    """Two nodes side by side. Raises `KeyError` for an unknown one."""
    return render_text(sections.compare_section(tree, a, b))


def insights_text(tree: Tree) -> str:
    """What the study has learnt."""
    return render_text(insights_section(tree))


def tree_text(tree: Tree) -> str:
    """The tree indented with box characters, one node per line."""
    best = words.best_id(tree)
    shown = {n.id for n in sections.tree_rows(tree)}
    rows, stack = [], [(ROOT, "", "")]
    while stack:
        at, branch, below = stack.pop()
        rows.append(_tree_line(tree, at, branch, is_best=at == best))
        children = [c for c in tree.nodes[at].children if c in shown]
        last = children[-1:]
        stack += [
            (c, below + "└─ ", below + "   ") if [c] == last else (c, below + "├─ ", below + "│  ")
            for c in reversed(children)
        ]
    return "\n".join([*_aligned(rows), *map(_draw, sections.left_out(tree))])


def _tree_line(tree: Tree, node: NodeId, branch: str, *, is_best: bool) -> tuple[str, ...]:
    n = tree.nodes[node]
    head = f"{branch}{n.id}  {words.node_words(tree, n)}  {words.one_line(n.plan.title, 48)}"
    gain, cost = words.gain_words(tree, n), words.cost_words(n)
    return head, words.score_words(n), gain, cost, words.decided_words(n) + "  ★ best" * is_best


def render_text(blocks: Iterable[Block]) -> str:
    """Blocks as text, an empty line before each heading but the first."""
    return "\n".join(_draw(b) for b in blocks).strip("\n")


def _draw(block: Block) -> str:
    match block:
        case Heading(text, _):
            return f"\n{text}"
        case Paragraph(text):
            return text
        case Bullets(items):
            return "\n".join(f"  • {item}" for item in items)
        case Picture(_, alt):
            return alt
        case Verbatim(text):
            return "\n".join(f"  │ {line}" for line in text.splitlines())
        case Table(columns, rows):
            head = [columns] if any(columns) else []
            return "\n".join(f"  {line}" for line in _aligned([*head, *rows]))


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    padded = ([cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)] for row in rows)
    return ["  ".join(c for c, w in zip(row, widths, strict=True) if w).rstrip() for row in padded]


def _width(text: str) -> int:
    """Columns a terminal gives `text`: wide (East Asian) characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(bool(unicodedata.combining(c)) for c in text)

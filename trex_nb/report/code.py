"""Code that a model wrote, as a person sees it before it runs: a diff against the nearest code above it in the tree, so
that only what is new must be read, or the whole.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from trex_nb.core.ids import NodeId, node_of
from trex_nb.core.node import Node, Run
from trex_nb.core.plan import Code
from trex_nb.report import words
from trex_nb.report.blocks import Block, Heading, Paragraph, Verbatim
from trex_nb.search.tree import Tree

MOST = 20_000
NOTICE = "Written by a language model, not by a person: read it before you approve it."
_PARTS = (("rows", "rewrite(rows)"), ("train", "train(base, rows, config, fit)"))


def code_blocks(tree: Tree, n: Node) -> tuple[Block, ...]:
    """The code of a node's plan against the nearest code above it, and what was mended since; empty where none was
    written."""
    if n.plan.code is None:
        return ()
    above, before = _above(tree, n)
    against = f"It is shown against that of {above}." if above else "No plan above it has any."
    brief = Paragraph(f"Its brief: {words.cut(n.plan.code.brief, 2000)}")
    plan = (Heading("Code written by a model"), Paragraph(f"{NOTICE} {against}"), brief)
    mended = tuple(block for r in n.runs for block in _mended(n, r))
    return (*plan, *_verbatim(diff(before, n.plan.code)), *mended)


def _mended(n: Node, r: Run) -> Iterator[Block]:
    """What each mending changed in the code of a run, why, and whether it waits for the person."""
    before = n.plan.code
    written = [(a.number, a.code, a.code_why) for a in r.attempts if a.code]
    if r.code and r.code_attempt == r.attempt:
        written.append((r.code_attempt, r.code, r.code_why))
    for number, code, why in written:
        yield Paragraph(f"Mended by a model for attempt {number} of {r.id}: {words.one_line(why, 1000)}")
        yield from _verbatim(diff(before, code))
        before = code
    if r.waits_for_code:
        yield Paragraph(f"{r.id} waits for you: %trex approve {n.id} --code {r.attempt} lets the mended code run.")


def diff(before: Code | None, after: Code) -> str:
    """A unified diff, part by part; empty where nothing is different."""
    lines = [line for name, what in _PARTS for line in _diff(before, after, name, what)]
    return "\n".join(lines)


def whole(n: Node) -> str:
    """All the code of a node, as it would run next: the plan's, and what was mended of it."""
    if n.plan.code is None:
        return f"{n.id} runs no code that a model wrote."
    codes = dict.fromkeys([n.plan.code, *(r.code for r in n.runs if r.code)])
    return "\n\n".join(_whole(n, code) for code in codes)


def code_words(tree: Tree) -> str:
    """What waits for the person, and how code is dealt with where that is not as usual; empty where there is none."""
    nodes = tree.nodes.values()
    if tree.code_policy == "ask" and not any(n.plan.code for n in nodes):
        return ""
    waits = [f"{r.id} waits for you: mended code (%trex show {node_of(r.id)})" for r in waiting_runs(tree)]
    return "; ".join([tree.code_policy, *waits[:4]])


def waiting_runs(tree: Tree) -> list[Run]:
    """Runs whose next attempt waits for the person to approve what was mended."""
    found = (r for n in tree.index.busy for r in tree.nodes[n].runs if r.waits_for_code)
    return [r for r in found if not tree.is_pruned(node_of(r.id))]


def _whole(n: Node, code: Code) -> str:
    runs = ", ".join(r.id for r in n.runs if r.code == code)
    head = f"# {n.id}{f', as mended for {runs}' if runs else ''}. {NOTICE}\n# Brief: {words.one_line(code.brief, 500)}"
    parts = [f"# {what}\n{words.clean(getattr(code, name))}" for name, what in _PARTS if getattr(code, name)]
    return "\n\n".join([head, *parts])


def _above(tree: Tree, n: Node) -> tuple[NodeId | None, Code | None]:
    path: Sequence[Node] = tree.path(n.id)[:-1]
    found = next((a for a in reversed(path) if a.plan.code), None)
    return (None, None) if found is None else (found.id, latest(found))


def latest(n: Node) -> Code | None:
    """The code of a node as it ran last: mended, where it was."""
    run = n.best_run
    return (run.code if run else None) or n.plan.code


def _diff(before: Code | None, after: Code, name: str, what: str) -> list[str]:
    old, new = (words.clean(getattr(code, name, "")).splitlines() for code in (before, after))
    return list(difflib.unified_diff(old, new, what, what, lineterm=""))


def _verbatim(text: str) -> tuple[Block, ...]:
    return (Verbatim(words.cut(text, MOST)),) if text else (Paragraph("The same, word for word."),)

"""What a study has learnt: its live insights with what they rest on, then those that no longer hold."""

from __future__ import annotations

from trex_nb.core.ids import NodeId
from trex_nb.core.result import Insight
from trex_nb.report import words
from trex_nb.report.blocks import Block, Heading, Paragraph, Table
from trex_nb.search.tree import Tree

_MOST = 100


def live_insights(tree: Tree) -> tuple[Block, ...]:
    """What holds now, the study's own first."""
    if not tree.insights:
        return (Paragraph(_NONE),)
    ordered = sorted(tree.insights, key=lambda i: i.origin is not None)
    rows = tuple((words.cut(i.text, 1000), source(i)) for i in ordered[:_MOST])
    return Table(("insight", "from"), rows), *_more(len(ordered))


def insights_naming(tree: Tree, node: NodeId) -> tuple[Block, ...]:
    """Insights of this study that rest on `node`."""
    named = [i for i in tree.insights if i.origin is None and node in i.evidence]
    rows = tuple((words.cut(i.text, 1000), source(i)) for i in named[:_MOST])
    return (Table(("insight", "from"), rows), *_more(len(named))) if rows else ()


_NONE = (
    "No insights yet. They come from pairs of runs that differ in one to three fields: two such pairs that agree, or "
    "one whose scores are far apart."
)


def past_insights(tree: Tree) -> tuple[Block, ...]:
    """What no longer holds, and what took its place; the newest first."""
    rows = tuple((words.cut(s.insight.text, 1000), words.cut(s.by, 1000)) for s in reversed(tree.superseded[-_MOST:]))
    return (Table(("no longer held", "superseded by"), rows), *_more(len(tree.superseded))) if rows else ()


def _more(count: int) -> tuple[Block, ...]:
    return (Paragraph(f"{count - _MOST:,} more are not shown here."),) if count > _MOST else ()


def past_title(tree: Tree) -> str:
    """How many no longer hold."""
    many = len(tree.superseded)
    return f"{many} earlier insight{'s' * (many != 1)} no longer hold{'s' * (many == 1)}"


def insights_section(tree: Tree) -> tuple[Block, ...]:
    """Both, one under the other."""
    past = past_insights(tree)
    return (*live_insights(tree), *((Heading(past_title(tree)), *past) if past else ()))


def source(insight: Insight) -> str:
    """What an insight rests on: nodes of this study, or another study."""
    nodes = ", ".join(insight.evidence[:12]) + (" …" if len(insight.evidence) > 12 else "")
    if insight.origin is None:
        return nodes
    o = insight.origin
    return words.one_line(f"study {o.study} ({o.task}, {o.base_model}): {nodes}", 200)


def insight_words(tree: Tree) -> str:
    """How many insights there are, and the newest, on one line; empty without any."""
    if not tree.insights:
        return ""
    carried = sum(i.origin is not None for i in tree.insights)
    beside = f" ({carried} carried over)" if carried else ""
    return f"{len(tree.insights)}{beside}; newest: {words.one_line(tree.insights[-1].text, 120)}"

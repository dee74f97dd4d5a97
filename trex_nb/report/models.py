"""What language models did in a study: who was asked, for what, at what cost; and what was found outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from trex_nb.core.events import ChatCalled, ProposalMade
from trex_nb.core.plan import Source
from trex_nb.report import words
from trex_nb.report.blocks import Block, Bullets, Heading, Table
from trex_nb.report.why import source_words
from trex_nb.search.tree import Tree

_MOST = 60
_COLUMNS = ("model", "asked by", "for", "calls", "failed", "tokens read", "written", "cost")


def models_section(tree: Tree) -> tuple[Block, ...]:
    """A table of calls by model and purpose; empty while none was asked."""
    by: dict[tuple[str, str, str], list[ChatCalled]] = defaultdict(list)
    for call in tree.chats.calls:
        by[call.model, call.asker, call.purpose].append(call)
    if not by:
        return ()
    rows = tuple((*key, *_sums(calls, tree.budget.currency)) for key, calls in sorted(by.items()))
    return Heading("Language models", 2), Table(_COLUMNS, rows)


def _sums(calls: Sequence[ChatCalled], currency: str) -> tuple[str, ...]:
    priced = [c.money for c in calls if c.money is not None]
    cost = f"{words.figures(sum(priced))} {currency}".rstrip() if priced else "not known"
    if priced and any(c.money is None and not c.failure for c in calls):
        cost += ", in part not known"
    return (
        f"{sum(c.calls for c in calls):,}", f"{sum(bool(c.failure) for c in calls):,}",
        f"{sum(c.usage.prompt for c in calls):,}", f"{sum(c.usage.completion for c in calls):,}", cost,
    )  # fmt: skip


def sources_section(tree: Tree) -> tuple[Block, ...]:
    """What was found outside, with licences, each once; empty where nothing was."""
    found: dict[tuple[str, str], Source] = {}
    for answer in tree.answers.values():
        for source in answer.sources if isinstance(answer, ProposalMade) else ():
            found.setdefault((source.kind, source.name), source)
    if not found:
        return ()
    told = tuple(source_words(s) for s in list(found.values())[:_MOST])
    more = (f"and {len(found) - _MOST} more",) if len(found) > _MOST else ()
    return Heading("Found outside", 2), Bullets((*told, *more))

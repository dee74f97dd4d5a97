"""Papers as the literature tools tell them: what a model reads of each, and the source that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from trex_nb.agents.tools.base import Found, line, web_address
from trex_nb.core.base import Frozen
from trex_nb.core.plan import Source


class Question(Frozen):
    """What a literature tool is asked."""

    query: str = Field(min_length=2, max_length=300, description="a few words, as in a search box")
    limit: int = Field(5, ge=1, le=10, description="how many papers")


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as a service describes it; every text is the service's own."""

    title: str
    abstract: str
    year: str = ""
    authors: tuple[str, ...] = ()
    url: str = ""
    licence: str | None = None
    cited: int | None = None


def found(papers: Sequence[Paper], query: str, now: float) -> Found:
    """The papers as text and sources; those without a title are passed over."""
    named = [p for p in papers if line(p.title)]
    if not named:
        return Found("Nothing was found. Fewer or other words may find more.")
    sources = tuple(
        Source(
            kind="paper", name=line(p.title, 500), url=web_address(p.url), said=line(p.abstract, 1000),
            licence=line(p.licence) if p.licence else None, query=query, time=now,
        )
        for p in named
    )  # fmt: skip
    return Found("\n\n".join(_told(n, p) for n, p in enumerate(named, 1)), sources)


def _told(number: int, paper: Paper) -> str:
    who = ", ".join(line(a, 60) for a in paper.authors[:3]) + (" et al." if len(paper.authors) > 3 else "")
    facts = [
        who, line(paper.year, 10), "" if paper.cited is None else f"cited {paper.cited} times",
        f"licence {line(paper.licence, 80)}" if paper.licence else "", web_address(paper.url),
    ]  # fmt: skip
    return f"{number}. {line(paper.title, 300)}\n{' · '.join(f for f in facts if f)}\n{line(paper.abstract, 900)}"

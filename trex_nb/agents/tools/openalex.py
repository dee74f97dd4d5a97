"""OpenAlex: works of all publishers, with citations and licences. Needs no key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from trex_nb.agents.tools.base import Found, TypedTool, Unavailable
from trex_nb.agents.tools.papers import Paper, Question, found
from trex_nb.agents.tools.web import Reach, Web

OPENALEX = "https://api.openalex.org"
_FIELDS = "id,doi,display_name,publication_year,cited_by_count,authorships,primary_location,abstract_inverted_index"


class _Loose(BaseModel):
    """What a service says, as far as it is read: the rest is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Place(_Loose):
    landing_page_url: str | None = None
    license: str | None = None


class _Author(_Loose):
    display_name: str | None = None


class _Authorship(_Loose):
    author: _Author = _Author()


class _Work(_Loose):
    id: str | None = None
    doi: str | None = None
    display_name: str | None = None
    publication_year: int | None = None
    cited_by_count: int | None = None
    authorships: list[_Authorship] = []
    primary_location: _Place | None = None
    abstract_inverted_index: dict[str, list[int]] | None = None


class _Works(_Loose):
    results: list[_Work] = []


class SearchOpenAlex(TypedTool[Question]):
    """Works of all publishers by words in title, abstract and text."""

    name = "search_openalex"
    about = "Search published works of all fields by a few words. Gives titles, abstracts, citations and licences."
    asks = Question

    def __init__(
        self, reach: Reach | None = None, base_url: str = OPENALEX, clock: Callable[[], float] = time.time
    ) -> None:
        self._web = Web("OpenAlex", base_url, reach or Reach())
        self._clock = clock

    async def look(self, asked: Question) -> Found:
        """The most relevant works."""
        query = {"search": asked.query, "per-page": str(asked.limit), "select": _FIELDS}
        works = _read(await self._web.json("/works", **query)).results[: asked.limit]
        return found([_paper(w) for w in works], asked.query, self._clock())


def _read(said: Any) -> _Works:
    try:
        return _Works.model_validate(said)
    except (ValidationError, RecursionError) as error:
        raise Unavailable("OpenAlex", "it answered in another shape than it documents", "go on without it") from error


def _paper(work: _Work) -> Paper:
    place = work.primary_location or _Place()
    authors = tuple(a.author.display_name or "" for a in work.authorships[:10])
    url = place.landing_page_url or work.doi or work.id or ""
    words = [(i, word) for word, at in (work.abstract_inverted_index or {}).items() for i in at]
    abstract = " ".join(word for _, word in sorted(words))
    year = str(work.publication_year or "")
    return Paper(work.display_name or "", abstract, year, authors, url, place.license, work.cited_by_count)

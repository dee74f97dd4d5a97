"""arXiv over its query interface (Atom). Its terms ask for three seconds between requests."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from xml.etree import ElementTree as ET

from trex_nb.agents.tools.base import Found, TypedTool, Unavailable
from trex_nb.agents.tools.papers import Paper, Question, found
from trex_nb.agents.tools.web import Pace, Reach, Web

ARXIV = "https://export.arxiv.org/api"
_PACE = Pace(3.0)
_ATOM = "{http://www.w3.org/2005/Atom}"


class SearchArxiv(TypedTool[Question]):
    """Preprints by words in title, abstract and authors."""

    name = "search_arxiv"
    about = "Search arXiv preprints by a few words. Gives titles, abstracts, years and addresses."
    asks = Question

    def __init__(
        self,
        reach: Reach | None = None,
        base_url: str = ARXIV,
        pace: Pace = _PACE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._web = Web("arXiv", base_url, reach or Reach(), pace)
        self._clock = clock

    async def look(self, asked: Question) -> Found:
        """The most relevant preprints that have all the words."""
        words = re.findall(r"[^\W_][\w-]*", asked.query)[:12]
        query = " AND ".join(f"all:{w}" for w in words) or "all:none"
        body = await self._web.get("/query", search_query=query, max_results=str(asked.limit), sortBy="relevance")
        return found([_paper(e) for e in _entries(body)[: asked.limit]], asked.query, self._clock())


def _entries(body: bytes) -> list[ET.Element]:
    """The entries of an Atom feed. A document type is refused, and with it every entity that could expand; the text is
    decoded first, so that no encoding can hide one."""
    try:
        text = body.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise Unavailable("arXiv", "it answered with a document type, which no feed has", "go on without it")
        return ET.fromstring(text).findall(f"{_ATOM}entry")  # noqa: S314  (no document type: nothing can expand)
    except (UnicodeDecodeError, ValueError, ET.ParseError) as error:
        raise Unavailable("arXiv", "it answered something that is not Atom", "go on without it") from error


def _paper(entry: ET.Element) -> Paper:
    def text(name: str) -> str:
        return entry.findtext(_ATOM + name) or ""

    authors = tuple(a.findtext(f"{_ATOM}name") or "" for a in entry.findall(f"{_ATOM}author")[:10])
    url = text("id").replace("http://arxiv.org/", "https://arxiv.org/", 1)
    return Paper(text("title"), text("summary"), text("published")[:4], authors, url, text("rights") or None)

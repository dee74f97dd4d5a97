"""The three services of papers, over HTTP in their own shapes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.agents.tools import services
from tests.agents.tools.services import Says, Service, serving
from trex_nb.agents.tools.arxiv import SearchArxiv
from trex_nb.agents.tools.base import BadArguments, Found, TypedTool, Unavailable
from trex_nb.agents.tools.openalex import SearchOpenAlex
from trex_nb.agents.tools.scholar import SearchScholar
from trex_nb.agents.tools.web import Pace

Maker = Callable[[str], TypedTool[Any]]
MAKERS: dict[str, tuple[str, Maker]] = {
    "arxiv": ("query", lambda url: SearchArxiv(base_url=url, pace=Pace(0), clock=lambda: 5.0)),
    "openalex": ("works", lambda url: SearchOpenAlex(base_url=url, clock=lambda: 5.0)),
    "scholar": ("paper_search", lambda url: SearchScholar(base_url=url, pace=Pace(0), clock=lambda: 5.0)),
}
GOOD = {"arxiv": services.ATOM, "openalex": json.dumps(services.OPENALEX), "scholar": json.dumps(services.SCHOLAR)}


def ask(name: str, body: str | bytes, query: str = "low-rank adapters", **more: Any) -> tuple[Found, Service]:
    path, make = MAKERS[name]
    with serving(**{path: Says(body)}) as service:
        return asyncio.run(make(service.url).run(json.dumps({"query": query, **more}))), service


def test_arxiv_is_read() -> None:
    found, service = ask("arxiv", GOOD["arxiv"], limit=3)
    assert service.asked[0][1] == {"search_query": "all:low-rank AND all:adapters", "max_results": "3",
                                   "sortBy": "relevance"}  # fmt: skip
    first, second = found.sources
    assert (first.kind, first.name, first.url) == (
        "paper", "Small adapters for small models", "https://arxiv.org/abs/2401.00001v2"
    )  # fmt: skip
    assert (first.said, first.query, first.time) == (
        "We show that adapters of low rank suffice.",
        "low-rank adapters",
        5,
    )
    assert second.url == ""
    assert "A. Uthor, B. Uthor, C. Uthor et al. · 2024" in found.text


def test_openalex_is_read() -> None:
    found, _ = ask("openalex", GOOD["openalex"])
    (only,) = found.sources
    assert (only.name, only.licence, only.said) == ("Which rows matter", "cc-by", "Some rows beat rows")
    assert "cited 12 times · licence cc-by · https://example.org/rows" in found.text


def test_semantic_scholar_is_read() -> None:
    found, _ = ask("scholar", GOOD["scholar"])
    (only,) = found.sources
    assert (only.name, only.licence, only.said) == ("Label noise", "CCBY", "")


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_found_is_said(name: str) -> None:
    empty = {"arxiv": '<feed xmlns="http://www.w3.org/2005/Atom"/>', "openalex": '{"results": []}', "scholar": "{}"}
    found, _ = ask(name, empty[name])
    assert found.sources == ()
    assert "Nothing was found" in found.text


LAUGHS = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><feed xmlns="http://www.w3.org/2005/Atom"><title>&c;</title></feed>"""
READS_A_FILE = '<?xml version="1.0"?><!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><feed>&x;</feed>'


@pytest.mark.parametrize(("name", "body"), [
    ("arxiv", LAUGHS), ("arxiv", LAUGHS.encode("utf-16")), ("arxiv", READS_A_FILE), ("arxiv", GOOD["arxiv"][:300]),
    ("arxiv", b"\xff\xff"), ("arxiv", "<a>" * 100_000), ("arxiv", "{}"), ("openalex", "[]"),
    ("openalex", '{"results": {"a": 1}}'), ("openalex", '{"results": [{"cited_by_count": "many"}]}'),
    ("scholar", '{"data": 7}'), ("scholar", "[" * 100_000), ("scholar", '{"data": [' + "9" * 5_000 + "]}"),
])  # fmt: skip
def test_a_broken_answer_is_an_unavailable_service(name: str, body: str | bytes) -> None:
    with pytest.raises(Unavailable):
        ask(name, body)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("arguments", [
    "", "{}", "[]", "nonsense", '{"query": ""}', '{"query": "ab", "limit": 1000}', '{"query": "ab", "url": "http://x"}',
    '{"query": 7}',
])  # fmt: skip
def test_arguments_that_do_not_fit_are_sent_back(name: str, arguments: str) -> None:
    _, make = MAKERS[name]
    with pytest.raises(BadArguments):
        asyncio.run(make("http://127.0.0.1:9").run(arguments))


def test_a_huge_answer_leaves_little() -> None:
    works = {
        "results": [{"display_name": "t" * 50_000, "abstract_inverted_index": {"x" * 100: list(range(9_000))}}] * 9
    }
    found, _ = ask("openalex", json.dumps(works), limit=3)
    assert len(found.sources) == 3
    assert len(found.text) < 6_000


def test_what_is_asked_stays_a_question() -> None:
    _, service = ask("arxiv", GOOD["arxiv"], query='a" OR all:* &start=0 \n ../x')
    assert service.asked[0][0] == "/query"
    assert service.asked[0][1]["search_query"] == "all:a AND all:OR AND all:all AND all:start AND all:0 AND all:x"

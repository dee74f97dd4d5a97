"""What language models did, as a report tells it."""

from __future__ import annotations

from trex_nb.core import events as ev
from trex_nb.core.chat import CallRecord, ChatReply, ChatRequest, Message, Usage
from trex_nb.core.ids import NodeId
from trex_nb.core.plan import Source
from trex_nb.report.answer import report_parts
from trex_nb.report.models import models_section, sources_section
from trex_nb.report.text import render_text
from trex_nb.report.why import why_section
from trex_nb.testing import trees


def called(call: str, **more: object) -> ev.ChatCalled:
    said = {"asker": "researcher", "purpose": "plan", "model": "wise-1", "usage": Usage(prompt=1000, completion=200)}
    return ev.ChatCalled.model_validate({"call": call, "request": 1, "money": 0.5, "seconds": 2.0, **said, **more})


def made(**more: object) -> ev.ProposalMade:
    said = {"request": 1, "nodes": (NodeId("n1"),), "rationale": "Rank matters.", "context": "…"}
    return ev.ProposalMade.model_validate({**said, **more})


SOURCE = Source(kind="dataset", name="good/rows", url="https://hub/good/rows", licence="mit", query="remarks")


def test_calls_are_summed_by_model_and_purpose() -> None:
    failed = called("c3", failure="Nobody answers.", money=None, usage=Usage())
    rows = called("c4", asker="writer", purpose="rows", calls=12, request=None, node="n1")
    said = render_text(models_section(trees.tree_of([called("c1"), called("c2"), failed, rows])))
    assert "wise-1  researcher  plan  3      1       2,000        400      1.00" in said
    assert "wise-1  writer      rows  12     0" in said


def test_what_is_known_in_part_is_told_so_and_small_amounts_without_an_exponent() -> None:
    said = render_text(models_section(trees.tree_of([called("c1", money=8.375e-05), called("c2", money=None)])))
    assert "0.000084, in part not known" in said


def test_where_no_model_was_asked_nothing_is_said() -> None:
    tree = trees.tree_of_scores([(1, 0, 0.5)])
    assert models_section(tree) == sources_section(tree) == ()
    assert "Language models" not in str(report_parts(tree))


def test_sources_are_told_once_with_their_licence() -> None:
    tree = trees.tree_of([made(sources=(SOURCE,)), made(request=2, nodes=(), sources=(SOURCE,))])
    said = render_text(sources_section(tree))
    assert said.count("good/rows, https") == 1
    assert "licence: mit" in said
    assert "found by “remarks”" in said


def test_why_shows_each_turn_once_and_what_it_cost() -> None:
    turns = (Message(role="system", content="You plan."), Message(role="user", content="Plan one."))
    asked = ChatRequest(asker="researcher", purpose="plan", messages=turns, prompt="plan.md@1a2b3c4d")
    again = asked.model_copy(update={"messages": (turns[0], Message(role="user", content="Once more."))})
    reply = ChatReply(text='{"plans": []}', how="json_schema", reasoning="Hm.")
    records = [
        CallRecord(id="c1", time=0, endpoint="http://x/v1", asked=asked, reply=reply),
        CallRecord(id="c2", time=1, endpoint="http://x/v1", asked=again, failure="Half a stream."),
    ]
    calls = [called("c1"), called("c2", failure="Half a stream.", money=None)]
    tree = trees.tree_of([*calls, made(sources=(SOURCE,)), trees.proposed(1)])
    said = render_text(why_section(tree, NodeId("n1"), records))
    assert said.count("You plan.") == 1
    for words in ("Why: Rank matters.", "Call 2 of 2", "plan.md@1a2b3c4d", "shape by json_schema", "Once more.", "Hm.",
                  "0.5", "price not known", "Nothing came: Half a stream.", "good/rows"):  # fmt: skip
        assert words in said


def test_why_without_a_model_is_the_very_text_that_was_seen() -> None:
    tree = trees.tree_of([made(context="All that was seen."), trees.proposed(1)])
    assert "All that was seen." in render_text(why_section(tree, NodeId("n1"), ()))

"""Looking things up before a proposal: what is found reaches the plan as a quotation, and nothing found stops it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.agents.llm import replies
from tests.agents.test_attacks import around
from trex_nb.agents.llm.researcher import Found, LLMResearcher
from trex_nb.agents.research import ToolResearch
from trex_nb.agents.tool_loop import CallMade
from trex_nb.agents.tools.answers import Answers
from trex_nb.agents.tools.kit import Kit, standard_kit
from trex_nb.agents.tools.local import ListFiles, ReadFile, Shelf
from trex_nb.core.chat import ChatReply, ToolCall
from trex_nb.core.events import ProposalRequested
from trex_nb.errors import ChatError, ChatTrouble
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.testing.chats import Line, ScriptedChat

REQUEST = ProposalRequested(request=7, parent=trees.node(1), n=1)
READ = ChatReply(tool_calls=(ToolCall(id="a", name="read_file", arguments='{"name": "ideas.txt"}'),))


@pytest.fixture
def tree() -> Tree:
    return trees.tree_of_scores([(1, 0, 0.4)])


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    (tmp_path / "ideas.txt").write_text("Rank 24 was good elsewhere.")
    shelf = Shelf((tmp_path,))
    return Kit((ListFiles(shelf), ReadFile(shelf)), Answers(None))


def found(kit: Kit, tree: Tree, *lines: Line, **more: Any) -> tuple[Found, ScriptedChat]:
    chat = ScriptedChat(*lines)
    return asyncio.run(ToolResearch(chat, kit, **more)(tree, REQUEST, None)), chat


def test_notes_and_sources_are_quoted(kit: Kit, tree: Tree) -> None:
    shown: list[tuple[int, CallMade]] = []
    made, chat = found(
        kit, tree, READ, "ideas.txt praises rank 24.", shown=lambda n: lambda call: shown.append((n, call))
    )
    assert "| ideas.txt praises rank 24." in made.text
    assert "| file: ideas.txt (licence not stated)" in made.text
    assert [s.name for s in made.sources] == ["ideas.txt"]
    assert made.notes == ()
    assert [(n, call.tool) for n, call in shown] == [(7, "read_file")]
    first = chat.asked[0]
    assert (first.purpose, first.request, first.prompt.split("@")[0]) == ("plan", 7, "research.md")
    assert "at most\n6 tool calls" in first.messages[1].content


def test_what_was_found_is_in_the_proposal(kit: Kit, tree: Tree) -> None:
    lines: list[Line] = [READ, "It praises rank 24.", replies.DIRECTION, {"plans": [replies.plan(r=24)]}]
    chat = ScriptedChat(*lines)
    by = LLMResearcher(chat, around, research=ToolResearch(chat, kit))
    made = asyncio.run(by.propose(tree, REQUEST))
    assert [s.name for s in made.sources] == ["ideas.txt"]
    assert "| It praises rank 24." in chat.asked[2].messages[1].content


@pytest.mark.parametrize("trouble", ["rejected", "refused", "too_long", "bad_reply"])
def test_a_model_that_cannot_look_things_up_plans_without(kit: Kit, tree: Tree, trouble: ChatTrouble) -> None:
    cannot = ChatError("It cannot.", "another model", trouble=trouble)
    made, _ = found(kit, tree, cannot, cannot)
    assert (made.text, made.sources, made.notes) == ("", (), ("Nothing was looked up: It cannot.",))


@pytest.mark.parametrize("trouble", ["budget", "stopped", "unreachable", "no_key"])
def test_what_would_stop_the_plan_too_stops_here(kit: Kit, tree: Tree, trouble: ChatTrouble) -> None:
    with pytest.raises(ChatError):
        found(kit, tree, ChatError("No.", "wait", trouble=trouble))


def test_without_a_network_each_source_is_a_note(tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    call = ChatReply(tool_calls=(ToolCall(id="a", name="find_datasets", arguments='{"query": "remarks"}'),))
    made, chat = found(standard_kit(Shelf((tmp_path,))), tree, call, "Nothing could be looked up.")
    assert made.notes == ("The Hugging Face hub was not consulted: HF_HUB_OFFLINE is set. Unset it to search the hub.",)
    assert "do not claim to have consulted it" in chat.asked[1].messages[-1].content

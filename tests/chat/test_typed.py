from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel, Field

from tests.chat.asking import request
from trex_nb.chat.typed import QUOTED, ask_typed
from trex_nb.errors import ChatError
from trex_nb.testing.chats import ScriptedChat


class Plan(BaseModel):
    title: str = Field(min_length=1)
    rank: int = Field(ge=1, le=64)


GOOD = {"title": "More rank", "rank": 32}


def typed(chat: ScriptedChat, **options: Any) -> Plan:
    return asyncio.run(ask_typed(chat, request(), Plan, **options))


def test_a_good_answer_is_read() -> None:
    chat = ScriptedChat(GOOD)
    assert typed(chat) == Plan(title="More rank", rank=32)
    assert chat.asked[0].shape is not None
    assert chat.asked[0].shape.name == "Plan"


def test_json_in_a_fence_is_read() -> None:
    assert typed(ScriptedChat('Here:\n```json\n{"title": "x", "rank": 1}\n```')).rank == 1


def test_what_is_wrong_goes_back_with_the_reply_and_without_the_replies_before() -> None:
    chat = ScriptedChat({"title": "", "rank": 99}, "I would rather not.", GOOD)
    assert typed(chat).rank == 32
    assert [len(a.messages) for a in chat.asked] == [1, 3, 3]
    first, second = (a.messages for a in chat.asked[1:])
    assert first[1].role == "assistant"
    assert '"rank": 99' in first[1].content
    assert "rank: Input should be less than or equal to 64" in first[2].content
    assert "title: " in first[2].content
    assert second[1].content == "I would rather not."
    assert "no JSON object" in second[2].content


def test_a_check_names_what_is_wrong() -> None:
    chat = ScriptedChat(GOOD, {**GOOD, "rank": 16})
    plan = typed(chat, check=lambda p: "rank 32 was tried before" if p.rank == 32 else None)
    assert plan.rank == 16
    assert "rank 32 was tried before" in chat.asked[1].messages[-1].content


def test_after_two_repairs_it_is_said_what_was_wrong() -> None:
    chat = ScriptedChat({"title": "x"}, {"title": "x"}, {"title": "x"}, GOOD)
    with pytest.raises(ChatError, match=r"3 times: rank: Field required") as caught:
        typed(chat)
    assert caught.value.trouble == "bad_reply"
    assert len(chat.asked) == 3


def test_repairs_can_be_forbidden() -> None:
    with pytest.raises(ChatError, match=r"1 times"):
        typed(ScriptedChat("no", GOOD), repairs=0)


def test_a_long_wrong_reply_goes_back_cut() -> None:
    chat = ScriptedChat("no " * 10_000, GOOD)
    typed(chat)
    assert len(chat.asked[1].messages[1].content) <= QUOTED + 2


def test_what_is_wrong_is_told_in_short_and_without_the_values() -> None:
    class Wide(BaseModel):
        a1: int
        a2: int
        a3: int
        a4: int
        a5: int
        a6: int
        a7: int
        a8: int

    chat = ScriptedChat({f"a{i}": "secret" * 100 for i in range(1, 9)})
    with pytest.raises(ChatError, match=r"a6: .*; and 2 more\.") as caught:
        asyncio.run(ask_typed(chat, request(), Wide, repairs=0))
    assert "secret" not in caught.value.what


def test_an_empty_reply_is_asked_for_again_like_a_wrong_one() -> None:
    empty = ChatError("It answered with nothing.", "ask again", trouble="bad_reply")
    assert typed(ScriptedChat(empty, empty, GOOD)).rank == 32
    with pytest.raises(ChatError, match="with nothing"):
        typed(ScriptedChat(empty, empty, empty, GOOD))


def test_other_trouble_is_not_repaired() -> None:
    chat = ScriptedChat(ChatError("Down.", "wait", trouble="unreachable"), GOOD)
    with pytest.raises(ChatError) as caught:
        typed(chat)
    assert caught.value.trouble == "unreachable"
    assert len(chat.asked) == 1


def test_the_words_are_heard_on_the_way() -> None:
    heard: list[str] = []
    typed(ScriptedChat("no", GOOD), heard=heard.append)
    assert heard[0] == "no"
    assert "More rank" in heard[1]

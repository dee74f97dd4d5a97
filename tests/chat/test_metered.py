from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.chat.asking import ask, endpoint, request
from trex_nb.chat.metered import Metered
from trex_nb.chat.purse import Allowance, Purse
from trex_nb.core.chat import CallRecord, Chat, ChatReply, ChatRequest, Heard, Usage
from trex_nb.core.events import ChatCalled
from trex_nb.errors import ChatError, StoreError
from trex_nb.settings import ModelPrice
from trex_nb.testing.chats import ScriptedChat

PRICES = {"real": ModelPrice(1.0, 10.0)}


class Meter:
    """A metered chat and what it kept and told."""

    def __init__(self, chat: Chat, allowance: Allowance | None = None, prices: Any = PRICES) -> None:
        self.kept: list[CallRecord] = []
        self.told: list[ChatCalled] = []
        ticks = iter(range(100))
        self.chat = Metered(
            chat, endpoint("http://localhost/v1", max_tokens=1000), prices=prices,
            purse=Purse(lambda: allowance or Allowance()), keep=self.kept.append, told=self.told.append,
            clock=lambda: float(next(ticks)),
        )  # fmt: skip


class Talker:
    """Says a little and then nothing for ever."""

    async def complete(self, asked: ChatRequest, heard: Heard | None = None) -> ChatReply:
        assert asked.messages
        assert heard
        heard("once upon")
        await asyncio.Event().wait()
        raise AssertionError


def test_a_call_is_kept_whole_and_told_in_figures() -> None:
    reply = ChatReply(text="Hi.", usage=Usage(prompt=1000, completion=200))
    meter = Meter(ScriptedChat(reply))
    asked = request(request=3, node="n4")
    assert ask(meter.chat, asked) == reply
    (record,), (told,) = meter.kept, meter.told
    assert record.reply == reply
    assert record.asked.messages == asked.messages
    assert (record.failure, record.trouble) == ("", None)
    assert record.money == told.money == pytest.approx(0.003)
    assert (told.call, told.request, told.node, told.model) == (record.id, 3, "n4", "real")
    assert (told.usage, told.failure, told.seconds) == (reply.usage, "", 1.0)


def test_the_reply_is_bounded_by_the_endpoint_and_by_what_is_left() -> None:
    chat = ScriptedChat("a", "b", "c")
    ask(Meter(chat).chat)
    ask(Meter(chat).chat, request(max_tokens=7))
    ask(Meter(chat, Allowance(tokens=600)).chat)
    given = [a.max_tokens for a in chat.asked]
    assert given[:2] == [1000, 7]
    assert 500 < (given[2] or 0) < 600


def test_when_too_little_is_left_nobody_is_asked() -> None:
    chat = ScriptedChat("a")
    meter = Meter(chat, Allowance(tokens=100))
    with pytest.raises(ChatError, match="too little left") as caught:
        ask(meter.chat)
    assert caught.value.trouble == "budget"
    assert (chat.asked, meter.kept, meter.told) == ([], [], [])


def test_money_without_a_price_is_refused_with_what_to_do() -> None:
    chat = ScriptedChat("a")
    with pytest.raises(ChatError, match="no price of real") as caught:
        ask(Meter(chat, Allowance(money=5.0), {}).chat)
    assert caught.value.hint.startswith('[prices."')
    assert "trex.toml" in caught.value.hint
    assert chat.asked == []


def test_without_a_limit_of_money_no_price_is_needed() -> None:
    meter = Meter(ScriptedChat("a"), prices={})
    ask(meter.chat)
    assert meter.told[0].money is None


def test_parallel_calls_do_not_spend_the_same_rest() -> None:
    def wordy(asked: ChatRequest) -> ChatReply:
        return ChatReply(text="x", usage=Usage(prompt=10, completion=min(900, asked.max_tokens or 0)))

    meter = Meter(ScriptedChat(script=wordy), Allowance(tokens=2500))

    async def five() -> list[Any]:
        return await asyncio.gather(*(meter.chat.complete(request()) for _ in range(5)), return_exceptions=True)

    results = asyncio.run(five())
    refused = [r for r in results if isinstance(r, ChatError)]
    assert {r.trouble for r in refused} == {"budget"}
    assert len(refused) == 5 - len(meter.told)
    assert sum(t.usage.total for t in meter.told) <= 2500


def test_a_failure_is_kept_and_told_with_what_it_came_to() -> None:
    error = ChatError("It broke off.", "ask again", trouble="server", spent=(1000, 100))
    meter = Meter(ScriptedChat(error), Allowance(tokens=2500))
    with pytest.raises(ChatError):
        ask(meter.chat)
    (record,), (told,) = meter.kept, meter.told
    assert (record.failure, record.hint, record.trouble, record.reply) == ("It broke off.", "ask again", "server", None)
    assert told.failure == "It broke off."
    assert told.usage == Usage(prompt=1000, completion=100, is_estimated=True)
    assert told.money == pytest.approx(0.002)


def test_a_stopped_call_is_told_with_what_was_heard_of_it() -> None:
    meter = Meter(Talker())

    async def stop() -> None:
        heard = asyncio.Event()
        call = asyncio.create_task(meter.chat.complete(request("x" * 400), lambda _: heard.set()))
        await heard.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()

    asyncio.run(stop())
    (record,), (told,) = meter.kept, meter.told
    assert record.trouble == "stopped"
    assert told.usage == Usage(prompt=100, completion=3, is_estimated=True)


def test_what_a_call_came_to_is_not_there_for_the_next() -> None:
    spends = ChatReply(text="x", usage=Usage(prompt=10, completion=1900))
    meter = Meter(ScriptedChat(spends, "never"), Allowance(tokens=2000))
    ask(meter.chat)
    with pytest.raises(ChatError, match="too little"):
        ask(meter.chat)


def test_a_call_that_cannot_be_kept_is_told_all_the_same() -> None:
    def full(_: CallRecord) -> None:
        raise StoreError("Disk full.", "free it")

    told: list[ChatCalled] = []
    metered = Metered(
        ScriptedChat("a"), endpoint("http://localhost/v1"), prices={}, purse=Purse(Allowance), keep=full,
        told=told.append,
    )  # fmt: skip
    with pytest.raises(StoreError):
        ask(metered)
    assert len(told) == 1


def test_the_person_s_own_listener_hears_too() -> None:
    heard: list[str] = []
    ask(Meter(ScriptedChat("Hi.")).chat, heard=heard)
    assert heard == ["Hi."]

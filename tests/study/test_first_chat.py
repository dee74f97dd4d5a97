"""The model before there is a study."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from trex_nb.core.chat import CallRecord, ChatReply, ChatRequest, Message, Usage
from trex_nb.core.events import ChatCalled
from trex_nb.errors import ChatError
from trex_nb.settings import Endpoint, Models, Settings
from trex_nb.store.calls import CallLog
from trex_nb.study.first_chat import cost_words, first_chat

ASKED = ChatRequest(asker="researcher", purpose="task", messages=(Message(role="user", content="Hello."),))


def test_without_a_model_there_is_nobody(tmp_path: Path) -> None:
    assert first_chat(Settings(tmp_path, 1), lambda _: None) is None


def test_a_failed_call_is_on_record_without_a_key(tmp_path: Path) -> None:
    models = Models(researcher=Endpoint("http://127.0.0.1:9/v1", "m", key_env="PLANTED"))
    told: list[ChatCalled] = []
    chat = first_chat(Settings(tmp_path, 1, models=models), told.append, {"PLANTED": "sk-planted"})
    assert chat
    with pytest.raises(ChatError, match="cannot be reached") as caught:
        asyncio.run(chat.complete(ASKED))
    kept = (tmp_path / "first-calls.jsonl").read_text()
    assert "cannot be reached" in kept
    assert [c.purpose for c in told] == ["task"]
    assert "sk-planted" not in f"{kept}{caught.value!r}{told}"


def test_a_replay_answers_from_its_record(tmp_path: Path) -> None:
    record = CallRecord(id="a", time=1.0, endpoint="e", asked=ASKED, reply=ChatReply(text="Hello back."))
    CallLog(tmp_path / "calls.jsonl").append(record)
    settings = Settings(tmp_path, 1, models=Models(replay=tmp_path / "calls.jsonl"))
    chat = first_chat(settings, lambda _: None)
    assert chat
    assert asyncio.run(chat.complete(ASKED)).text == "Hello back."


def test_what_it_cost_is_said() -> None:
    def call(money: float | None) -> ChatCalled:
        usage = Usage(prompt=900, completion=100)
        return ChatCalled(call="c", asker="researcher", purpose="task", model="m", usage=usage, money=money)

    assert cost_words([], "USD") == ""
    assert cost_words([call(0.01), call(0.02)], "USD") == "m was asked 2 times: 2,000 tokens, 0.0300 USD."
    assert cost_words([call(0.01), call(None)], "USD").endswith("price not known.")

"""Every chat keeps the contract of the seam."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.chat.asking import chat_at, endpoint
from tests.chat.protocol_server import Body, Deed, say, serving
from trex_nb.chat.metered import Metered
from trex_nb.chat.purse import Allowance, Purse
from trex_nb.chat.replay import ReplayChat
from trex_nb.core.chat import CallRecord, Chat, ChatReply, ChatRequest, Usage
from trex_nb.testing.chats import HELLO, SHAPE, ChatContract, ScriptedChat

GREETING = {"greeting": "hello"}


def greet(asked: ChatRequest) -> str:
    return json.dumps(GREETING) if asked.shape else "Hello."


def served(body: Body) -> Deed:
    """Enforces shapes, as far as the probe can tell."""
    if "response_format" not in body:
        return say("Hello.")
    keys = body["response_format"]["json_schema"]["schema"]["required"]
    return say(json.dumps(dict.fromkeys(keys, "hello")))


class TestScriptedChat(ChatContract):
    @pytest.fixture
    def chat(self) -> Chat:
        return ScriptedChat(script=greet)


class TestOpenAIChat(ChatContract):
    @pytest.fixture
    def chat(self) -> Iterator[Chat]:
        with serving(served) as server:
            yield chat_at(server.url)


class TestOpenAIChatWithTheTinyModel(ChatContract):
    @pytest.fixture
    def chat(self, tiny_url: str) -> Chat:
        return chat_at(tiny_url, max_tokens=1024)


class TestReplayChat(ChatContract):
    @pytest.fixture
    def chat(self) -> Chat:
        asked = (HELLO, HELLO.model_copy(update={"shape": SHAPE}))
        replies = [ChatReply(text=greet(a), usage=Usage(prompt=3, completion=2)) for a in asked]
        made = zip(asked, replies, strict=True)
        return ReplayChat(CallRecord(id=a.hash, time=0, endpoint="", asked=a, reply=reply) for a, reply in made)


class TestMetered(ChatContract):
    @pytest.fixture
    def chat(self) -> Chat:
        purse = Purse(lambda: Allowance(tokens=100_000))
        return Metered(
            ScriptedChat(script=greet), endpoint("http://localhost/v1"), prices={}, purse=purse, keep=lambda _: None,
            told=lambda _: None,
        )  # fmt: skip

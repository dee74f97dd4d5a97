"""Short ways to ask, for the tests of chats."""

from __future__ import annotations

import asyncio
from typing import Any

from trex_nb.chat.client import OpenAIChat
from trex_nb.chat.patience import Patience
from trex_nb.chat.rungs import RungMemory
from trex_nb.core.chat import ChatRequest, Message, Shape
from trex_nb.settings import Endpoint

KEY = "sk-planted-0123456789abcdef"
QUICK = Patience(tries=3, first=0.01, most=0.02, longest=0.5)
SHAPE = Shape(
    name="verdict",
    json_schema={
        "type": "object", "properties": {"good": {"type": "boolean"}}, "required": ["good"],
        "additionalProperties": False,
    },
)  # fmt: skip


def request(text: str = "Hello?", **more: Any) -> ChatRequest:
    """A request of a person's own words."""
    return ChatRequest(asker="researcher", purpose="ask", messages=(Message(role="user", content=text),), **more)


def endpoint(url: str, **more: Any) -> Endpoint:
    """An endpoint that is given up on soon."""
    return Endpoint(**{"base_url": url, "model": "real", "key_env": "PLANTED_KEY", "timeout": 20.0, **more})


def chat_at(url: str, rungs: RungMemory | None = None, patience: Patience = QUICK, **more: Any) -> OpenAIChat:
    """A chat at a server of a test, with a planted key."""
    environ = {"PLANTED_KEY": KEY}
    return OpenAIChat(endpoint(url, **more), rungs=rungs or RungMemory(), environ=environ, patience=patience)


def ask(chat: Any, asked: ChatRequest | None = None, heard: list[str] | None = None) -> Any:
    """One reply, waited for."""
    return asyncio.run(chat.complete(asked or request(), None if heard is None else heard.append))

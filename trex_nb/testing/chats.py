"""A Chat that says what it was told to say, and the contract every Chat keeps.

A third party's chat is held to it by a subclass with one fixture: `chat`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from trex_nb.core.chat import Chat, ChatReply, ChatRequest, Heard, Message, Shape, Usage
from trex_nb.errors import ChatError

Line = str | dict[str, Any] | ChatReply | Exception
Script = Callable[[ChatRequest], Line]

NO_MORE = ChatError("The script has no more replies.", "a longer script", trouble="server")


class ScriptedChat:
    """Answers with the lines of a script in order, or with what a function makes of each request: text, a dict (told as
    JSON), a whole reply, or an exception to raise. `asked` are the requests it was given."""

    def __init__(self, *lines: Line, script: Script | None = None, tokens: int = 100) -> None:
        self._lines = list(lines)
        self._script = script
        self._tokens = tokens
        self.asked: list[ChatRequest] = []

    async def complete(self, asked: ChatRequest, heard: Heard | None = None) -> ChatReply:
        """The next line."""
        self.asked.append(asked)
        line = self._script(asked) if self._script else self._lines.pop(0) if self._lines else NO_MORE
        if isinstance(line, Exception):
            raise line
        reply = line if isinstance(line, ChatReply) else self._said(line)
        await asyncio.sleep(0)
        if heard and reply.text:
            heard(reply.text)
        return reply

    def _said(self, line: str | dict[str, Any]) -> ChatReply:
        text = line if isinstance(line, str) else json.dumps(line)
        return ChatReply(text=text, model="scripted", usage=Usage(prompt=self._tokens, completion=len(text) // 4))


HELLO = ChatRequest(asker="researcher", purpose="ask", messages=(Message(role="user", content="Say hello."),))
SHAPE = Shape(
    name="greeting",
    json_schema={
        "type": "object", "properties": {"greeting": {"type": "string", "maxLength": 20}}, "required": ["greeting"],
        "additionalProperties": False,
    },
)  # fmt: skip


class ChatContract:
    """What every Chat promises."""

    def test_a_question_gets_a_reply_with_its_usage(self, chat: Chat) -> None:
        reply = asyncio.run(chat.complete(HELLO))
        assert reply.text
        assert reply.usage.total > 0

    def test_what_is_heard_on_the_way_is_what_is_said(self, chat: Chat) -> None:
        heard: list[str] = []
        reply = asyncio.run(chat.complete(HELLO, heard.append))
        assert "".join(heard) == reply.text

    def test_a_shape_is_kept(self, chat: Chat) -> None:
        reply = asyncio.run(chat.complete(HELLO.model_copy(update={"shape": SHAPE})))
        assert isinstance(json.loads(reply.text)["greeting"], str)

    def test_cancelling_ends_the_call(self, chat: Chat) -> None:
        async def cancelled() -> bool:
            call = asyncio.create_task(chat.complete(HELLO))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            return call.cancelled()

        assert asyncio.run(cancelled())

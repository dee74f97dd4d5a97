"""The seam to language models: a request, a reply, and who answers (`Chat`). What stands behind it, an endpoint or a
record of earlier calls, is in `trex_nb.chat`; the fake and the contract are in `trex_nb.testing.chats`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from pydantic import Field

from trex_nb.core.base import Frozen, content_hash
from trex_nb.core.ids import NodeId
from trex_nb.errors import ChatTrouble
from trex_nb.settings import Asker

Purpose = Literal["task", "plan", "reflect", "ask", "code", "repair", "rows", "score"]
"""What is asked for."""


class ToolCall(Frozen):
    """A model wants a tool; `arguments` is the JSON it wrote, valid or not."""

    id: str
    name: str
    arguments: str


class Message(Frozen):
    """One turn. `tool_calls` are an assistant's, `tool_call_id` says which of them a tool's turn answers."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


class Tool(Frozen):
    """What a model may call; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: dict[str, Any]


class Shape(Frozen):
    """What the reply's text must be: JSON that satisfies `json_schema`."""

    name: str
    json_schema: dict[str, Any]


class ChatRequest(Frozen):
    """One question to a model. `request` and `node` say what it is asked for (a proposal request, a node), `prompt`
    which prompt file in which version ("plan.md@1a2b3c4d"). With a `shape` the reply is JSON; `max_tokens` bounds the
    reply, None leaves it to the endpoint's settings."""

    asker: Asker
    purpose: Purpose
    messages: tuple[Message, ...] = Field(min_length=1)
    tools: tuple[Tool, ...] = ()
    shape: Shape | None = None
    max_tokens: int | None = Field(None, ge=1)
    request: int | None = None
    node: NodeId | None = None
    prompt: str = ""

    @property
    def hash(self) -> str:
        """Identity of what is asked, whoever asks it of whom: equal hashes may be served the same reply."""
        asked = self.model_dump(mode="json", include={"asker", "purpose", "messages", "tools", "shape"})
        return content_hash(asked)


class Usage(Frozen):
    """Tokens of a call; `cached` are those of `prompt` that the server had already. `is_estimated` where the server
    said nothing (then four characters are taken for a token)."""

    prompt: int = Field(0, ge=0)
    completion: int = Field(0, ge=0)
    cached: int = Field(0, ge=0)
    is_estimated: bool = False

    @property
    def total(self) -> int:
        """All tokens."""
        return self.prompt + self.completion


class ChatReply(Frozen):
    """What a model answered: `text`, or calls of tools, or both. `model` is what the server says it is, `how` the way
    a shape was asked for ("json_schema", "tool", "json_object", "text"), `reasoning` what it thought aloud."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    model: str = ""
    usage: Usage = Usage()
    seconds: float = Field(0.0, ge=0)
    reasoning: str = ""
    how: str = ""


class CallRecord(Frozen):
    """A call as it is kept with the study, whole: `id` is any unique text, `time` when it began (epoch seconds),
    `money` what it cost where a price is known. Either `reply`, or `failure` in words with its `hint` and `trouble`."""

    id: str
    time: float
    endpoint: str
    asked: ChatRequest
    reply: ChatReply | None = None
    failure: str = ""
    hint: str = ""
    trouble: ChatTrouble | None = None
    usage: Usage = Usage()
    money: float | None = None


Heard = Callable[[str], None]
"""Is told the reply's text piece by piece while it comes in."""


class Chat(Protocol):
    """Somebody who answers."""

    async def complete(self, asked: ChatRequest, heard: Heard | None = None) -> ChatReply:
        """One reply. Cancelling ends the call at the server too. Raises `ChatError`."""
        ...

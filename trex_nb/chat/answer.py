"""What a server sends becomes an answer: streamed in pieces or at once, in all the spellings that are about.

Fields are read as they come and taken for what they are only after a look: the openai package's types say what OpenAI
sends, and the servers of others send less, more, and other types.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from trex_nb.chat.body import sendable
from trex_nb.chat.secret import Secret, Veil
from trex_nb.core.chat import Heard, ToolCall, Usage
from trex_nb.errors import ChatError

MOST_CHARACTERS = 4_000_000
MOST_TOKENS = 10**12
MOST_CALLS = 256  # of tools, in one reply
THINK = ("<think>", "</think>")


class BrokenOffError(Exception):
    """A stream ended in the middle."""


class ServerSaidError(Exception):
    """A server that had said yes told of an error after all. `code` is an HTTP status, 500 where it said none."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(said)
        self.said = said
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer; `finish` is why it ended, `usage` is None where the server said nothing."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    reasoning: str
    refusal: str
    finish: str
    usage: Usage | None
    model: str


class Gathering:
    """Takes in what a server sends. What is said aloud (with `hears_tools` the arguments of tools, too) goes to `heard`
    piece by piece, the secret hidden."""

    def __init__(self, secret: Secret, heard: Heard | None, *, hears_tools: bool = False) -> None:
        self._secret = secret
        self._heard = heard
        self._hears_tools = hears_tools
        self._veil, self._tool_veil = Veil(secret), Veil(secret)
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._finish = ""
        self._usage: Usage | None = None
        self._model = ""
        self._is_done = False
        self.size = 0

    def line(self, line: str) -> None:
        """One line of a stream of events; each event of chat completions is one line."""
        if not line.startswith("data:") or self._is_done:
            return
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            self._is_done = True
        elif data:
            self._chunk(json.loads(data), "delta")

    def whole(self, body: bytes) -> None:
        """A body that came at once: a completion, or a stream that is not called one. Raises `ValueError` where it is
        neither."""
        text = body.decode("utf-8", "replace").lstrip()
        if text.startswith("data:"):
            for line in text.splitlines():
                self.line(line)
            return
        self._chunk(json.loads(text), "message")
        self._is_done = True

    def answer(self) -> Answer:
        """All of it. Raises `BrokenOffError` where the end is missing."""
        if not (self._is_done or self._finish or self._usage):
            raise BrokenOffError
        self._aloud(self._veil.rest())
        self._hear_tool(self._tool_veil.rest())
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        if THINK[1] in text and (text.lstrip().startswith(THINK[0]) or THINK[0] not in text):
            # Servers that do not tell thoughts apart, and templates that begin the thought themselves.
            thought, _, text = text.partition(THINK[1])
            reasoning, text = reasoning + thought.lstrip().removeprefix(THINK[0]), text.lstrip()
        hide = self._secret.hide
        calls = tuple(_call(c, place, hide) for place, c in enumerate(self._calls))
        refusal = hide("".join(self._refusal))
        return Answer(text, calls, hide(reasoning), refusal, self._finish, self._usage, hide(self._model))

    def _chunk(self, chunk: Any, part: str) -> None:
        if not isinstance(chunk, dict):
            raise ValueError("not an object")  # noqa: TRY004 - what a body may be wrong in is one error
        if error := chunk.get("error"):
            raise _said(error)
        self._model = _text(chunk.get("model")) or self._model
        self._usage = _usage(chunk.get("usage")) or self._usage
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(choice, dict):
            self._finish = _text(choice.get("finish_reason")) or self._finish
            if isinstance(said := choice.get(part), dict):
                self._message(said)

    def _message(self, said: dict[str, Any]) -> None:
        self._say(_content(said.get("content")))
        self._note(self._reasoning, _text(said.get("reasoning_content")) or _text(said.get("reasoning")))
        self._note(self._refusal, _text(said.get("refusal")))
        calls = said.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                self._tool(call)

    def _tool(self, call: dict[str, Any]) -> None:
        given = call.get("function")
        function: dict[str, Any] = given if isinstance(given, dict) else {}
        name, arguments = _text(function.get("name")), function.get("arguments")
        piece = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
        known = self._known(call.get("index"), _text(call.get("id")), is_new=bool(name))
        known["name"] += name
        self._note(known["arguments"], piece)
        self._hear_tool(self._tool_veil.through(sendable(piece)))

    def _known(self, index: Any, called: str, *, is_new: bool) -> dict[str, Any]:
        """The call that a piece belongs to. Some servers give all calls one index, some give none: then a new id, or a
        name, begins another."""
        for known in self._calls:
            if (called and known["id"] == called) or (index is not None and known["index"] == index and not called):
                return known
        if not called and not is_new and self._calls:
            return self._calls[-1]
        if len(self._calls) >= MOST_CALLS:
            what = f"A reply called more than {MOST_CALLS} tools and was ended."
            raise ChatError(what, "ask again, or set another model", trouble="bad_reply")
        self._calls.append({"index": index, "id": called, "name": "", "arguments": []})
        return self._calls[-1]

    def _say(self, piece: str) -> None:
        if piece:
            self._count(piece)
            self._aloud(self._veil.through(sendable(piece)))

    def _aloud(self, piece: str) -> None:
        if piece:
            self._text.append(piece)
            if self._heard:
                self._heard(piece)

    def _hear_tool(self, piece: str) -> None:
        if self._hears_tools and self._heard and piece:
            self._heard(piece)

    def _note(self, where: list[str], piece: str) -> None:
        if piece:
            self._count(piece)
            where.append(sendable(piece))

    def _count(self, piece: str) -> None:
        self.size += len(piece)
        if self.size > MOST_CHARACTERS:
            what = f"A reply grew over {MOST_CHARACTERS:,} characters and was ended."
            raise ChatError(what, "lower max_tokens, or set another model", trouble="bad_reply")


def _call(call: dict[str, Any], place: int, hide: Any) -> ToolCall:
    return ToolCall(
        id=hide(call["id"]) or f"call_{place}", name=hide(call["name"]), arguments=hide("".join(call["arguments"]))
    )


def _content(said: Any) -> str:
    """Text, also where it comes as a list of parts."""
    parts = said if isinstance(said, list) else [said]
    return "".join(_text(p.get("text")) if isinstance(p, dict) else _text(p) for p in parts)


def _usage(said: Any) -> Usage | None:
    if not isinstance(said, dict):
        return None
    prompt, completion = _count(said.get("prompt_tokens")), _count(said.get("completion_tokens"))
    details = said.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Usage(prompt=prompt, completion=completion, cached=min(cached, prompt)) if prompt or completion else None


def _said(error: Any) -> ServerSaidError:
    if not isinstance(error, dict):
        return ServerSaidError(_text(error), 500)
    code = str(error.get("code") or error.get("status"))
    return ServerSaidError(_text(error.get("message")), int(code) if code.isdecimal() and len(code) == 3 else 500)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return min(MOST_TOKENS, max(0, value)) if isinstance(value, int) and not isinstance(value, bool) else 0

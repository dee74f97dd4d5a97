"""A request as chat completions take it, and what servers that take less are spared of it."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from trex_nb.chat.rungs import Rung
from trex_nb.chat.schema import bare
from trex_nb.core.chat import ChatRequest, Message, Shape, Tool
from trex_nb.settings import Endpoint

Quirk = Literal["no_usage", "completion_tokens", "no_temperature", "no_stream", "bare_schema"]
"""What a server does not take: to tell the usage of a stream, `max_tokens` by that name, a temperature, to stream,
bounds in a schema."""


_OF_SCHEMAS = ("schema", "length", "minimum", "maximum", "items", "pattern", "keyword", "permitted")


def body_of(asked: ChatRequest, endpoint: Endpoint, rung: Rung) -> dict[str, Any]:
    """The body of a request, its shape asked for by `rung`."""
    most = min(asked.max_tokens or endpoint.max_tokens, endpoint.max_tokens)
    body: dict[str, Any] = {"model": endpoint.model, "messages": _messages(asked, rung), "max_tokens": most}
    if endpoint.temperature is not None:
        body["temperature"] = endpoint.temperature
    if asked.tools:
        body["tools"] = [_tool(t) for t in asked.tools]
    elif asked.shape and rung == "json_schema":
        shape = {"name": asked.shape.name, "schema": asked.shape.json_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    elif asked.shape and rung == "tool":
        said = Tool(name=asked.shape.name, description="Gives the answer.", parameters=asked.shape.json_schema)
        body["tools"] = [_tool(said)]
        body["tool_choice"] = {"type": "function", "function": {"name": asked.shape.name}}
    elif asked.shape and rung == "json_object":
        body["response_format"] = {"type": "json_object"}
    return body


def adapted(body: dict[str, Any], quirks: frozenset[Quirk]) -> dict[str, Any]:
    """The body, streamed and with usage, as far as the server takes that."""
    made = {**body, "stream": "no_stream" not in quirks}
    if made["stream"] and "no_usage" not in quirks:
        made["stream_options"] = {"include_usage": True}
    if "completion_tokens" in quirks:
        made["max_completion_tokens"] = made.pop("max_tokens")
    if "no_temperature" in quirks:
        made.pop("temperature", None)
    if "bare_schema" in quirks and (schema := _schema(body)):
        shape = {**body["response_format"]["json_schema"], "schema": bare(schema)}
        made["response_format"] = {"type": "json_schema", "json_schema": shape}
    return made


def quirk_in(said: str, body: dict[str, Any], known: frozenset[Quirk]) -> Quirk | None:
    """What to spare a server that rejected `body` and `said` why: what it names, or else one after the other."""
    schema = _schema(body)
    if schema and "bare_schema" not in known and any(word in said for word in _OF_SCHEMAS) and bare(schema) != schema:
        return "bare_schema"
    spared: list[tuple[Quirk, str]] = [
        ("no_usage", "stream_options"),
        ("completion_tokens", "max_tokens"),
        ("no_temperature", "temperature"),
        ("no_stream", "stream"),
    ]
    there = [(quirk, field) for quirk, field in spared if quirk not in known and _is_there(body, field)]
    named = next((quirk for quirk, field in there if re.search(rf"\b{field}\b", said)), None)
    if named or _names_another(said):
        return named
    return next((quirk for quirk, _ in there), None)


def _is_there(body: dict[str, Any], field: str) -> bool:
    return body.get(field) is not None and body[field] is not False  # a temperature of nought is one


def _schema(body: dict[str, Any]) -> dict[str, Any] | None:
    asked = body.get("response_format", {})
    return asked["json_schema"]["schema"] if asked.get("type") == "json_schema" else None


def _names_another(said: str) -> bool:
    return any(field in said for field in ("response_format", "json_schema", "tool", "grammar", "message"))


def _messages(asked: ChatRequest, rung: Rung) -> list[dict[str, Any]]:
    messages = [_message(m) for m in asked.messages]
    if asked.shape and (asked.tools or rung in {"json_object", "text"}):
        told = _in_words(asked.shape)
        if messages[-1]["role"] == "user":
            messages[-1]["content"] += f"\n\n{told}"
        else:
            messages.append({"role": "user", "content": told})
    return messages


def _message(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = {"role": message.role, "content": sendable(message.content)}
    if message.tool_calls:
        made["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": sendable(c.arguments)}}
            for c in message.tool_calls
        ]
    if message.role == "tool":
        made["tool_call_id"] = message.tool_call_id
    return made


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _in_words(shape: Shape) -> str:
    schema = json.dumps(shape.json_schema, ensure_ascii=False)
    return f"Answer with one JSON object that satisfies this JSON schema, and with nothing else:\n{schema}"


def sendable(text: str) -> str:
    """`text` as UTF-8 can hold it: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()

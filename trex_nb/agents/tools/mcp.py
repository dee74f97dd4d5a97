"""Tools of servers that a person names in `trex.toml`, over the Model Context Protocol.

    [mcp.library]
    command = ["uvx", "my-library-server"]     # or: url = "https://…/mcp"
    allow = ["lookup"]                         # tools to offer though the server does not mark them as read-only

Offered are the tools that the server marks read-only (`readOnlyHint`) and those the person allows. A server is started
for one piece of research and ended after it; it gets PATH, HOME and the like of our environment, and none of our keys.
What it says of itself is as untrusted as what it answers, and it cannot ask anything back. Needs the extra `mcp`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from trex_nb.agents.tools.base import MOST_CHARS, BadArguments, Found, Unavailable, line
from trex_nb.core.chat import Tool
from trex_nb.core.fence import visible
from trex_nb.core.plan import Source
from trex_nb.errors import SettingsError

_CONNECT = 20.0
_CALL = 30.0
_MOST_TOOLS = 24
_MOST_SCHEMA = 4_000
_HINT = "run its command in a shell to see what it says, or go on without it"


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server by the name a person gave it: a `command` that is started, or a `url`. `allow` are tools they trust."""

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    allow: tuple[str, ...] = ()


def mcp_servers(file: Mapping[str, Any]) -> tuple[McpServer, ...]:
    """The servers that a `trex.toml` names. Raises `SettingsError` for what is no server."""
    tables = file.get("mcp", {})
    if not isinstance(tables, Mapping):
        raise SettingsError("mcp in trex.toml is no table.", '[mcp.library] and command = ["…"] below it')
    return tuple(_server(name, said) for name, said in tables.items())


def _server(name: str, said: Any) -> McpServer:
    said = said if isinstance(said, Mapping) else {}
    command, url, allow = said.get("command", []), said.get("url", ""), said.get("allow", [])
    are_texts = all(isinstance(v, list) and all(isinstance(t, str) for t in v) for v in (command, allow))
    is_address = isinstance(url, str) and (not url or re.fullmatch(r"https?://[^\s/@]+(/\S*)?", url))
    unknown = sorted(set(said) - {"command", "url", "allow"})
    if unknown or not are_texts or not is_address or bool(command) == bool(url):
        what = f"[mcp.{name}] is no server{f': there is no setting {unknown[0]}' if unknown else ''}."
        raise SettingsError(what, 'command = ["…"] or url = "https://…", and allow = ["a_tool"] where wanted')
    return McpServer(name, tuple(command), url, tuple(allow))


@asynccontextmanager
async def connected(server: McpServer, seconds: float = _CONNECT) -> AsyncIterator[list[McpTool]]:
    """The server's tools, while it is connected. Raises `Unavailable` when it cannot be within `seconds`."""
    source = f"The MCP server {server.name}"
    mcp = await _library(source)
    closing, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    keeper = asyncio.create_task(_kept(mcp, server, ready, closing))
    try:
        try:
            async with asyncio.timeout(seconds):
                client = await asyncio.shield(ready)  # or the end of the wait would cancel what the keeper fulfils
                listed = (await client.list_tools()).tools
        except Exception as error:
            keeper.cancel()
            raise Unavailable(source, f"it cannot be reached ({_name(error)})", _HINT) from error
        yield _offered(server, client, listed)
    finally:
        closing.set()
        if not ready.done():
            keeper.cancel()
        await asyncio.wait([keeper])
        if ready.done():
            ready.exception()  # looked at: it was told above, or came after the end


async def _library(source: str) -> Any:
    try:
        return await asyncio.to_thread(import_module, "mcp")  # takes a second
    except ImportError as error:
        raise Unavailable(source, "the extra mcp is not installed", "pip install 'trex-nb[mcp]'") from error


async def _kept(mcp: Any, server: McpServer, ready: asyncio.Future[Any], closing: asyncio.Event) -> None:
    """Hold the connection in a task of its own: its cancel scopes must end in the task they began in."""
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:  # a notebook's stderr is no file
            target = server.url or mcp.stdio_client(
                mcp.StdioServerParameters(command=server.command[0], args=list(server.command[1:])), errlog=nowhere
            )
            async with mcp.Client(target, read_timeout_seconds=_CALL) as client:
                ready.set_result(client)
                await closing.wait()
    except Exception as error:  # noqa: BLE001  (whatever it is: whoever waits is told, and after that it is over)
        if not ready.done():
            ready.set_exception(error)


def _name(error: BaseException) -> str:
    """What kind of error, the first of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__


def _offered(server: McpServer, client: Any, listed: list[Any]) -> list[McpTool]:
    found: dict[str, McpTool] = {}
    for said in listed:
        is_reading = said.annotations is not None and said.annotations.read_only_hint is True
        schema = _schema(said.input_schema)
        if (is_reading or said.name in server.allow) and schema is not None:
            name = re.sub(r"[^A-Za-z0-9_-]", "_", f"mcp_{server.name}_{said.name}")[:64]
            about = f"A tool of {server.name}, which says of it: {line(said.description or said.name, 300)}"
            described = Tool(name=name, description=about, parameters=schema)
            found.setdefault(name, McpTool(server.name, said.name, described, client))
    return list(found.values())[:_MOST_TOOLS]


def _schema(said: Any) -> dict[str, Any] | None:
    """The schema of a tool's arguments without what no reader sees; None where it is none, or too long."""
    text = visible(json.dumps(said, ensure_ascii=False))
    schema = json.loads(text)
    is_good = isinstance(schema, dict) and schema.get("type", "object") == "object" and len(text) <= _MOST_SCHEMA
    return {"type": "object", **schema} if is_good else None


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of a server."""

    server: str
    name: str
    described: Tool
    client: Any
    is_lasting: bool = False

    async def run(self, arguments: str) -> Found:
        """Call it. What it says of an error is told to the model like any answer."""
        try:
            said = json.loads(arguments or "{}")
        except ValueError as error:
            raise BadArguments("The arguments are no JSON.", "an object") from error
        if not isinstance(said, dict):
            raise BadArguments("The arguments are no JSON object.", "an object")
        source = f"The MCP server {self.server}"
        try:
            async with asyncio.timeout(_CALL):
                result = await self.client.call_tool(self.name, said)
        except Exception as error:
            raise Unavailable(source, f"it did not answer ({_name(error)})", "it is asked again next time") from error
        text = "\n".join(block.text for block in result.content if block.type == "text")
        if not text and result.structured_content is not None:
            text = json.dumps(result.structured_content, ensure_ascii=False)
        if result.is_error:
            raise BadArguments(f"It answered with an error: {line(text, 500)}", "other arguments, or go on without it")
        name = f"{self.server}: {self.name}"
        kept = Source(kind="tool", name=line(name, 300), said=line(text, 1000), query=line(arguments, 500))
        return Found(text[:MOST_CHARS] or "It answered nothing.", (kept,))

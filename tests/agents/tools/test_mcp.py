"""Servers that a person names: a real one, over its standard input and output."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from trex_nb.agents.tool_loop import with_tools
from trex_nb.agents.tools.base import BadArguments, Unavailable
from trex_nb.agents.tools.mcp import McpServer, connected, mcp_servers
from trex_nb.core.chat import ChatReply, ChatRequest, Message, ToolCall
from trex_nb.errors import SettingsError
from trex_nb.testing.chats import ScriptedChat

SERVER = McpServer("library", (sys.executable, str(Path(__file__).with_name("mcp_server.py"))), allow=("allowed",))


def test_only_what_reads_and_what_is_allowed_is_offered_and_its_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")

    async def go() -> int:
        async with connected(SERVER) as tools:
            named = {t.name: t for t in tools}
            assert sorted(named) == ["allowed", "dies", "environment", "fails", "lookup"]
            assert named["lookup"].described.name == "mcp_library_lookup"
            assert "\n" not in named["lookup"].described.description
            assert "\u200b" not in named["lookup"].described.description
            found = await named["lookup"].run('{"word": "rank"}')
            assert found.text.startswith("rank is in the library.")
            assert (found.sources[0].kind, found.sources[0].url) == ("tool", "")
            assert "sk-planted" not in (await named["environment"].run("{}")).text
            with pytest.raises(BadArguments, match="error"):
                await named["fails"].run("")
            for wrong in ("[]", "{", '{"nonsense": 1}'):
                with pytest.raises(BadArguments):
                    await named["lookup"].run(wrong)
            pid = re.search(r"\d+", (await named["allowed"].run("{}")).text)
            assert pid
            assert psutil.pid_exists(int(pid[0]))
            return int(pid[0])

    assert not psutil.pid_exists(asyncio.run(go()))


def test_a_server_that_dies_is_told_and_the_research_goes_on(tmp_path: Path) -> None:
    asked = ChatRequest(asker="researcher", purpose="plan", messages=(Message(role="user", content="Look."),))
    calls = [("mcp_library_dies", "{}"), ("mcp_library_write_file", f'{{"path": "{tmp_path}/x"}}')]
    turn = ChatReply(tool_calls=tuple(ToolCall(id=n, name=n, arguments=a) for n, a in calls))

    async def go() -> Any:
        async with connected(SERVER) as tools:
            return await with_tools(ScriptedChat(turn, "Done."), asked, tools)

    made = asyncio.run(go())
    assert made.reply.text == "Done."
    assert "did not answer" in made.notes[0]
    assert "no such tool" in made.calls[1].outcome
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def address() -> Iterator[str]:
    """A server over HTTP, once it listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([*SERVER.command, str(port)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert any("running on" in line for line in process.stderr)
        yield f"http://127.0.0.1:{port}/mcp"
        process.kill()


def test_a_server_has_an_address(address: str) -> None:
    async def go() -> str:
        async with connected(McpServer("far", url=address)) as tools:
            return (await {t.name: t for t in tools}["lookup"].run('{"word": "rank"}')).text

    assert asyncio.run(go()).startswith("rank is in the library.")


def test_a_server_that_says_nothing_is_not_waited_for_and_ends(tmp_path: Path) -> None:
    silent = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    async def go() -> None:
        async with connected(McpServer("silent", (sys.executable, "-c", silent)), seconds=1.5):
            pass

    with pytest.raises(Unavailable, match="cannot be reached"):
        asyncio.run(go())
    written = tmp_path / "pid"
    assert not written.exists() or not psutil.pid_exists(int(written.read_text()))


@pytest.mark.parametrize("server", [
    McpServer("gone", ("/nonexistent/server",)), McpServer("quits", (sys.executable, "-c", "pass")),
    McpServer("far", url="http://127.0.0.1:9/mcp"),
])  # fmt: skip
def test_a_server_that_is_not_there_is_unavailable(server: McpServer) -> None:
    async def go() -> None:
        async with connected(server):
            pass

    with pytest.raises(Unavailable, match=f"The MCP server {server.name} was not consulted"):
        asyncio.run(go())


def test_servers_are_read_from_the_settings() -> None:
    file = {"mcp": {"a": {"command": ["x", "-y"], "allow": ["t"]}, "b": {"url": "https://host/mcp"}}}
    assert mcp_servers(file) == (McpServer("a", ("x", "-y"), allow=("t",)), McpServer("b", url="https://host/mcp"))
    assert mcp_servers({}) == ()


@pytest.mark.parametrize("said", [
    [], {"a": 3}, {"a": {}}, {"a": {"command": "x"}}, {"a": {"command": [1]}}, {"a": {"url": "file:///etc"}},
    {"a": {"url": "https://user:pw@host/"}}, {"a": {"command": ["x"], "url": "https://host"}},
    {"a": {"command": ["x"], "alow": []}}, {"a": {"url": 3}},
])  # fmt: skip
def test_what_is_no_server_is_said(said: Any) -> None:
    with pytest.raises(SettingsError):
        mcp_servers({"mcp": said})

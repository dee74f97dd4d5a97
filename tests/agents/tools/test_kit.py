"""All tools together, with their memory and the servers a person named."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from trex_nb.agents.tools.answers import Answers
from trex_nb.agents.tools.base import Unavailable
from trex_nb.agents.tools.kit import Kit, Opened, standard_kit
from trex_nb.agents.tools.local import Shelf
from trex_nb.agents.tools.mcp import McpServer

GONE = McpServer("gone", ("/nonexistent/server",))


def opened(kit: Kit) -> Opened:
    async def go() -> Opened:
        async with kit.opened() as found:
            return found

    return asyncio.run(go())


def test_a_study_has_papers_the_hub_and_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Try more epochs.")
    tools = {t.described.name: t for t in opened(standard_kit(Shelf((tmp_path,)))).tools}
    assert sorted(tools) == [
        "describe_dataset", "find_datasets", "find_models", "list_files", "read_file", "search_arxiv",
        "search_openalex", "search_semantic_scholar",
    ]  # fmt: skip
    assert asyncio.run(tools["read_file"].run('{"name": "notes.txt"}')).text == "Try more epochs."


def test_every_schema_is_one_that_servers_take() -> None:
    for tool in opened(standard_kit(Shelf(()))).tools:
        schema = tool.described.parameters
        assert schema["type"] == "object"
        assert not {"$defs", "discriminator", "oneOf"} & set(schema)
        assert schema["additionalProperties"] is False


def test_a_server_that_is_not_there_is_a_note() -> None:
    found = opened(standard_kit(Shelf(()), servers=[GONE]))
    assert "The MCP server gone was not consulted" in found.notes[0]
    assert len(found.tools) == 8


def test_a_replay_starts_no_server_and_asks_nobody(tmp_path: Path) -> None:
    marker = tmp_path / "started"
    server = McpServer("s", (sys.executable, "-c", f"open({str(marker)!r}, 'w')"))
    found = opened(standard_kit(Shelf(()), servers=[server], answers=Answers(tmp_path / "a.jsonl", only_recorded=True)))
    assert not marker.exists()
    assert found.notes == ()
    with pytest.raises(Unavailable, match="replay"):
        asyncio.run(found.tools[0].run('{"query": "adapters"}'))

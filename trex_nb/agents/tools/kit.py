"""The research tools of a study, and opening them: the servers a person named run only while something is looked up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from trex_nb.agents.tools.answers import Answers
from trex_nb.agents.tools.arxiv import SearchArxiv
from trex_nb.agents.tools.base import ResearchTool, Unavailable
from trex_nb.agents.tools.hub import DescribeDataset, FindDatasets, FindModels, Hub
from trex_nb.agents.tools.local import ListFiles, ReadFile, Shelf
from trex_nb.agents.tools.mcp import McpServer, connected
from trex_nb.agents.tools.openalex import SearchOpenAlex
from trex_nb.agents.tools.scholar import SearchScholar
from trex_nb.agents.tools.web import Reach


@dataclass(frozen=True, slots=True)
class Opened:
    """Tools that can be called now, and `notes` about servers that cannot."""

    tools: tuple[ResearchTool, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kit:
    """What a Researcher may look things up with; `answers` is the memory of it."""

    tools: tuple[ResearchTool, ...]
    answers: Answers
    servers: tuple[McpServer, ...] = ()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Opened]:
        """All tools with their memory, the servers connected until the end. A replay connects to none."""
        notes: list[str] = []
        tools: list[ResearchTool] = [*self.tools]
        async with AsyncExitStack() as stack:
            for server in () if self.answers.only_recorded else self.servers:
                try:
                    tools += await stack.enter_async_context(connected(server))
                except Unavailable as error:
                    notes.append(f"{error.what} Try: {error.hint}")
            yield Opened(tuple(self.answers.of(t) for t in tools), tuple(notes))


def standard_kit(shelf: Shelf, *, answers: Answers | None = None, servers: Sequence[McpServer] = ()) -> Kit:
    """Papers, the hub and the files on a shelf."""
    reach = Reach()
    hub = Hub.at(reach)
    tools: tuple[ResearchTool, ...] = (
        SearchArxiv(reach), SearchOpenAlex(reach), SearchScholar(reach), FindDatasets(hub), DescribeDataset(hub),
        FindModels(hub), ListFiles(shelf), ReadFile(shelf),
    )  # fmt: skip
    return Kit(tools, answers or Answers(None), tuple(servers))

"""What the Researcher of a study may look things up with: papers, the hub, the files of the person's folder, and the
servers they name. Made once per study, so that what a network lacks is found out once.

    [research]                      # in trex.toml
    folders = ["notes", "papers"]   # instead of the working directory
    tools = false                   # look nothing up
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trex_nb.agents.research import ToolResearch
from trex_nb.agents.tool_loop import Shown
from trex_nb.agents.tools.answers import Answers
from trex_nb.agents.tools.kit import Kit, standard_kit
from trex_nb.agents.tools.local import Shelf
from trex_nb.agents.tools.mcp import mcp_servers
from trex_nb.agents.tools.sealed import Sealed
from trex_nb.core.events import StudyCreated
from trex_nb.errors import SettingsError
from trex_nb.settings import config_file
from trex_nb.store.artifacts import StudyFolder
from trex_nb.study.asking import Asking
from trex_nb.study.own_data import OwnData


class Looking:
    """The research of one study. A replay of another study's calls hears that study's answers."""

    def __init__(
        self, folder: StudyFolder, created: StudyCreated, asking: Asking, file: Mapping[str, Any] | None = None
    ) -> None:
        self._folder, self._created, self._asking = folder, created, asking
        self._file = file
        self.own = OwnData.of(created.origin)
        self._kits: dict[Path | None, Kit | None] = {}

    def research(self) -> ToolResearch | None:
        """Who looks things up now; None where the person wants none. Raises `SettingsError`, `ChatError`."""
        replay = self._asking.models.replay
        if replay not in self._kits:
            self._kits[replay] = self._kit(replay)
        kit = self._kits[replay]
        return ToolResearch(self._asking.chat("researcher"), kit, shown=self._shown) if kit else None

    def _kit(self, replay: Path | None) -> Kit | None:
        file = config_file() if self._file is None else self._file
        folders, is_wanted = _wanted(file)
        if not is_wanted:
            return None
        sealed = Sealed.of(self._folder.ngrams_file, self._created.task.prompt)
        shelf = Shelf(folders, (self._folder.path.parent, *self.own.files), sealed)
        path = self._folder.answers if replay is None else replay.with_name(self._folder.answers.name)
        return standard_kit(
            shelf, answers=Answers(path, only_recorded=replay is not None), servers=mcp_servers(file)
        )  # fmt: skip

    def _shown(self, request: int) -> Shown:
        """Each call stands in the thoughts of its request, while they last."""
        hear = self._asking.thoughts.hear
        return lambda call: hear(f"request {request}", f"\n[{call.tool} {call.arguments}: {call.outcome}]\n")


def _wanted(file: Mapping[str, Any]) -> tuple[tuple[Path, ...], bool]:
    """The folders that may be looked into, and whether anything may be looked up at all."""
    said = file.get("research", {})
    known = isinstance(said, Mapping) and set(said) <= {"folders", "tools"}
    folders, tools = (said.get("folders", ["."]), said.get("tools", True)) if known else ([], None)
    if not isinstance(folders, list) or not all(isinstance(f, str) for f in folders) or not isinstance(tools, bool):
        raise SettingsError("[research] in trex.toml is not understood.", 'folders = ["notes"] and tools = true')
    return tuple(Path(f).absolute() for f in folders), tools

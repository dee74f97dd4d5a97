"""Every Researcher keeps the contract of the seam."""

from __future__ import annotations

import pytest

from trex_nb.agents.offline import OfflineResearcher
from trex_nb.core.protocols import Researcher
from trex_nb.testing.researchers import ResearcherContract, ScriptedResearcher
from trex_nb.testing.trees import lora_plan


class TestOfflineResearcher(ResearcherContract):
    @pytest.fixture
    def researcher(self) -> Researcher:
        return OfflineResearcher()


class TestScriptedResearcher(ResearcherContract):
    @pytest.fixture
    def researcher(self) -> Researcher:
        return ScriptedResearcher(*(lora_plan(f"Rank {r}", r=r) for r in (2, 4, 8)))

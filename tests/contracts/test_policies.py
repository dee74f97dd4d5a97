"""Every policy keeps the contract of the seam."""

from __future__ import annotations

import pytest

from trex_nb.core.protocols import SearchPolicy
from trex_nb.search.baselines import GreedyBestFirst, Sequential
from trex_nb.search.policies import AsChosen
from trex_nb.search.probing import ProbeAndConfirm
from trex_nb.search.uct import Uct
from trex_nb.testing.policies import PolicyContract


class TestUct(PolicyContract):
    @pytest.fixture
    def policy(self) -> SearchPolicy:
        return Uct()


class TestGreedyBestFirst(PolicyContract):
    @pytest.fixture
    def policy(self) -> SearchPolicy:
        return GreedyBestFirst()


class TestSequential(PolicyContract):
    @pytest.fixture
    def policy(self) -> SearchPolicy:
        return Sequential()


class TestProbeAndConfirm(PolicyContract):
    @pytest.fixture
    def policy(self) -> SearchPolicy:
        return ProbeAndConfirm()


class TestAsChosen(PolicyContract):
    @pytest.fixture
    def policy(self) -> SearchPolicy:
        return AsChosen()

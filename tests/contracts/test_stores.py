"""Every store keeps the contract of the seam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from trex_nb.core.protocols import Store
from trex_nb.store.sqlite import SqliteStore
from trex_nb.testing.stores import MemoryStore, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = SqliteStore(tmp_path / "study.db")
        yield store
        store.close()

"""The fake keeps the contract of the RowModel seam."""

from __future__ import annotations

import pytest

from trex_nb.testing.row_models import FakeRowModel, RowModelContract


class TestFakeRowModel(RowModelContract):
    @pytest.fixture
    def model(self) -> FakeRowModel:
        return FakeRowModel()

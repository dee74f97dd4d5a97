"""Every RowModel and Embedder of ours keeps the contract of the seam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.train.writers import obliging
from trex_nb import tiny
from trex_nb.testing.chats import ScriptedChat
from trex_nb.testing.row_models import ROWS, EmbedderContract, FakeRowModel, RowModelContract
from trex_nb.train.answers import Answers
from trex_nb.train.chat_rows import ChatRows
from trex_nb.train.local_rows import LocalRows
from trex_nb.train.recorded_rows import RecordedRows


class TestFakeRowModel(RowModelContract):
    @pytest.fixture
    def model(self) -> FakeRowModel:
        return FakeRowModel()


class TestChatRows(RowModelContract):
    @pytest.fixture
    def model(self) -> Iterator[ChatRows]:
        rows = ChatRows(ScriptedChat(script=obliging), "scripted", embedder=FakeRowModel())
        yield rows
        rows.close()


class TestRecordedRows(RowModelContract):
    @pytest.fixture
    def model(self, tmp_path: Path) -> RecordedRows:
        path = tmp_path / "answers.jsonl"
        writer = ChatRows(ScriptedChat(script=obliging), "scripted", answers=Answers(path))
        writer.write("Say it in other words.", ROWS)
        writer.write("Again.", ROWS)
        writer.score("Is it clear?", ROWS)
        writer.close()
        return RecordedRows(path=path, model="scripted", base=tiny.path())


class TestLocalRows(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> LocalRows:
        return LocalRows(tiny.path())

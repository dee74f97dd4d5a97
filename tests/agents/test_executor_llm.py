"""The Executor that can have code mended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from trex_nb.agents.executor import TemplateExecutor
from trex_nb.agents.executor_llm import LLMExecutor
from trex_nb.core.protocols import Mender
from trex_nb.errors import ChatError
from trex_nb.testing.chats import ScriptedChat
from trex_nb.testing.executors import BAD_CODE, coded

GOOD = {"rows": "def rewrite(rows):\n    return rows[:1]\n", "train": "", "why": "There is no text."}


def test_it_mends_where_a_model_is_set(tmp_path: Path) -> None:
    executor = LLMExecutor(TemplateExecutor(), lambda: ScriptedChat(GOOD))
    assert isinstance(executor, Mender)
    assert executor.can_mend
    assert asyncio.run(executor.mend(coded(tmp_path), BAD_CODE)).code.rows == GOOD["rows"]


def test_without_a_model_it_says_so(tmp_path: Path) -> None:
    executor = LLMExecutor(TemplateExecutor(), lambda: None)
    assert not executor.can_mend
    with pytest.raises(ChatError, match="No language model is set for the executor"):
        asyncio.run(executor.mend(coded(tmp_path), BAD_CODE))


def test_the_template_mends_nothing() -> None:
    assert not isinstance(TemplateExecutor(), Mender)

"""Every Executor keeps the contract of the seam."""

from __future__ import annotations

import pytest

from trex_nb.agents.executor import TemplateExecutor
from trex_nb.agents.executor_llm import LLMExecutor
from trex_nb.core.protocols import Executor
from trex_nb.testing.chats import ScriptedChat
from trex_nb.testing.executors import ExecutorContract, NotebookExecutor


class TestTemplateExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return TemplateExecutor()


class TestLLMExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return LLMExecutor(TemplateExecutor(), ScriptedChat)


class TestNotebookExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return NotebookExecutor()

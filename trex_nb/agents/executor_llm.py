"""The Executor that asks a language model where code of an experiment failed; everything else is the template's.

Limits: it mends what a model wrote, and writes nothing into an experiment that had no such code. That code is written
with the proposal (`coder`), so that one approval is of both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trex_nb.agents.coder import mended
from trex_nb.core.chat import Chat
from trex_nb.core.job import JobSpec
from trex_nb.core.protocols import Assignment, Executor, Mended
from trex_nb.core.result import Failure
from trex_nb.errors import ChatError


@dataclass(frozen=True, slots=True)
class LLMExecutor:
    """An `Executor` and a `Mender`. `chat` is who to ask now, None while no model is set."""

    template: Executor
    chat: Callable[[], Chat | None]

    async def prepare(self, assignment: Assignment) -> JobSpec:
        """See `core.protocols.Executor.prepare`."""
        return await self.template.prepare(assignment)

    async def repair(self, assignment: Assignment, failure: Failure) -> JobSpec | None:
        """See `core.protocols.Executor.repair`. The code is that of the assignment, mended before."""
        return await self.template.repair(assignment, failure)

    @property
    def can_mend(self) -> bool:
        """Whether a model is set."""
        return self.chat() is not None

    async def mend(self, assignment: Assignment, failure: Failure) -> Mended:
        """See `core.protocols.Mender.mend`."""
        chat = self.chat()
        if chat is None:
            hint = '%config Trex.executor = "…", or TREX_MODEL'
            raise ChatError("No language model is set for the executor.", hint, trouble="unset")
        return await mended(chat, assignment, failure)

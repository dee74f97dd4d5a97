"""The Researcher that the person's settings choose, request by request: one with a language model where a model is set,
the offline one otherwise. It never goes over from one to the other by itself: where a model was asked and gave nothing,
that is what the person is told."""

from __future__ import annotations

from collections.abc import Callable

from trex_nb.agents.llm.researcher import LLMResearcher
from trex_nb.agents.offline import OfflineResearcher
from trex_nb.core.chat import Heard
from trex_nb.core.events import ProposalRequested
from trex_nb.core.ids import NodeId
from trex_nb.core.plan import Proposal
from trex_nb.core.protocols import Reflection, TreeView
from trex_nb.errors import ChatError


class ChosenResearcher:
    """A `Researcher`; `with_model` makes the one to ask now, None where no model is set."""

    def __init__(self, offline: OfflineResearcher, with_model: Callable[[], LLMResearcher | None]) -> None:
        self._offline = offline
        self._with_model = with_model

    async def propose(self, tree: TreeView, request: ProposalRequested) -> Proposal:
        """See `core.protocols.Researcher.propose`."""
        return await (self._with_model() or self._offline).propose(tree, request)

    async def reflect(self, tree: TreeView, node: NodeId) -> Reflection:
        """See `core.protocols.Researcher.reflect`."""
        return await (self._with_model() or self._offline).reflect(tree, node)

    async def answer(self, tree: TreeView, question: str, heard: Heard | None = None) -> str:
        """An answer to the person's question. Raises `ChatError`."""
        asked = self._with_model()
        if asked is None:
            what = "The offline Researcher cannot talk: no language model is set."
            raise ChatError(what, '%config Trex.researcher = "…", or TREX_MODEL', trouble="unset")
        return await asked.answer(tree, question, heard)

"""A Researcher that says what it was told to say, and the contract every Researcher keeps.

A third party's researcher is held to it by a subclass with one fixture: `researcher`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from trex_nb.core.events import ProposalRequested
from trex_nb.core.ids import ROOT, NodeId
from trex_nb.core.plan import Plan, Proposal
from trex_nb.core.protocols import Reflection, Researcher, TreeView
from trex_nb.core.result import Finding
from trex_nb.errors import TrexError
from trex_nb.search.tree import Tree
from trex_nb.testing import trees

EMPTY_SCRIPT = TrexError("The script has no more plans.", "a longer script")


class ScriptedResearcher:
    """Hands out `script` in order, as many plans as a request asks for; an exception that comes up is raised instead
    (whatever stood before it is handed out first). `requests` are the requests it was given, `reflected` the nodes."""

    def __init__(self, *script: Plan | Exception, findings: Sequence[Finding] = ()) -> None:
        self._script = list(script)
        self._findings = tuple(findings)
        self.requests: list[ProposalRequested] = []
        self.reflected: list[NodeId] = []

    async def propose(self, tree: TreeView, request: ProposalRequested) -> Proposal:  # noqa: ARG002
        """The next plans of the script."""
        self.requests.append(request)
        plans: list[Plan] = []
        while self._script and len(plans) < request.n and isinstance(self._script[0], Plan):
            plans.append(self._script.pop(0))  # type: ignore[arg-type]
        if not plans:
            raise self._script.pop(0) if self._script else EMPTY_SCRIPT  # type: ignore[misc]
        return Proposal(
            parent=request.parent, plans=tuple(plans), rationale="It is in the script.", context="The script."
        )

    async def reflect(self, tree: TreeView, node: NodeId) -> Reflection:  # noqa: ARG002
        """The same findings on every node."""
        self.reflected.append(node)
        return Reflection(self._findings)


def _ask(researcher: Researcher, tree: TreeView, n: int, parent: NodeId = ROOT) -> Proposal:
    return asyncio.run(researcher.propose(tree, ProposalRequested(request=90, parent=parent, n=n)))


class ResearcherContract:
    """What every Researcher promises."""

    @pytest.fixture
    def tree(self) -> Tree:
        """A study with a baseline, two gains and a failure."""
        return trees.tree_of_scores([(1, 0, 0.4), (2, 0, None), (3, 1, 0.5)])

    @pytest.mark.parametrize("n", [1, 3])
    def test_at_most_as_many_plans_as_were_asked_for(self, researcher: Researcher, tree: Tree, n: int) -> None:
        assert 1 <= len(_ask(researcher, tree, n).plans) <= n

    def test_plans_are_for_the_parent_that_was_named(self, researcher: Researcher, tree: Tree) -> None:
        assert _ask(researcher, tree, 1, trees.node(3)).parent == trees.node(3)

    def test_no_plan_is_in_the_tree_already_or_comes_twice(self, researcher: Researcher, tree: Tree) -> None:
        hashes = [p.hash for p in _ask(researcher, tree, 3).plans]
        assert len(set(hashes)) == len(hashes)
        assert not {n.plan.hash for n in tree.nodes.values()} & set(hashes)

    def test_the_reason_and_the_context_are_told(self, researcher: Researcher, tree: Tree) -> None:
        proposal = _ask(researcher, tree, 1)
        assert proposal.rationale
        assert proposal.context

    def test_a_study_without_any_result_can_be_planned(self, researcher: Researcher) -> None:
        assert _ask(researcher, trees.tree_of(), 1).plans

    @pytest.mark.parametrize("number", [0, 1, 2, 3])
    def test_every_finished_node_can_be_reflected_on(self, researcher: Researcher, tree: Tree, number: int) -> None:
        reflection = asyncio.run(researcher.reflect(tree, trees.node(number)))
        assert all(set(i.evidence) <= set(tree.nodes) for i in reflection.insights)

"""What is kept beside the nodes is what a look at all of them would tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.search.histories import STEPS, History
from trex_nb.core.node import Status
from trex_nb.search.index import Index, is_busy, number
from trex_nb.testing import trees


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_index_is_that_of_all_nodes(steps: list[Any]) -> None:
    tree = History().live(steps).tree
    nodes = tree.nodes.values()
    assert list(tree.index.busy) == [n.id for n in nodes if is_busy(n)]
    assert list(tree.index.ready) == [n.id for n in nodes if n.status is Status.APPROVED]
    assert set(tree.index.finished) == {r.key for n in nodes for r in n.runs if r.evaluation and r.key}
    assert tree.index.seconds == pytest.approx(sum(n.seconds for n in nodes), abs=1e-3)


@given(st.permutations(range(1, 9)))
def test_nodes_stand_in_the_order_in_which_they_came_whenever_they_are_approved(order: list[int]) -> None:
    tree = trees.tree_of(*(trees.proposed(i) for i in range(1, 9)))
    index = Index()
    for place in order:
        node = tree.nodes[trees.node(place)]
        index = index.changed(node, replace(node, status=Status.APPROVED))
    assert [number(n) for n in index.ready] == list(range(1, 9))

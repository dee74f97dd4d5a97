from __future__ import annotations

import json

import pytest

from trex_nb.core import events as ev
from trex_nb.core.ids import node_id, run_id
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.widget.view import Row, View, view


def row(tree: Tree, number: int) -> Row:
    return next(r for r in view(tree).rows if r.id == node_id(number))


RUNNING = [trees.proposed(1), trees.approved(1), *trees.succeeded(1, 0.5)[:4]]


def test_rows_come_parents_first() -> None:
    seen = view(trees.tree_of([trees.proposed(1), trees.proposed(2), trees.proposed(3, 1)])).rows
    assert [r.id for r in seen] == ["n0", "n1", "n3", "n2"]


def test_a_proposal_can_be_approved_pruned_or_redirected() -> None:
    assert row(trees.tree_of(trees.proposed(1)), 1).can == ("approve", "prune", "redirect")


def test_a_running_node_can_be_stopped_once() -> None:
    assert "stop" in row(trees.tree_of(RUNNING), 1).can
    assert "stop" not in row(trees.tree_of(RUNNING, ev.StopRequested(node=node_id(1))), 1).can


def test_the_root_cannot_be_pruned() -> None:
    assert row(trees.tree_of(), 0).can == ("redirect",)


def test_nothing_can_be_done_below_a_pruned_node() -> None:
    tree = trees.tree_of(trees.proposed(1), trees.proposed(2, 1), ev.NodePruned(node=node_id(1)))
    assert row(tree, 2).can == ()
    assert row(tree, 2).is_out


def test_progress_is_shown_while_running_and_only_then() -> None:
    assert row(trees.tree_of(RUNNING), 1).progress == 0.5
    assert row(trees.tree_of(trees.proposed(1)), 1).progress is None


def test_a_curve_with_nan_is_still_json() -> None:
    bad = [ev.JobProgressed(run=run_id(node_id(1), 1), step=s, total=9, loss=float("nan"), line=s) for s in (5, 6)]
    wire = view(trees.tree_of(RUNNING, bad)).wire
    json.dumps(wire, allow_nan=False)
    assert wire["rows"][1]["spark"] == [2.0, 0.8571]


def test_a_long_curve_is_sent_thin() -> None:
    points = [ev.JobProgressed(run=run_id(node_id(1), 1), step=s, total=999, loss=1 / s, line=s) for s in range(1, 900)]
    assert len(row(trees.tree_of(RUNNING[:4], points), 1).spark) == 40


def test_the_wire_says_nothing_twice_and_reads_back() -> None:
    tree = trees.tree_of_scores([(1, 0, 0.5), (2, 1, None)])
    wire = view(tree).wire
    assert "notes" not in wire["rows"][0]
    assert View.model_validate_json(json.dumps(wire)) == view(tree)


@pytest.mark.parametrize("paused", [True, False])
def test_the_header_offers_what_makes_sense(paused: bool) -> None:
    tree = trees.tree_of(RUNNING, ev.JobsAllowed(jobs=1), [ev.StudyPaused()] * paused)
    assert view(tree).can == (("resume" if paused else "pause"), "stop")


def test_a_thousand_nodes_fit_into_half_a_megabyte() -> None:
    tree = trees.tree_of_scores([(i, (i - 1) // 3, 0.1 + i % 90 / 100) for i in range(1, 1000)])
    assert len(json.dumps(view(tree).wire)) < 500_000


def test_what_is_approved_can_be_run_from_the_header() -> None:
    assert view(trees.tree_of(trees.proposed(1), trees.approved(1))).can == ("run",)

from __future__ import annotations

import json
from typing import Any

import pytest

from trex_nb.core import events as ev
from trex_nb.core.ids import node_id, run_id
from trex_nb.report import words
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.widget.view import Row, drawn, view


def row(tree: Tree, number: int) -> Row:
    return Row.model_validate(drawn(tree).rows[node_id(number)])


def after(tree: Tree, event: ev.Event) -> Tree:
    return tree.apply(trees.stamp([event], after=tree.seq)[0])


RUNNING = [trees.proposed(1), trees.approved(1), *trees.succeeded(1, 0.5)[:4]]


def test_rows_come_in_the_order_of_the_nodes_each_after_its_parent() -> None:
    rows = drawn(trees.tree_of([trees.proposed(1), trees.proposed(2), trees.proposed(3, 1)])).wire["rows"]
    assert [r["id"] for r in rows] == ["n0", "n1", "n2", "n3"]
    assert [r.get("parent") for r in rows] == [None, "n0", "n0", "n1"]


def test_a_proposal_can_be_decided_about_and_edited() -> None:
    can = row(trees.tree_of(trees.proposed(1)), 1).can
    assert {"approve", "prune", "redirect", "edit"} <= set(can)
    assert not {"stop", "resume", "repeat", "restore"} & set(can)


def test_what_was_let_run_can_still_be_edited_until_it_begins() -> None:
    assert "edit" in row(trees.tree_of(trees.proposed(1), trees.approved(1)), 1).can
    assert "edit" not in row(trees.tree_of(RUNNING), 1).can


def test_a_running_node_can_be_stopped_once() -> None:
    assert "stop" in row(trees.tree_of(RUNNING), 1).can
    assert "stop" not in row(trees.tree_of(RUNNING, ev.StopRequested(node=node_id(1))), 1).can


def test_the_root_cannot_be_pruned_or_edited() -> None:
    assert not {"prune", "edit", "approve"} & set(row(trees.tree_of(), 0).can)


def test_a_prune_can_be_undone_where_it_was_made_and_not_below() -> None:
    tree = trees.tree_of(trees.proposed(1), trees.proposed(2, 1), ev.NodePruned(node=node_id(1)))
    assert row(tree, 1).can == ("restore",)
    assert row(tree, 2).can == ()
    assert row(tree, 2).is_out


def test_a_prune_that_kills_a_job_is_not_offered_to_be_undone() -> None:
    assert row(trees.tree_of(RUNNING, ev.NodePruned(node=node_id(1))), 1).can == ()


def test_a_scored_node_can_be_repeated() -> None:
    assert "repeat" in row(trees.tree_of_scores([(1, 0, 0.5)]), 1).can


def test_progress_is_shown_while_running_and_only_then() -> None:
    assert row(trees.tree_of(RUNNING), 1).progress == 0.5
    assert row(trees.tree_of(trees.proposed(1)), 1).progress is None


def test_cost_is_what_was_spent_beside_what_was_expected_or_else_what_is() -> None:
    assert (row(trees.tree_of(trees.proposed(1)), 1).cost, row(trees.tree_of(trees.proposed(1)), 1).estimate) == (
        "≈ 12 s",
        "",
    )
    done = row(trees.tree_of_scores([(1, 0, 0.5)]), 1)
    assert (done.cost, done.estimate, done.seconds) == ("13 s", "(≈ 12 s)", 13)


def test_an_edge_says_in_brief_what_changed() -> None:
    assert row(trees.tree_of(trees.proposed(1)), 1).edge == "r 8→16"


def test_a_gain_is_a_trend_only_beyond_noise() -> None:
    tree = trees.tree_of_scores([(1, 0, 0.5), (2, 1, 0.51), (3, 1, 0.2)])
    assert [row(tree, i).trend for i in (1, 2, 3)] == ["up", None, "down"]


def test_a_curve_with_nan_is_still_json() -> None:
    bad = [ev.JobProgressed(run=run_id(node_id(1), 1), step=s, total=9, loss=float("nan"), line=s) for s in (5, 6)]
    wire = drawn(trees.tree_of(RUNNING, bad)).wire
    json.dumps(wire, allow_nan=False)
    assert wire["rows"][1]["spark"] == [2.0, 0.8571]


def test_a_long_curve_is_sent_thin() -> None:
    points = [ev.JobProgressed(run=run_id(node_id(1), 1), step=s, total=999, loss=1 / s, line=s) for s in range(1, 900)]
    assert len(row(trees.tree_of(RUNNING[:4], points), 1).spark) == 24


def test_the_wire_says_nothing_twice_and_reads_back() -> None:
    tree = trees.tree_of_scores([(1, 0, 0.5), (2, 1, None)])
    wire = json.loads(json.dumps(drawn(tree).wire))
    assert "progress" not in wire["rows"][0]
    assert [Row.model_validate(r).id for r in wire["rows"]] == ["n0", "n1", "n2"]


@pytest.mark.parametrize("paused", [True, False])
def test_the_header_offers_what_makes_sense(paused: bool) -> None:
    tree = trees.tree_of(RUNNING, ev.JobsAllowed(jobs=1), [ev.StudyPaused()] * paused)
    assert view(tree, 1).can[:2] == (("resume" if paused else "pause"), "stop")


def test_what_is_approved_can_be_run_from_the_header() -> None:
    assert view(trees.tree_of(trees.proposed(1), trees.approved(1)), 1).can[0] == "run"


def test_a_thousand_nodes_fit_into_half_a_megabyte() -> None:
    tree = trees.tree_of_scores([(i, (i - 1) // 3, 0.1 + i % 90 / 100) for i in range(1, 1000)])
    assert len(json.dumps(drawn(tree).wire)) < 500_000


# What changed

SCORED = trees.tree_of_scores([(1, 0, 0.5), (2, 0, 0.3), (3, 1, 0.4), (4, 3, None)])
CHANGES: list[tuple[str, Any, set[str]]] = [
    ("a note changes one row", ev.NodeNoted(node=node_id(3), text="x"), {"n3"}),
    ("a new proposal changes its parent too", trees.proposed(9, 3), {"n3", "n9"}),
    (
        "a prune takes out what is below, and makes another the best",
        ev.NodePruned(node=node_id(1)),
        {"n1", "n2", "n3", "n4"},
    ),
    ("a pause changes none", ev.StudyPaused(), set()),
]


@pytest.mark.parametrize(("event", "changed"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_only_rows_that_changed_are_sent(event: Any, changed: set[str]) -> None:
    before = drawn(SCORED)
    found = drawn(after(SCORED, event), before)
    assert {r["id"] for r in found.changed} == changed
    assert found.revision == before.revision + bool(changed)
    assert found.has_moved == (event.kind == "node_proposed")


@pytest.mark.parametrize("event", [c[1] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_patched_drawing_is_the_same_as_a_fresh_one(event: Any) -> None:
    tree = after(SCORED, event)
    patched, fresh = drawn(tree, drawn(SCORED)), drawn(tree)
    assert (patched.wire["rows"], patched.wire["places"]) == (fresh.wire["rows"], fresh.wire["places"])


def test_drawing_every_step_of_a_study_ends_where_drawing_its_end_does() -> None:
    undone: list[ev.Event] = [ev.NodePruned(node=node_id(2)), ev.NodeRestored(node=node_id(2))]
    events: list[ev.Event] = [
        *trees.succeeded(0, 0.1), *RUNNING, *trees.succeeded(1, 0.5)[4:], trees.proposed(2, 1), trees.proposed(3, 2),
        *undone, trees.approved(2), *trees.succeeded(2, 0.7),
    ]  # fmt: skip
    tree = trees.tree_of()
    drawing, rows = drawn(tree), dict(drawn(tree).rows)
    for event in events:
        tree = after(tree, event)
        drawing = drawn(tree, drawing)
        rows |= {r["id"]: r for r in drawing.changed}  # as a page keeps them
    assert list(rows.values()) == drawn(tree).wire["rows"]
    assert [r["id"] for r in rows.values() if r.get("is_best")] == [words.best_id(tree)]

"""Laws that hold after every history, found by trying many."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.search.histories import STEPS, History
from trex_nb.core import commands as cmd
from trex_nb.core.events import RunResumed
from trex_nb.core.ids import ROOT, node_of
from trex_nb.core.node import Node, Status
from trex_nb.search.baselines import GreedyBestFirst, Sequential
from trex_nb.search.layout import layout
from trex_nb.search.probing import ProbeAndConfirm
from trex_nb.search.tree import Tree
from trex_nb.search.uct import Uct, backpropagate, rewards
from trex_nb.study.decide import is_idle
from trex_nb.study.restore import is_cut_off

LAW = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])


@LAW
@given(STEPS)
def test_a_replay_gives_the_tree_that_wrote_the_log(steps: list[Any]) -> None:
    history = History().live(steps)
    assert Tree.replay(history.log) == history.tree


@LAW
@given(STEPS)
def test_visits_add_up(steps: list[Any]) -> None:
    """A node's visits are its own (none for a redirected node) and those of its children that are not pruned."""
    tree = History().live(steps).tree
    found = backpropagate(tree, rewards(tree))
    assert set(found) == {n for n in tree.nodes if not tree.is_pruned(n)}
    for name, statistics in found.items():
        node = tree.nodes[name]
        own = 0 if node.status is Status.REDIRECTED else 1
        assert statistics.visits == own + sum(found[c].visits for c in node.children if c in found)


@LAW
@given(STEPS)
def test_nothing_pruned_is_ever_launched_or_approved(steps: list[Any]) -> None:
    history = History().live(steps)
    assert not any(tree.is_pruned(node_of(i.run)) for tree, i in history.launched)
    assert not any(tree.is_pruned(i.node) for tree, i in history.approved)


@LAW
@given(STEPS)
def test_auto_never_goes_beyond_the_budget_of_rounds(steps: list[Any]) -> None:
    for tree, approved in History(rounds=3).live(steps).approved:
        assert tree.rounds + tree.nodes[approved.node].plan.fidelity <= tree.budget.rounds


@LAW
@given(STEPS)
def test_never_more_jobs_at_once_than_were_allowed(steps: list[Any]) -> None:
    for tree, _ in History().live(steps).launched:
        assert tree.jobs is not None
        assert sum(r.is_training for n in tree.nodes.values() for r in n.runs) < tree.jobs


@LAW
@given(STEPS)
def test_no_run_is_launched_twice_unless_a_person_resumed_it(steps: list[Any]) -> None:
    history = History().live(steps)
    launched = Counter(i.run for _, i in history.launched)
    resumed = Counter(s.event.run for s in history.log if isinstance(s.event, RunResumed))
    assert all(times <= 1 + resumed[run] for run, times in launched.items())


@LAW
@given(STEPS)
def test_a_curve_never_goes_back_and_a_state_is_kept_only_of_what_can_go_on(steps: list[Any]) -> None:
    for node in History().live(steps).tree.nodes.values():
        for run in node.runs:
            steps_seen = [p.step for p in run.curve]
            assert steps_seen == sorted(steps_seen)
            assert run.saved is None or run.checkpoint is None


@LAW
@given(STEPS)
def test_a_prune_that_is_taken_back_at_once_leaves_the_tree_and_what_policies_see_of_it(steps: list[Any]) -> None:
    before = History().live(steps)
    for name in list(before.tree.nodes)[1:]:
        if before.tree.is_pruned(name) or any(r.is_training for n in before.tree.subtree(name) for r in n.runs):
            continue
        history = History().live([*steps, cmd.Prune(nodes=(name,)), cmd.Restore(nodes=(name,))])
        assert {n: _undecided(node) for n, node in history.tree.nodes.items()} == {
            n: _undecided(node) for n, node in before.tree.nodes.items()
        }
        assert history.tree.rounds == before.tree.rounds
        for policy in (Uct(), ProbeAndConfirm(), GreedyBestFirst(), Sequential()):
            assert policy.select(history.tree, 4) == policy.select(before.tree, 4)


def _undecided(node: Node) -> Node:
    return replace(node, decisions=())


@LAW
@given(STEPS)
def test_what_was_restored_is_not_pruned_and_what_was_killed_stays_pruned(steps: list[Any]) -> None:
    history = History().live(steps)
    for name in list(history.tree.nodes)[1:]:
        tree = History().live([*steps, cmd.Restore(nodes=(name,))]).tree
        assert all(tree.is_pruned(n) for n, node in history.tree.nodes.items() if is_cut_off(node))
        came_back = [n for n in tree.nodes if history.tree.is_pruned(n) and not tree.is_pruned(n)]
        assert not any(r.is_training for n in came_back for r in tree.nodes[n].planned)
        assert tree.rounds <= max(tree.budget.rounds, history.tree.rounds)


@LAW
@given(STEPS)
def test_reward_is_monotone_in_score(steps: list[Any]) -> None:
    tree = History().live(steps).tree
    found = rewards(tree)
    for share in (0.25, 1.0):  # a probe is not compared with a full run
        nodes = [n for n in tree.nodes.values() if n.plan.fidelity == share]
        scored = sorted((n.score.value, found[n.id]) for n in nodes if n.score)
        assert [r for _, r in scored] == sorted(r for _, r in scored)
    assert all(0 <= r <= 1 for r in found.values())


@LAW
@given(STEPS)
def test_no_two_nodes_share_a_place(steps: list[Any]) -> None:
    tree = History().live(steps).tree
    places = layout(tree.nodes)
    assert len({(p.x, p.y) for p in places.values()}) == len(tree.nodes) == len(places)
    assert min(p.y for p in places.values()) == 0
    assert places[ROOT].x == 0


@LAW
@given(STEPS)
def test_what_is_selected_can_be_a_parent(steps: list[Any]) -> None:
    tree = History().live(steps).tree
    for policy in (Uct(), ProbeAndConfirm(), GreedyBestFirst(), Sequential()):
        for node in policy.select(tree, 4):
            assert tree.nodes[node].status is Status.SUCCEEDED
            assert not tree.is_pruned(node)


@LAW
@given(STEPS)
def test_only_a_full_run_is_called_best_and_probes_are_compared_among_themselves(steps: list[Any]) -> None:
    tree = History().live(steps).tree
    assert tree.best is None or not tree.best.is_probe
    for node in tree.nodes.values():
        above = tree.scored_ancestor(node.id)
        assert above is None or above.parent is None or above.plan.fidelity == node.plan.fidelity


@LAW
@given(STEPS)
def test_the_view_of_agents_and_policies_has_no_place_for_test_scores(steps: list[Any]) -> None:
    tree = History().live(steps).tree
    seen = [n.score.split for n in tree.nodes.values() if n.score]
    assert set(seen) <= {"search"}


@LAW
@given(STEPS)
def test_a_study_that_is_given_good_outcomes_comes_to_rest(steps: list[Any]) -> None:
    """Nothing hangs: whatever happened before, work that goes well ends."""
    history = History().live(steps)
    for _ in range(500):
        if is_idle(history.tree, Uct(), now=0.0):
            break
        history.live(["good"])
    assert is_idle(history.tree, Uct(), now=0.0)
    assert all(n.status is not Status.RUNNING for n in history.tree.nodes.values()) or history.tree.is_paused
    assert history.tree.auto is None or history.tree.is_paused

from __future__ import annotations

import pytest

from trex_nb.core import events as ev
from trex_nb.core.ids import RunId
from trex_nb.errors import CommandError
from trex_nb.search.tree import Tree
from trex_nb.study.live import live_runs
from trex_nb.testing.trees import approved, failed, lora_plan, node, proposed, submitted, succeeded, tree_of

TWO = (succeeded(0, 0.1), proposed(1, plan=lora_plan(runs=2)), approved(1), submitted(1), submitted(1, 2))
ONE = (succeeded(0, 0.1), proposed(1))


def names(tree: Tree, name: str) -> list[str]:
    return [r.id for r in live_runs(tree, name)]


def test_a_node_stands_for_its_live_runs_and_a_run_for_itself() -> None:
    assert names(tree_of(*TWO), "n1") == ["n1.1", "n1.2"]
    assert names(tree_of(*TWO), "n1.2") == ["n1.2"]
    assert names(tree_of(*TWO, failed(1)), "n1") == ["n1.2"]


@pytest.mark.parametrize(("events", "name", "what", "hint"), [
    (ONE, "n0", "n0 is not running: it finished.", "%trex show n0"),
    (ONE, "n1", "n1 is not running: it awaits your decision.", "%trex approve n1, then %trex run"),
    ((*ONE, approved(1)), "n1.1", "n1.1 is not running: it is approved.", "%trex status"),
    ((*ONE, ev.NodePruned(node=node(1))), "n1", "n1 is not running: it is pruned.", "%trex status"),
    ((*ONE, approved(1), failed(1)), "n1", "n1 is not running: it ended (failed: diverged).", "%trex show n1"),
    ((*ONE, approved(1), succeeded(1, 0.5)[:-1]), "n1", "n1 is not running: it is being scored.", "%trex show n1"),
    (ONE, "n7", "There is no node n7 (the last is n1).", "%trex tree shows them all"),
    (ONE, "n1.5", "There is no run n1.5.", "n1 has n1.1"),
    (ONE, "nonsense", "There is no node nonsense (the last is n1).", "%trex tree shows them all"),
])  # fmt: skip
def test_what_is_not_live_is_told_in_two_lines(events: tuple[ev.Event, ...], name: str, what: str, hint: str) -> None:
    with pytest.raises(CommandError) as error:
        live_runs(tree_of(*events), name)
    assert (error.value.what, error.value.hint) == (what, hint)


def test_of_a_round_of_which_some_failed_the_last_is_told() -> None:
    tree = tree_of(*TWO, failed(1), succeeded(1, 0.5, index=2))
    with pytest.raises(CommandError, match=r"n1 is not running: it finished\."):
        live_runs(tree, "n1")
    assert tree.run(RunId("n1.1")).failure is not None

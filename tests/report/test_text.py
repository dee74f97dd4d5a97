from __future__ import annotations

import pytest

from trex_nb.core import events as ev
from trex_nb.core.ids import NodeId, node_id, run_id
from trex_nb.core.result import Confusion, Finding
from trex_nb.report.sections import MAX_ROWS
from trex_nb.report.text import compare_text, node_text, status_text, tree_text
from trex_nb.search.tree import Tree
from trex_nb.testing import trees


def test_the_tree_shows_each_node_under_its_parent(tree: Tree) -> None:
    heads = [line.split("  ")[0] for line in tree_text(tree).splitlines()]
    assert heads[:3] == ["n0", "├─ n1", "│"]
    assert "│  │  └─ n6  ? proposed  Idea 6" in tree_text(tree)
    assert tree_text(tree).splitlines()[-1].startswith("└─ n2  ✗ failed")


def test_the_best_node_is_marked_once(tree: Tree) -> None:
    marked = [line for line in tree_text(tree).splitlines() if "★ best" in line]
    assert len(marked) == 1
    assert "n3" in marked[0]


def test_a_large_tree_ends_in_a_count() -> None:
    large = trees.tree_of([trees.proposed(i) for i in range(1, MAX_ROWS + 10)])
    assert tree_text(large).splitlines()[-1] == "10 more nodes are not shown here."


def test_a_deep_tree_needs_no_recursion() -> None:
    deep = trees.tree_of([trees.proposed(i, i - 1) for i in range(1, 1200)])
    assert len(tree_text(deep).splitlines()) == MAX_ROWS + 1


def test_a_node_is_told_whole(tree: Tree) -> None:
    text = node_text(tree, node_id(3))
    for part in ("Raise rank helps.", "r: 8 → 32", "0.610 ± 0.020", "+0.160 ± 0.028 against n1", "red", '"r": 32', "█"):
        assert part in text


def test_a_failure_is_told_with_the_tail_of_its_log() -> None:
    failure = trees.failed(1)[1]
    assert isinstance(failure, ev.RunFailed)
    log = "x" * 9000 + "last words"
    logged = failure.model_copy(update={"failure": failure.failure.model_copy(update={"log": log})})
    text = node_text(trees.tree_of(trees.proposed(1), trees.approved(1), trees.submitted(1), logged), node_id(1))
    assert "train/diverged: loss is nan" in text
    assert "last words" in text
    assert "the last 6,000 of 9,010 characters" in text


def test_comparing_says_what_differs_and_by_how_much(tree: Tree) -> None:
    text = compare_text(tree, node_id(1), node_id(3))
    assert "n3 is better than n1: +0.160 [+0.105, +0.215], p < 0.001 (50 items, errors taken as independent)." in text
    assert "lora_alpha  32  64" in text


def test_comparing_with_an_unscored_node_says_so(tree: Tree) -> None:
    assert "no score yet for n6" in compare_text(tree, node_id(1), node_id(6))


def test_an_unknown_node_is_an_error(tree: Tree) -> None:
    with pytest.raises(KeyError):
        node_text(tree, NodeId("n99"))


def test_status_names_study_best_and_budget(tree: Tree) -> None:
    text = status_text(tree)
    assert "n3  Raise rank  0.610 ± 0.020  +0.160 vs n1" in text
    assert "4 of 8 rounds" in text


def test_no_control_character_reaches_the_terminal(hostile: Tree) -> None:
    text = "".join((status_text(hostile), tree_text(hostile), *(node_text(hostile, n) for n in hostile.nodes)))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_findings_say_what_to_try_and_confusions_stand_in_a_table() -> None:
    seen = trees.evaluation(0.5).model_copy(
        update={
            "confusions": (Confusion(expected="red", got="blue", count=5, n=20),),
            "general_losses": (2.0, 4.0),
            "cut": 0.25,
        }
    )
    n1, run = node_id(1), run_id(node_id(1), 1)
    finding = Finding(kind="weak_slice", message="Too low.", suggests="balance: 0 → 0.5")
    tree = trees.tree_of(
        trees.proposed(1), trees.approved(1), trees.succeeded(1, 0.5)[:-1], ev.RunEvaluated(run=run, evaluation=seen),
        ev.NodeDiagnosed(node=n1, findings=(finding,)),
    )  # fmt: skip
    text = node_text(tree, n1)
    assert "• weak slice: Too low. Try balance: 0 → 0.5." in text
    assert "red       blue  5 of 20  25%" in text
    assert "Loss on general text: 3.00 nats per token." in text
    assert "25.0% of answers hit the limit" in text

from __future__ import annotations

from trex_nb.agents.context import LIMIT, memory_context
from trex_nb.core import events as ev
from trex_nb.core.result import Insight
from trex_nb.testing.trees import approved, failed, node, proposed, succeeded, tree_of


def told(*happened: ev.Event, parent: int = 1, words: str | None = None) -> str:
    tree = tree_of(succeeded(0, 0.1), proposed(1), approved(1), succeeded(1, 0.5), list(happened))
    return memory_context(tree, ev.ProposalRequested(request=9, parent=node(parent), n=1, directions=words))


def test_path_siblings_and_key_nodes_are_told() -> None:
    text = told(proposed(2, 1), proposed(3), approved(3), *failed(3), proposed(4))
    assert "Path from the baseline:\n- n0" in text
    assert "Children it already has:\n- n2" in text
    assert "Key nodes elsewhere:\n- n3 | Idea 3 | train/diverged: loss is nan" in text
    assert "n4" not in text


def test_what_the_person_said_is_told() -> None:
    text = told(
        ev.NodeNoted(node=node(1), text="looks odd"), proposed(2), ev.NodePruned(node=node(2), why="too slow"),
        words="rank 32",
    )  # fmt: skip
    assert "- n1: looks odd" in text
    assert "- n2: pruned: too slow" in text
    assert text.startswith("Directions of the person: rank 32")


def test_a_prune_that_was_taken_back_is_not_told() -> None:
    pruned = ev.NodePruned(node=node(2), why="too slow")
    assert "too slow" not in told(proposed(2), pruned, ev.NodeRestored(node=node(2)))


def test_insights_are_told() -> None:
    insight = Insight(text="Rank does not matter.", evidence=(node(1),))
    assert "Rank does not matter." in told(ev.InsightRecorded(insight=insight))


def test_a_long_history_is_cut_from_its_oldest_key_nodes() -> None:
    happened = [
        e for n in range(2, 150) for e in (proposed(n), approved(n), *failed(n, message=f"failure {n} " + "x" * 100))
    ]  # fmt: skip
    text = told(*happened, ev.NodeNoted(node=node(1), text="keep this in mind"), words="rank 32")
    assert len(text) <= LIMIT
    assert "failure 149" in text
    assert "failure 2 " not in text
    assert "keep this in mind" in text


def test_no_text_is_longer_than_the_limit() -> None:
    assert len(told(ev.NodeNoted(node=node(1), text="x" * 50_000))) <= LIMIT + 10

from __future__ import annotations

import pytest

from trex_nb.core import events as ev
from trex_nb.core.result import Insight
from trex_nb.core.task import Budget
from trex_nb.report import words
from trex_nb.report.estimates import estimates_words
from trex_nb.report.html import insights_html
from trex_nb.report.text import insights_text, node_text, status_text
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.testing.trees import approved, lora_plan, node, proposed, succeeded, tree_of


def learnt() -> Tree:
    old = Insight(text="Rank 4 is enough.", evidence=(node(1),))
    new = Insight(text="Rank 16 beats 4.", evidence=(node(1), node(2)), supersedes=(old.text,))
    return tree_of(succeeded(0, 0.1), ev.InsightRecorded(insight=old), ev.InsightRecorded(insight=new))


def test_what_no_longer_holds_is_told_with_what_took_its_place() -> None:
    text = insights_text(learnt())
    assert "Rank 16 beats 4.  n1, n2" in text
    assert "1 earlier insight no longer holds" in text
    assert "Rank 4 is enough.  Rank 16 beats 4." in text
    html = insights_html(learnt())
    assert html.index("Rank 16 beats 4.") < html.index("<details>") < html.index("Rank 4 is enough.")


def test_without_insights_it_says_where_they_come_from() -> None:
    assert "No insights yet" in insights_text(tree_of(succeeded(0, 0.1)))
    assert "<details>" not in insights_html(tree_of(succeeded(0, 0.1)))


def test_hostile_insights_are_escaped(hostile: Tree) -> None:
    assert "<script" not in insights_html(hostile)
    assert "<img" not in insights_html(hostile)
    assert "\x1b" not in insights_text(hostile)


def test_status_counts_insights_and_names_the_newest() -> None:
    assert "1; newest: Rank 16 beats 4." in status_text(learnt())


def test_estimates_are_held_against_what_was_measured() -> None:
    """The fake run takes 13 s with its evaluation; 12 s and 3 s were said."""
    plans = [
        lora_plan(f"Idea {m}", r=r).model_copy(update={
            "expected": lora_plan().expected.model_copy(update={"minutes": m})
        }) for r, m in ((4, 0.2), (8, 0.05))
    ]  # fmt: skip
    events = [e for k, p in enumerate(plans, 1) for e in (proposed(k, plan=p), approved(k), *succeeded(k, 0.5))]
    tree = tree_of(succeeded(0, 0.1)[:0], events)
    assert estimates_words(tree).startswith("within ×1.5 for 1 of 2 jobs")
    assert "13 s of 12 s expected (×1.08)" in node_text(tree, node(1))
    assert estimates_words(tree_of()) == ""


@pytest.mark.parametrize(("seconds", "said"), [(3600, "2.50 EUR"), (36, "0.025 EUR"), (0, "0.00 EUR")])
def test_compute_is_told_in_money_where_a_price_is_known(seconds: float, said: str) -> None:
    budget = Budget(price_per_hour=2.5, currency="EUR")
    assert words.money(seconds, budget) == said
    assert words.money(seconds, Budget()) == ""


def test_an_interval_is_told_where_there_is_one() -> None:
    expected = lora_plan().expected.model_copy(update={"minutes_low": 0.1, "minutes_high": 0.4})
    plan = trees.lora_plan().model_copy(update={"expected": expected})
    assert "12 s (6.0 s to 24 s)" in words.expected_words(plan)

"""What is found on a node, on both sides of every threshold; the laws that all findings keep."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trex_nb.agents.diagnosis import diagnose
from trex_nb.agents.findings.answers import weak_slices
from trex_nb.core import events as ev
from trex_nb.core.ids import ROOT, run_id
from trex_nb.core.result import (
    BadCase,
    Checkpoint,
    Confusion,
    Cost,
    Evaluation,
    Finding,
    FindingKind,
    RowReport,
    Score,
    SliceScore,
)
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.testing.trees import approved, created, failed, lora_plan, node, proposed, stamp, submitted, tree_of

GENERAL = tuple(1.0 + i / 10 for i in range(20))
SLOPE = [3 - 0.2 * i for i in range(10)]
FLAT = [2.0, 1.2, *[1.0, 0.9] * 9]
FALLEN = [2.0, 1.0, 0.5, *[0.3, 0.31] * 8]


def seen(value: float = 0.8, n: int = 200, **more: Any) -> Evaluation:
    """An evaluation with the error of a share."""
    stderr = math.sqrt(max(value * (1 - value), 0.25 / n) / n)
    score = Score(metric="accuracy", split="search", value=value, n=n, stderr=stderr)
    return Evaluation(score=score, evaluator="e", seconds=1, **more)


def ran(
    number: int, evaluation: Evaluation | None, losses: list[float] | None = None, *,
    held_out: list[float] | None = None,
    rows: RowReport | None = None, index: int = 1,
) -> list[ev.Event]:  # fmt: skip
    """All events of a run; held-out losses are measured evenly along the curve."""
    run = run_id(node(number), index)
    losses = FALLEN if losses is None else losses
    total = len(losses)
    marks = {round(total * (k + 1) / len(held_out)): loss for k, loss in enumerate(held_out)} if held_out else {}
    points = [
        ev.JobProgressed(run=run, step=i, total=total, loss=loss, eval_loss=marks.get(i), line=i)
        for i, loss in enumerate(losses, 1)
    ]
    done = ev.JobFinished(run=run, checkpoint=Checkpoint(kind="adapter"), cost=Cost(), line=total + 1, rows=rows)
    scored = [ev.RunEvaluated(run=run, evaluation=evaluation)] if evaluation else []
    return [submitted(number, index), *points, done, *scored]


def first(number: int = 1, runs: int = 1) -> list[ev.Event]:
    return [proposed(number, plan=lora_plan(f"Idea {number}", r=2**number, runs=runs)), approved(number)]


def found(*happened: ev.Event, before: list[ev.Event] | None = None) -> tuple[Finding, ...]:
    tree = tree_of(before or [], first(), list(happened))
    return diagnose(tree, tree.nodes[node(1)])


def kinds(*happened: ev.Event, before: list[ev.Event] | None = None) -> list[FindingKind]:
    return [f.kind for f in found(*happened, before=before)]


def root(evaluation: Evaluation) -> list[ev.Event]:
    return [submitted(0), ev.RunEvaluated(run=run_id(ROOT, 1), evaluation=evaluation)]


def noisy(level: float, fall: float, noise: float, n: int = 60) -> list[float]:
    rng = random.Random(0)
    return [level - fall * i / n + rng.gauss(0, noise) for i in range(n)]


def test_a_diverged_run_is_seen() -> None:
    assert kinds(*failed(1)) == ["diverged"]


def test_a_loss_that_ends_far_above_its_lowest_is_divergence() -> None:
    assert kinds(*ran(1, seen(), [3.0, 2.0, *[0.5] * 10, *[0.9] * 8])) == ["diverged"]
    assert kinds(*ran(1, seen(), [3.0, 2.0, *[0.5] * 10, *[0.7] * 8])) == []


def test_a_jagged_end_is_no_divergence() -> None:
    assert kinds(*ran(1, seen(), [*FALLEN[:15], 0.1, 1.6, 0.2, 0.1])) == []


def test_a_loss_that_still_falls_is_underfitting() -> None:
    assert kinds(*ran(1, seen(), SLOPE)) == ["underfitting"]
    assert kinds(*ran(1, seen(), [1.0] * 10)) == []


def test_a_fall_within_the_noise_of_the_curve_is_none() -> None:
    assert kinds(*ran(1, seen(), noisy(1.0, 0.5, 0.02))) == ["underfitting"]
    assert kinds(*ran(1, seen(), noisy(1.0, 0.5, 0.6))) == []


def test_a_fall_to_next_to_nothing_is_no_underfitting() -> None:
    assert kinds(*ran(1, seen(0.92), [0.4 - 0.042 * i for i in range(10)])) == []
    assert kinds(*ran(1, seen(0.92), [0.9 - 0.042 * i for i in range(10)])) == ["underfitting"]


def test_nothing_is_said_of_the_curve_of_a_run_that_scores_as_well_as_can_be() -> None:
    assert kinds(*ran(1, seen(0.98), SLOPE)) == []


def test_a_held_out_loss_that_rises_is_overfitting() -> None:
    assert kinds(*ran(1, seen(), held_out=[2.0, 1.0, 1.4])) == ["overfitting"]
    assert kinds(*ran(1, seen(), held_out=[2.0, 1.0, 1.2])) == []


def test_a_rise_on_few_held_out_rows_may_be_chance() -> None:
    few, many = RowReport(rows=100, held_out=5), RowReport(rows=1200, held_out=64)
    assert kinds(*ran(1, seen(), held_out=[2.0, 1.0, 1.5], rows=many)) == ["overfitting"]
    assert kinds(*ran(1, seen(), held_out=[2.0, 1.0, 1.5], rows=few)) == []


def test_rows_known_by_heart_are_overfitting_when_the_score_is_far_from_it() -> None:
    by_heart = [2.0, 1.0, 0.5, 0.1, *[0.01] * 16]
    assert kinds(*ran(1, seen(0.4), by_heart)) == ["overfitting"]
    assert kinds(*ran(1, seen(0.92), by_heart)) == []
    assert kinds(*ran(1, seen(0.4), [2.0, 1.0, 0.5, *[0.2, 0.21] * 8])) == []


@pytest.mark.parametrize(("value", "is_found"), [(0.5, True), (0.78, False)])
def test_a_flat_loss_is_a_plateau_only_below_what_another_node_reached(value: float, is_found: bool) -> None:
    better = [*first(2), *ran(2, seen(0.8), FALLEN)]
    assert kinds(*ran(1, seen(value), FLAT), before=[]) == []
    tree = tree_of(first(), ran(1, seen(value), FLAT), better)
    assert [f.kind for f in diagnose(tree, tree.nodes[node(1)])] == (["plateau"] if is_found else [])


def test_malformed_answers_are_seen_beyond_noise() -> None:
    assert kinds(*ran(1, seen(malformed=0.05))) == ["malformed_answers"]
    assert kinds(*ran(1, seen(malformed=0.03))) == []
    assert kinds(*ran(1, seen(n=20, malformed=0.05))) == []


def test_cut_answers_are_seen_unless_they_are_the_malformed_ones() -> None:
    assert kinds(*ran(1, seen(cut=0.2))) == ["cut_answers"]
    assert kinds(*ran(1, seen(cut=0.03))) == []
    assert kinds(*ran(1, seen(cut=0.2, malformed=0.2))) == ["malformed_answers"]


def test_a_limit_of_tokens_that_cuts_right_answers_is_named() -> None:
    cases = (BadCase(prompt="p", expected="light blue", got="light"),) * 3
    task = trees.TASK.model_copy(update={"max_new_tokens": 2})
    happened = [created().model_copy(update={"task": task}), *first(), *ran(1, seen(cut=0.5, bad_cases=cases))]
    tree = Tree.replay(stamp(happened))
    (finding,) = diagnose(tree, tree.nodes[node(1)])
    assert "limit of 2 tokens (max_new_tokens) cuts answers that were right so far" in finding.message
    assert "max_new_tokens" in finding.suggests


def sliced(**values: tuple[float, int]) -> tuple[SliceScore, ...]:
    return tuple(SliceScore(slice=name, value=value, n=n) for name, (value, n) in values.items())


def test_a_slice_is_weak_beyond_noise_and_not_when_it_is_small() -> None:
    assert "weak_slice" in kinds(*ran(1, seen(slices=sliced(red=(0.5, 50), blue=(0.9, 150)))))
    assert kinds(*ran(1, seen(slices=sliced(red=(0.75, 50), blue=(0.82, 150))))) == []
    assert kinds(*ran(1, seen(slices=sliced(red=(0.0, 5), blue=(0.82, 195))))) == []


def test_among_many_slices_the_lowest_has_to_be_lower() -> None:
    """Two standard errors below the rest is weak for one of two slices, and to be expected of one of fifty."""
    low, rest = (0.66, 60), (0.82, 400)
    assert "weak_slice" in kinds(*ran(1, seen(slices=sliced(low=low, a=rest, b=rest, c=rest))))
    many = sliced(low=low, **{f"s{i}": rest for i in range(49)})
    assert kinds(*ran(1, seen(slices=many))) == []


def confused(count: int, n: int = 50, labels: int = 2, got: str = "blue") -> Evaluation:
    pairs = (Confusion(expected="red", got=got, count=count, n=n),)
    slices = sliced(red=(1 - count / n, n))
    return seen(1 - count / n, n, confusions=pairs, labels=labels, slices=slices)


def test_a_label_taken_for_another_is_seen_beyond_noise() -> None:
    assert "confusion" in kinds(*ran(1, confused(20)))
    assert kinds(*ran(1, confused(8))) == []
    assert kinds(*ran(1, confused(2, n=3))) == []


def test_errors_spread_over_all_labels_are_no_confusion() -> None:
    spread = tuple(Confusion(expected="red", got=f"l{i}", count=15, n=50) for i in range(3))
    assert kinds(*ran(1, seen(0.1, 50, confusions=spread, labels=4, slices=sliced(red=(0.1, 50))))) == []


def test_rare_classes_below_the_others_are_imbalance() -> None:
    facts = trees.FACTS.model_copy(update={"slices": (("red", 80), ("blue", 10), ("grey", 10))})
    start = created().model_copy(update={"data": facts})

    def at(rare: float) -> list[FindingKind]:
        slices = sliced(red=(0.9, 100), blue=(rare, 15), grey=(rare, 15))
        tree = Tree.replay(stamp([start, *first(), *ran(1, seen(slices=slices))]))
        return [f.kind for f in diagnose(tree, tree.nodes[node(1)])]

    assert "imbalance" in at(0.4)
    assert "imbalance" not in at(0.8)


def forgot(by: float) -> tuple[float, ...]:
    return tuple(loss + by * (1 + (i % 3) / 10) for i, loss in enumerate(GENERAL))


def test_a_loss_on_general_text_that_rose_is_forgetting_and_a_note_where_it_paid() -> None:
    base = root(seen(0.5, general_losses=GENERAL))
    (note,) = found(*ran(1, seen(0.8, general_losses=forgot(1.0))), before=base)
    assert (note.kind, note.is_note, note.suggests) == ("forgetting", True, "")
    (problem,) = found(*ran(1, seen(0.5, general_losses=forgot(1.0))), before=base)
    assert (problem.kind, problem.is_note) == ("forgetting", False)
    assert "learning_rate" in problem.suggests
    assert kinds(*ran(1, seen(0.8, general_losses=forgot(0.2))), before=base) == []


def test_of_a_ruined_model_nothing_is_said_that_follows_from_it() -> None:
    base = root(seen(0.5, general_losses=GENERAL))
    slices = sliced(red=(0.5, 50), blue=(0.9, 150))
    (ruin,) = found(*ran(1, seen(0.8, slices=slices, general_losses=forgot(5.0)), SLOPE), before=base)
    assert (ruin.kind, ruin.is_note) == ("forgetting", False)


def test_a_rise_on_a_few_paragraphs_alone_is_within_noise() -> None:
    base = root(seen(0.5, general_losses=GENERAL))
    lopsided = (*GENERAL[:-1], GENERAL[-1] + 20)
    assert kinds(*ran(1, seen(0.5, general_losses=lopsided)), before=base) == []


def test_forgetting_that_another_node_did_without_is_a_problem() -> None:
    base = root(seen(0.5, general_losses=GENERAL))
    other = [*first(2), *ran(2, seen(0.79, general_losses=forgot(0.3)))]
    (finding,) = found(*ran(1, seen(0.8, general_losses=forgot(1.0))), before=[*base, *other])
    assert not finding.is_note
    assert "n2 scores as well" in finding.message


def test_truncated_and_repeated_rows_are_counted() -> None:
    rows = RowReport(rows=100, truncated=30, dropped=2, duplicates=20, longest=300)
    cut, twice = found(*ran(1, seen(), rows=rows))
    assert (cut.kind, twice.kind) == ("truncated_rows", "duplicates")
    assert "max_length: 256 → 512" in cut.suggests
    assert "dedup" in twice.suggests
    few = RowReport(rows=100, truncated=1, duplicates=5, longest=300)
    assert kinds(*ran(1, seen(), rows=few)) == []


def of_root(**facts: int) -> list[FindingKind]:
    start = created().model_copy(update={"data": trees.FACTS.model_copy(update=facts)})
    tree = Tree.replay(stamp([start, *root(seen(0.1))]))
    return [f.kind for f in diagnose(tree, tree.root)]


def test_what_is_wrong_with_the_data_is_said_of_the_baseline() -> None:
    assert of_root() == []
    assert of_root(duplicates=6) == ["duplicates"]
    assert of_root(duplicates=5) == []
    assert of_root(in_search=1) == ["contamination"]
    assert of_root(in_test=3, in_both=2) == ["contamination", "contamination"]


def test_findings_of_old_logs_are_read() -> None:
    old = {"kind": "weak_slice", "message": "Weak slices: red 0.50 (n=50).", "slices": ["red"]}
    assert Finding.model_validate(old).evidence == ()


def test_problems_come_before_notes_and_the_most_telling_first() -> None:
    slices = sliced(red=(0.5, 50), blue=(0.9, 150))
    base = root(seen(0.2, general_losses=GENERAL))
    evaluation = seen(slices=slices, malformed=0.2, general_losses=forgot(2.0))
    assert kinds(*ran(1, evaluation, SLOPE), before=base) == [
        "malformed_answers", "underfitting", "weak_slice", "forgetting"
    ]  # fmt: skip


NAMES = st.sampled_from(["red", "blue", "grey", "green", "black"])
SLICES = st.lists(st.builds(SliceScore, slice=NAMES, value=st.floats(0, 1), n=st.integers(1, 300)),
                  unique_by=lambda s: s.slice, max_size=5)  # fmt: skip
PAIRS = st.lists(
    st.tuples(NAMES, NAMES, st.integers(1, 50)).map(lambda t: Confusion(expected=t[0], got=t[1], count=t[2], n=60)),
    unique_by=lambda c: (c.expected, c.got), max_size=5,
)  # fmt: skip
LOSSES = st.lists(st.floats(0, 20), max_size=25)
EVALUATIONS = st.builds(
    seen, st.floats(0, 1), st.integers(1, 500), slices=SLICES.map(tuple), confusions=PAIRS.map(tuple),
    labels=st.integers(0, 9), malformed=st.none() | st.floats(0, 1), cut=st.none() | st.floats(0, 1),
    general_losses=st.sampled_from([(), GENERAL, forgot(1.0)]),
)  # fmt: skip
ROWS = st.none() | st.builds(
    RowReport, rows=st.integers(0, 50), held_out=st.integers(0, 9), truncated=st.integers(0, 50),
    duplicates=st.integers(0, 50), longest=st.integers(0, 999),
)  # fmt: skip


@settings(max_examples=40)
@given(EVALUATIONS, LOSSES, ROWS, st.randoms())
def test_the_order_of_slices_and_confusions_changes_nothing(
    evaluation: Evaluation, losses: list[float], rows: RowReport | None, rng: random.Random
) -> None:
    slices, pairs = list(evaluation.slices), list(evaluation.confusions)
    rng.shuffle(slices)
    rng.shuffle(pairs)
    shuffled = evaluation.model_copy(update={"slices": tuple(slices), "confusions": tuple(pairs)})
    base = root(seen(0.3, general_losses=GENERAL))
    assert found(*ran(1, evaluation, losses, rows=rows), before=base) == found(
        *ran(1, shuffled, losses, rows=rows), before=base
    )


@settings(max_examples=40)
@given(st.lists(st.tuples(EVALUATIONS, LOSSES), min_size=2, max_size=3), st.permutations([0, 1, 2]))
def test_the_order_in_which_runs_end_changes_nothing(
    runs: list[tuple[Evaluation, list[float]]], order: list[int]
) -> None:
    def ended(places: list[int]) -> tuple[Finding, ...]:
        events = [e for i in places for e in ran(1, *runs[i], index=i + 1)]
        tree = tree_of(root(seen(0.3, general_losses=GENERAL)), first(runs=len(runs)), events)
        return diagnose(tree, tree.nodes[node(1)])

    assert ended(list(range(len(runs)))) == ended([i for i in order if i < len(runs)])


@settings(max_examples=40)
@given(st.integers(20, 500), st.integers(1, 20))
def test_a_perfect_run_gives_no_finding(n: int, count: int) -> None:
    slices = tuple(SliceScore(slice=f"s{i}", value=1.0, n=n) for i in range(count))
    evaluation = seen(1.0, n, slices=slices, malformed=0.0, cut=0.0, labels=count, general_losses=GENERAL)
    rows = RowReport(rows=1000, held_out=50, longest=100)
    happened = ran(1, evaluation, FALLEN, held_out=[2.0, 1.0, 0.5], rows=rows)
    assert kinds(*happened, before=root(seen(0.1, general_losses=GENERAL))) == []


@settings(max_examples=40)
@given(EVALUATIONS, LOSSES, ROWS)
def test_every_finding_has_its_evidence_in_words_and_finite_numbers(
    evaluation: Evaluation, losses: list[float], rows: RowReport | None
) -> None:
    for finding in found(*ran(1, evaluation, losses, rows=rows), before=root(seen(0.3, general_losses=GENERAL))):
        assert finding.message.endswith(".")
        assert finding.evidence
        assert all(math.isfinite(value) for _, value in finding.evidence)


@pytest.mark.parametrize("count", [2, 12, 50])
def test_equal_slices_are_called_weak_no_oftener_than_two_standard_errors_allow(count: int) -> None:
    """One set of slices in forty by the normal tail; binomial counts of sixty items are a little coarser."""
    rng = np.random.default_rng(count)
    values = rng.binomial(60, 0.7, size=(1000, count)) / 60
    sets = ([SliceScore(slice=f"s{i}", value=v, n=60) for i, v in enumerate(row)] for row in values)
    assert sum(bool(weak_slices(slices)) for slices in sets) <= 40


def test_every_kind_has_a_test_here() -> None:
    assert set(get_args(FindingKind)) <= set(Path(__file__).read_text().split('"'))

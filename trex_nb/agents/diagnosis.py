"""Diagnosis: from the curve, the slices and the answers of a finished node to typed Findings, and from each Finding to
edits worth trying (TREX section 3.2, bad-case analysis; thresholds are ours).

Every finding quotes its evidence. None is drawn from noise: a slice is weak only when it lies two standard errors
below the whole, a loss rises only when it does so by a tenth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from trex_nb.core.node import CurvePoint, Node
from trex_nb.core.protocols import TreeView
from trex_nb.core.result import Evaluation, Finding
from trex_nb.search.space import Point, Space, Value

_SMALLEST_SLICE = 8
_GOOD_ENOUGH = 0.97
_NOTICEABLE = 0.02  # of loss


def diagnose(tree: TreeView, node: Node) -> tuple[Finding, ...]:
    """All findings on a finished node, most telling first."""
    found = []
    if any(r.failure and r.failure.kind == "diverged" for r in node.runs):
        found.append(Finding(kind="diverged", message="Training diverged: the loss left the range it started in."))
    run = node.best_run
    if run and run.evaluation and run.config.method != "none":
        found += _from_answers(tree, run.evaluation)
        found += _from_curve(run.curve, run.evaluation.score.value)
    return tuple(found)


def _from_answers(tree: TreeView, evaluation: Evaluation) -> Iterator[Finding]:
    if evaluation.malformed is not None and evaluation.malformed > 0.05:
        share = f"{evaluation.malformed:.0%}"
        yield Finding(kind="malformed_answers", message=f"{share} of the answers are not one of the known labels.")
    weak = [s for s in evaluation.slices if _is_weak(s.value, s.n, evaluation.score.value)]
    if weak:
        weakest = sorted(weak, key=lambda s: s.value)[:3]
        words = ", ".join(f"{s.slice} {s.value:.2f} (n={s.n})" for s in weakest)
        names = tuple(s.slice for s in weakest)
        yield Finding(kind="weak_slice", message=f"Weak slices: {words}.", slices=names)
    largest = tree.data.slices[0][1] / max(1, tree.data.train) if tree.data.slices else 0
    if weak and tree.data.closed_answers and largest > 0.3 and tree.task.metric == "macro_f1":
        name = tree.data.slices[0][0]
        message = f"{name} is {largest:.0%} of the training rows, and rarer classes score below it."
        yield Finding(kind="imbalance", message=message)


def _is_weak(value: float, n: int, whole: float) -> bool:
    error = math.sqrt(max(whole * (1 - whole), 0.01) / n)
    return n >= _SMALLEST_SLICE and value < min(_GOOD_ENOUGH, whole - 2 * error)


def _from_curve(curve: tuple[CurvePoint, ...], score: float) -> Iterator[Finding]:
    held_out = [p.eval_loss for p in curve if p.eval_loss is not None]
    if len(held_out) >= 3 and held_out[-1] > 1.1 * min(held_out):
        message = f"Loss on held-out rows rose from {min(held_out):.2f} to {held_out[-1]:.2f}."
        yield Finding(kind="overfitting", message=message)
        return
    losses = [p.loss for p in curve if p.loss is not None]
    fifth = len(losses) // 5
    if fifth and score < _GOOD_ENOUGH:
        before = sum(losses[-2 * fifth : -fifth]) / fifth
        last = sum(losses[-fifth:]) / fifth
        if last < 0.93 * before and before - last > _NOTICEABLE:
            message = f"The loss was still falling at the end ({before:.2f} to {last:.2f} over the last fifth)."
            yield Finding(kind="underfitting", message=message)


def moves(finding: Finding, space: Space, point: Point) -> list[dict[str, Value]]:
    """Edits of `point` that answer a finding, best first; each is a mapping from field to new value."""
    rate = "learning_rate" if point["method"] == "lora" else "full_learning_rate"
    if finding.kind == "diverged":
        return [_scaled(space, point, rate, 0.25), _scaled(space, point, rate, 0.1)]
    if finding.kind == "underfitting":
        longer, wider = _up(space, point, "num_train_epochs"), _up(space, point, "r")
        return _merged([longer, _scaled(space, point, rate, 2), wider, longer | wider])
    if finding.kind == "overfitting":
        return _merged([_up(space, point, "num_train_epochs", -1), _scaled(space, point, rate, 0.5)])
    if finding.kind == "malformed_answers":
        return _merged([_up(space, point, "num_train_epochs"), _scaled(space, point, rate, 1.5)])
    if finding.kind == "weak_slice":
        weights: dict[str, Value] = {}
        for name in finding.slices:
            weights |= _up(space, point, f"weight[{name}]")
        return _merged([weights, _up(space, point, "balance"), weights | _up(space, point, "num_train_epochs")])
    return _merged([_up(space, point, "balance", 2), _up(space, point, "balance")])


def _merged(options: list[dict[str, Value]]) -> list[dict[str, Value]]:
    return [o for o in options if o]


def _scaled(space: Space, point: Point, name: str, factor: float) -> dict[str, Value]:
    field = space.field(name)
    value = min(field.high, max(field.low, float(point.get(name, field.default)) * factor))
    return {name: float(f"{value:.1e}")}


def _up(space: Space, point: Point, name: str, by: int = 1) -> dict[str, Value]:
    """The field moved `by` choices; empty when it does not exist here or is at its end."""
    if name not in space.names:
        return {}
    field = space.field(name)
    if field.values is None or field.method not in (None, point["method"]):
        return {}
    at = round(field.unit(point.get(name, field.default)) * (len(field.values) - 1))
    to = min(len(field.values) - 1, max(0, at + by))
    return {name: field.values[to]} if to != at else {}

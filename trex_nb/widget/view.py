"""What the browser is told: tree in, view model out. Pure.

The browser draws and never reckons: every text is worded here, places come from `search.layout`, and `can` says which
commands make sense for a node. A command that comes too late all the same is refused by the study, not by the view.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Literal

from trex_nb.core.base import Frozen
from trex_nb.core.ids import ROOT
from trex_nb.core.node import Node, Status
from trex_nb.report import words
from trex_nb.search.layout import Place, layout
from trex_nb.search.tree import Tree

Action = Literal["approve", "prune", "redirect", "stop"]
StudyAction = Literal["run", "pause", "resume", "stop"]


class Row(Frozen):
    """One node, ready to be shown. `progress` is 0..1 while running; `spark` the loss curve, at most 40 points;
    `is_out` says that the node or one above it was pruned; `x` and `y` are levels and rows."""

    id: str
    parent: str | None = None
    depth: int = 0
    x: int = 0
    y: float = 0.0
    status: str
    glyph: str
    title: str
    hypothesis: str = ""
    changes: tuple[str, ...] = ()
    score: str = ""
    gain: str = ""
    cost: str = ""
    expected: str = ""
    decided: str = ""
    progress: float | None = None
    spark: tuple[float, ...] = ()
    failure: str = ""
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    can: tuple[Action, ...] = ()
    is_best: bool = False
    is_out: bool = False


class View(Frozen):
    """A study, ready to be shown: rows in outline order, parents first."""

    study: str
    goal: str
    seq: int
    state: str
    budget: str
    can: tuple[StudyAction, ...] = ()
    rows: tuple[Row, ...] = ()

    @property
    def wire(self) -> dict[str, Any]:
        """As JSON values, leaving out what has its default."""
        return self.model_dump(mode="json", exclude_defaults=True)


def view(tree: Tree) -> View:
    """The view model of `tree`, which has its `StudyCreated`."""
    places, best = layout(tree.nodes), words.best_id(tree)
    return View(
        study=tree.name,
        goal=words.cut(tree.task.goal, 1000),
        seq=tree.seq,
        state=words.state_words(tree),
        budget=words.budget_words(tree),
        can=_study_actions(tree),
        rows=tuple(_row(tree, n, places[n.id], is_best=n.id == best) for n in tree.subtree(ROOT)),
    )


def _row(tree: Tree, n: Node, place: Place, *, is_best: bool) -> Row:
    progress = words.node_progress(n)
    glyph, word = words.sign(n)
    return Row(
        id=n.id, parent=n.parent, depth=n.depth, x=place.x, y=place.y,
        status=word, glyph=glyph,
        title=words.one_line(n.plan.title, 200),
        hypothesis=words.cut(n.plan.hypothesis, 1000),
        changes=_some(str(c) for c in n.plan.changes),
        score=words.score_words(n), gain=words.gain_words(tree, n), cost=words.cost_words(n),
        expected=words.expected_words(n.plan),
        decided=_decided(n),
        progress=None if progress is None else round(progress, 3),
        spark=_spark(n),
        failure=words.cut(str(n.failure), 500) if n.failure else "",
        findings=_some(map(str, n.findings)),
        notes=_some(n.notes),
        can=_actions(tree, n),
        is_best=is_best,
        is_out=tree.is_pruned(n.id),
    )  # fmt: skip


def _some(texts: Iterable[str]) -> tuple[str, ...]:
    """The first twelve, cut."""
    return tuple(words.cut(t, 300) for t in islice(texts, 12))


def _decided(n: Node) -> str:
    why = words.one_line(n.decisions[-1].why, 200) if n.decisions else ""
    return words.decided_words(n) + (f": {why}" if why else "")


def _spark(n: Node) -> tuple[float, ...]:
    run = n.best_run or max(n.runs, key=lambda r: len(r.curve))
    return tuple(float(f"{v:.4g}") for v in words.losses(run.curve))


def _actions(tree: Tree, n: Node) -> tuple[Action, ...]:
    if tree.is_pruned(n.id) or n.status is Status.REDIRECTED:
        return ()
    found: list[Action] = ["approve"] if n.status is Status.PROPOSED else []
    if n.id != ROOT:
        found.append("prune")
    found.append("redirect")
    if n.status is Status.RUNNING and not all(r.stop_requested for r in n.runs):
        found.append("stop")
    return tuple(found)


def _study_actions(tree: Tree) -> tuple[StudyAction, ...]:
    waiting = tree.jobs is None and any(n.status is Status.APPROVED for n in tree.nodes.values())
    running = any(n.status is Status.RUNNING for n in tree.nodes.values())
    queued = tree.jobs is not None and any(n.status is Status.APPROVED for n in tree.nodes.values())
    working = running or queued or tree.auto is not None
    found: dict[StudyAction, bool] = {
        "run": waiting and not tree.is_paused,
        "pause": working and not tree.is_paused,
        "resume": tree.is_paused,
        "stop": running,
    }
    return tuple(action for action, makes_sense in found.items() if makes_sense)

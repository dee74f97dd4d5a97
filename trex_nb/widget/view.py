"""What the browser is told of a tree: tree in, view model out. Pure.

The browser draws and never reckons: every text is worded here, places come from `search.layout`, and `can` says which
commands make sense for a node. A command that comes too late all the same is refused by the study, not by the view.

Most events change one node of a tree that may have thousands. So `drawn` keeps the rows of the drawing before, makes
anew only those whose node, nearest scored ancestor or standing changed, and says which these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trex_nb.agents.wording import title
from trex_nb.core.base import Frozen
from trex_nb.core.ids import NodeId
from trex_nb.core.node import Node, Status
from trex_nb.report import words
from trex_nb.search.layout import layout
from trex_nb.search.tree import Tree
from trex_nb.study.edit import is_editable
from trex_nb.study.restore import is_cut_off

Action = Literal["approve", "prune", "restore", "redirect", "edit", "stop", "resume", "repeat", "plan", "note"]
StudyAction = Literal["run", "approve", "pause", "resume", "stop", "plan", "auto", "policy", "budget", "finalize"]
Wire = dict[str, Any]
"""JSON values; what has its default is left out."""

_SPARK = 24
_BASELINE = -1.0
"""No fidelity: where the baseline stands among the scored nodes, to which any node may be compared."""


class Row(Frozen):
    """One node, ready to be shown.

    `edge` says in brief what changed against the parent; `value` and `stderr` are the score as numbers, `trend` whether
    its gain is beyond noise. `cost` is what was spent, or is expected while nothing was, `seconds` the same as a
    number, `estimate` what had been expected of what was spent. `progress` is 0..1 while running; `spark` the loss
    curve, at most 24 points; `is_out` says that the node or one above it was pruned.
    """

    id: str
    parent: str | None = None
    status: str
    glyph: str
    title: str
    edge: str = ""
    score: str = ""
    value: float | None = None
    stderr: float | None = None
    gain: str = ""
    trend: Literal["up", "down"] | None = None
    cost: str = ""
    estimate: str = ""
    seconds: float = 0.0
    decided: str = ""
    progress: float | None = None
    spark: tuple[float, ...] = ()
    can: tuple[Action, ...] = ()
    is_best: bool = False
    is_out: bool = False


class View(Frozen):
    """A study beside its rows. `seq` is the last event shown, `revision` counts the drawings of the rows."""

    study: str
    goal: str
    seq: int
    revision: int
    state: str
    budget: str
    policy: str
    can: tuple[StudyAction, ...] = ()

    @property
    def wire(self) -> Wire:
        """For the browser."""
        return self.model_dump(mode="json", exclude_defaults=True)


@dataclass(frozen=True, slots=True)
class Drawn:
    """All rows of a tree in the order in which the nodes came, with what each was made of; `places` are their rows in
    the layout (their level is their depth), `changed` the rows that differ from the drawing before, `has_moved` whether
    `places` do."""

    revision: int = 0
    rows: Mapping[NodeId, Wire] = field(default_factory=dict)
    sources: Mapping[NodeId, _Source] = field(default_factory=dict)
    places: tuple[float, ...] = ()
    changed: tuple[Wire, ...] = ()
    has_moved: bool = False

    @property
    def wire(self) -> Wire:
        """The whole, for a browser that knows nothing yet."""
        return {"revision": self.revision, "rows": list(self.rows.values()), "places": list(self.places)}

    @property
    def patch(self) -> Wire:
        """What is new, for a browser that has the drawing before."""
        places = {"places": list(self.places)} if self.has_moved else {}
        return {"revision": self.revision, "rows": list(self.changed), **places}


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """What a row is made of: the node, the node above that its gain is against, and its standing in the tree. `scored`
    are the nearest scored nodes by fidelity, from here up, for the rows below."""

    node: Node
    base: Node | None
    is_out: bool
    is_best: bool
    scored: Mapping[float, Node]

    def is_same(self, other: _Source | None) -> bool:
        """Whether it makes the same row. A base that only got another child, say, is the same."""
        if other is None or self.node is not other.node or (self.is_out, self.is_best) != (other.is_out, other.is_best):
            return False
        mine, theirs = (s.base and s.base.evaluation for s in (self, other))
        return mine is theirs


def view(tree: Tree, revision: int) -> View:
    """What stands beside the rows; `tree` has its `StudyCreated`."""
    return View(
        study=tree.name,
        goal=words.cut(tree.task.goal, 1000),
        seq=tree.seq,
        revision=revision,
        state=words.state_words(tree),
        budget=words.budget_words(tree),
        policy=tree.policy.name,
        can=_study_actions(tree),
    )


def drawn(tree: Tree, before: Drawn | None = None) -> Drawn:
    """The rows of `tree`, taking from the drawing `before` what did not change."""
    before = before or Drawn()
    sources = _sources(tree)
    fresh = {n: _row(tree, s) for n, s in sources.items() if not s.is_same(before.sources.get(n))}
    rows = {n: fresh[n] if n in fresh else before.rows[n] for n in tree.nodes}
    has_moved = len(rows) != len(before.rows)  # nodes come, and never go or move
    return Drawn(
        revision=before.revision + bool(fresh),
        rows=rows,
        sources=sources,
        places=_places(tree) if has_moved else before.places,
        changed=tuple(fresh.values()),
        has_moved=has_moved,
    )


def _places(tree: Tree) -> tuple[float, ...]:
    places = layout(tree.nodes)
    return tuple(places[n].y for n in tree.nodes)


def _sources(tree: Tree) -> dict[NodeId, _Source]:
    found: dict[NodeId, _Source] = {}
    best = words.best_id(tree)
    for n in tree.nodes.values():  # in the order in which they came: a parent before its children
        up = found.get(n.parent) if n.parent else None
        above = up.scored if up else {}
        base = above.get(n.plan.fidelity, above.get(_BASELINE))
        is_out = n.status is Status.PRUNED or (up is not None and up.is_out)
        found[n.id] = _Source(n, base, is_out, n.id == best, _with(above, n))
    return found


def _with(above: Mapping[float, Node], n: Node) -> Mapping[float, Node]:
    if n.score is None:
        return above
    return {**above, n.plan.fidelity: n} | ({_BASELINE: n} if n.parent is None else {})


def _row(tree: Tree, source: _Source) -> Wire:
    n = source.node
    glyph, word = words.sign(n)
    progress = words.node_progress(n)
    found = words.gain(tree, n)
    is_far = found is not None and found[0].is_beyond_noise
    row = Row(
        id=n.id, parent=n.parent,
        status=word, glyph=glyph,
        title=words.one_line(n.plan.title, 200),
        edge=_edge(n),
        score=words.score_words(n),
        value=n.score.value if n.score else None, stderr=n.score.stderr if n.score else None,
        gain=words.gain_words(tree, n),
        trend=("up" if found[0].value > 0 else "down") if found and is_far else None,
        cost=words.cost_words(n), estimate=f"(≈ {words.duration(_expected(n))})" if n.seconds else "",
        seconds=round(n.seconds or _expected(n), 3),
        decided=words.decided_words(n),
        progress=None if progress is None else round(progress, 3),
        spark=_spark(n),
        can=_actions(tree, n, is_out=source.is_out),
        is_best=source.is_best,
        is_out=source.is_out,
    )  # fmt: skip
    return row.model_dump(mode="json", exclude_defaults=True)


def _edge(n: Node) -> str:
    return words.one_line(title(n.plan.changes, n.plan.fidelity), 60) if n.parent is not None else ""


def _expected(n: Node) -> float:
    return 60 * n.plan.expected.minutes * len(n.plan.configs)


def _spark(n: Node) -> tuple[float, ...]:
    run = n.best_run or max(n.runs, key=lambda r: len(r.curve))
    return tuple(float(f"{v:.4g}") for v in words.losses(run.curve, _SPARK))


def _actions(tree: Tree, n: Node, *, is_out: bool) -> tuple[Action, ...]:
    if n.status is Status.PRUNED:
        return () if n.parent is None or is_cut_off(n) or tree.is_pruned(n.parent) else ("restore",)
    if is_out or n.status is Status.REDIRECTED:
        return ()
    found: dict[Action, bool] = {
        "approve": n.status is Status.PROPOSED,
        "stop": n.status is Status.RUNNING and not all(r.stop_requested or r.is_over for r in n.runs),
        "resume": any(r.is_resumable for r in n.runs),
        "prune": n.parent is not None,
        "redirect": True,
        "edit": is_editable(n),
        "plan": n.status is not Status.FAILED,
        "repeat": n.parent is not None and n.score is not None,
        "note": True,
    }
    return tuple(action for action, makes_sense in found.items() if makes_sense)


def _study_actions(tree: Tree) -> tuple[StudyAction, ...]:
    nodes = tree.nodes.values()
    has_approved = any(n.status is Status.APPROVED for n in nodes)
    is_running = any(n.status is Status.RUNNING for n in nodes)
    is_working = is_running or (tree.jobs is not None and has_approved) or tree.auto is not None
    found: dict[StudyAction, bool] = {
        "run": has_approved and tree.jobs is None and not tree.is_paused,
        "approve": sum(n.status is Status.PROPOSED and not tree.is_pruned(n.id) for n in nodes) > 1,
        "pause": is_working and not tree.is_paused,
        "resume": tree.is_paused,
        "stop": is_running,
        "plan": True,
        "auto": True,
        "policy": True,
        "budget": True,
        "finalize": bool(tree.candidates),
    }
    return tuple(action for action, makes_sense in found.items() if makes_sense)

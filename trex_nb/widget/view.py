"""What the browser is told of a tree: tree in, view model out. Pure.

The browser draws and never reckons: every text is worded here, places come from `search.layout`, and `can` says which
commands make sense for a node. A command that comes too late all the same is refused by the study, not by the view.

Most events change one node of a tree that may have thousands. So `drawn` keeps the rows of the drawing before, makes
anew only those whose node, nearest scored ancestor or standing changed, and says which these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Literal

from trex_nb.agents.wording import title
from trex_nb.core.base import Frozen
from trex_nb.core.ids import NodeId
from trex_nb.core.node import Node, Status
from trex_nb.core.result import Evaluation
from trex_nb.report import words
from trex_nb.search.layout import layout
from trex_nb.search.tree import Tree
from trex_nb.study.edit import is_editable
from trex_nb.study.restore import is_cut_off
from trex_nb.study.stopping import can_stop

Action = Literal["approve", "prune", "restore", "redirect", "edit", "stop", "resume", "repeat", "plan", "note"]
StudyAction = Literal[
    "run", "approve", "pause", "resume", "stop", "plan", "withdraw", "auto", "policy", "budget", "finalize"
]  # fmt: skip
Wire = dict[str, Any]
"""JSON values; what has its default is left out."""

Scored = Mapping[float, Evaluation]
"""The nearest evaluations from a node up, by fidelity, and the baseline's: what gains are against."""

_SPARK = 24
_BASELINE = -1.0
"""No fidelity: where the baseline stands among what was scored, to which any node may be compared."""
_NOTHING: Scored = {}


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
    best: NodeId | None = None
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
    """What a row is made of: the node, what it inherits from `above`, and what the rows below it inherit. `rank` is
    what it counts as among the candidates for the best, None where it is none. While none of this changes the same
    object serves on, and so does the row."""

    node: Node
    above: Scored
    is_below_pruned: bool
    scored: Scored
    rank: float | None

    @property
    def is_out(self) -> bool:
        """Whether the node or one above it was pruned."""
        return self.is_below_pruned or self.node.status is Status.PRUNED


def view(tree: Tree, revision: int, thinking: str = "") -> View:
    """What stands beside the rows, with what is being thought; `tree` has its `StudyCreated`."""
    return View(
        study=tree.name,
        goal=words.cut(tree.task.goal, 1000),
        seq=tree.seq,
        revision=revision,
        state=f"{thinking}; {words.state_words(tree)}" if thinking else words.state_words(tree),
        budget=words.budget_words(tree),
        policy=tree.policy.name,
        can=_study_actions(tree),
    )


def drawn(tree: Tree, before: Drawn | None = None) -> Drawn:
    """The rows of `tree`, taking from the drawing `before` what did not change."""
    before = before or Drawn()
    sources = _sources(tree, before.sources)
    best = _best(sources)
    turned = {best, before.best} if best != before.best else set()
    fresh = {
        n: _row(tree, s, is_best=n == best) for n, s in sources.items() if s is not before.sources.get(n) or n in turned
    }
    rows = {n: fresh[n] if n in fresh else before.rows[n] for n in tree.nodes}
    has_moved = len(rows) != len(before.rows)  # nodes come, and never go or move
    return Drawn(
        revision=before.revision + bool(fresh),
        rows=rows,
        sources=sources,
        best=best,
        places=_places(tree) if has_moved else before.places,
        changed=tuple(fresh.values()),
        has_moved=has_moved,
    )


def _places(tree: Tree) -> tuple[float, ...]:
    places = layout(tree.nodes)
    return tuple(places[n].y for n in tree.nodes)


def _sources(tree: Tree, before: Mapping[NodeId, _Source]) -> dict[NodeId, _Source]:
    found: dict[NodeId, _Source] = {}
    for n in tree.nodes.values():  # in the order in which they came: a parent before its children
        up, old = found.get(n.parent) if n.parent else None, before.get(n.id)
        above, is_out = (up.scored, up.is_out) if up else (_NOTHING, False)
        is_same = old is not None and old.node is n and old.above is above and old.is_below_pruned == is_out
        found[n.id] = old if old and is_same else _source(n, above, old, is_below_pruned=is_out)
    return found


def _source(n: Node, above: Scored, old: _Source | None, *, is_below_pruned: bool) -> _Source:
    evaluation = n.evaluation
    rank = None if evaluation is None or n.is_probe else n.standing
    if evaluation is None:
        scored = above
    elif old and old.above is above and old.scored.get(n.plan.fidelity) is evaluation:
        scored = old.scored  # as when a node only got another child
    else:
        scored = {**above, n.plan.fidelity: evaluation} | ({_BASELINE: evaluation} if n.parent is None else {})
    return _Source(n, above, is_below_pruned, scored, rank)


def _best(sources: Mapping[NodeId, _Source]) -> NodeId | None:
    """As `words.best_id`, from what is known of each node: it is asked for several times a second."""
    ranked = [(s.rank, s) for s in sources.values() if s.rank is not None and not s.is_out]
    best = max(ranked, key=itemgetter(0))[1].node if ranked else None
    return best.id if best and best.parent is not None else None


def _row(tree: Tree, source: _Source, *, is_best: bool) -> Wire:
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
        is_best=is_best,
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
        "approve": n.status is Status.PROPOSED or n.waits_for_code,
        "stop": can_stop(n),
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
        "withdraw": bool(tree.requests),
        "auto": True,
        "policy": True,
        "budget": True,
        "finalize": any(n.score is not None and n.parent is not None for n in nodes),
    }
    return tuple(action for action, makes_sense in found.items() if makes_sense)

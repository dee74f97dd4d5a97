"""What a study should be doing, given its tree: a pure function from tree, limits and clock to instructions.

It has no memory: as long as the events say so it returns the same instructions, and whoever carries them out skips
those already under way. That is what makes a restart simple: replay, decide, go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trex_nb.core.events import ProposalRequested
from trex_nb.core.ids import ROOT, NodeId, RunId
from trex_nb.core.node import Auto, Node, Run, Status
from trex_nb.core.plan import run_key
from trex_nb.core.protocols import SearchPolicy
from trex_nb.search.tree import Tree
from trex_nb.study.finalize import open_test


@dataclass(frozen=True, slots=True)
class Propose:
    """Have the Researcher answer an open request."""

    request: ProposalRequested


@dataclass(frozen=True, slots=True)
class Ask:
    """Auto: open a request for one proposal under `parent`."""

    parent: NodeId


@dataclass(frozen=True, slots=True)
class AutoApprove:
    """Auto: let a proposal run."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class EndAuto:
    """Auto: give the wheel back."""

    why: str


@dataclass(frozen=True, slots=True)
class Launch:
    """Submit a run under its content hash."""

    run: RunId
    key: str


@dataclass(frozen=True, slots=True)
class Reuse:
    """Serve a run from an identical finished one."""

    run: RunId
    source: RunId


@dataclass(frozen=True, slots=True)
class Watch:
    """Follow a submitted run to its end."""

    run: RunId
    attempt: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a run's job."""

    run: RunId
    attempt: int


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Score a run's checkpoint on the search split."""

    run: RunId


@dataclass(frozen=True, slots=True)
class Reflect:
    """Have the Researcher diagnose a finished node."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class OpenTest:
    """The finalists' repeats are over: name the winner and open the test split."""

    number: int


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """Score what the test split was opened for."""

    number: int


Instruction = (
    Propose | Ask | AutoApprove | EndAuto | Launch | Reuse | Watch | Cancel | Evaluate | Reflect | OpenTest | ScoreTest
)


def decide(tree: Tree, policy: SearchPolicy, now: float) -> tuple[Instruction, ...]:
    """Everything that should be under way; `now` is epoch seconds."""
    return (
        *(Propose(r) for r in tree.requests.values()),
        *_follow(tree),
        *_auto(tree, policy, now),
        *_launch(tree),
        *_finalize(tree),
    )


def is_idle(tree: Tree, policy: SearchPolicy, now: float) -> bool:
    """Whether nothing is under way and nothing will start unless a person says so."""
    return not decide(tree, policy, now)


def _follow(tree: Tree) -> Iterator[Instruction]:
    for node in tree.nodes.values():
        for run in node.runs:
            if run.is_training:
                yield Watch(run.id, run.attempt)
                if run.stop_requested or node.status is Status.PRUNED:
                    yield Cancel(run.id, run.attempt)
            elif run.checkpoint and not run.is_finished:
                yield Evaluate(run.id)
        if node.status.is_finished and not node.is_diagnosed:
            yield Reflect(node.id)


def _auto(tree: Tree, policy: SearchPolicy, now: float) -> Iterator[Instruction]:
    if tree.auto is None or tree.is_paused:
        return
    why = _auto_is_over(tree, now)
    if why:
        yield EndAuto(why)
        return
    waiting = [n for n in tree.nodes.values() if n.status is Status.PROPOSED and not tree.is_pruned(n.id)]
    left = _last_round(tree.auto, tree) - tree.rounds
    yield from (AutoApprove(n.id) for n in waiting[:left])
    busy = sum(_is_busy(n) for n in tree.nodes.values())
    asked = sum(r.n for r in tree.requests.values())
    room = min(tree.jobs or 1, left + busy) - busy - asked - len(waiting)
    if room > 0:
        yield from (Ask(parent) for parent in policy.select(tree, 1))


def _is_busy(node: Node) -> bool:
    """Whether a node runs, will run, or is still to be learnt from."""
    return node.status in (Status.APPROVED, Status.RUNNING) or (node.status.is_finished and not node.is_diagnosed)


def _last_round(auto: Auto, tree: Tree) -> int:
    return min(auto.rounds, tree.budget.rounds)


def _auto_is_over(tree: Tree, now: float) -> str:
    """Why auto ends, or an empty string. It ends only when what it started has been diagnosed."""
    assert tree.auto is not None
    if any(_is_busy(n) and n.status is not Status.APPROVED for n in tree.nodes.values()):
        return ""
    if is_minutes_spent(tree):
        return "the budget of compute minutes is spent"
    if tree.auto.until is not None and now >= tree.auto.until:
        return "the time is up"
    if any(n.status is Status.APPROVED for n in tree.nodes.values()):
        return ""
    if tree.nodes[ROOT].status is Status.FAILED:
        return "the baseline failed"
    return f"round {tree.rounds} is done" if tree.rounds >= _last_round(tree.auto, tree) else _stuck(tree)


def _stuck(tree: Tree) -> str:
    """Three refusals of the Researcher in a row end auto: asking again would not help."""
    return "the Researcher has nothing more to propose" if tree.refusals >= 3 else ""


def is_minutes_spent(tree: Tree) -> bool:
    """Whether the budget of compute minutes is used up: nothing new is launched."""
    return tree.seconds / 60 >= tree.budget.minutes


def _launch(tree: Tree) -> Iterator[Instruction]:
    if tree.jobs is None or tree.is_paused:
        return
    runs = [r for n in tree.nodes.values() for r in n.runs]
    under_way = {r.key for r in runs if r.is_submitted and not r.is_finished}  # a twin of these waits for the result
    free = tree.jobs - sum(r.is_training for r in runs)
    for node, run in _queue(tree):
        key = run_key(tree.data.hash, tree.base.hash, node.plan, run.config)
        if done := tree.finished_run(key):
            yield Reuse(run.id, done.id)
        elif free > 0 and key not in under_way and not is_minutes_spent(tree):
            yield Launch(run.id, key)
            under_way.add(key)
            free -= 1


def _finalize(tree: Tree) -> Iterator[Instruction]:
    final = tree.final
    if final is None or final.is_ended:
        return
    if final.has_peeked:
        yield ScoreTest(final.number)
    elif open_test(tree):
        yield OpenTest(final.number)


def _queue(tree: Tree) -> Iterator[tuple[Node, Run]]:
    for node in tree.nodes.values():
        is_due = node.status in (Status.APPROVED, Status.RUNNING)
        if (is_due or node.repeats) and not tree.is_pruned(node.id):
            runs = node.runs if is_due else node.repeats
            yield from ((node, r) for r in runs if not r.is_submitted and not r.stop_requested)

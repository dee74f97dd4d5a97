"""Trees without a study: events stamped with a counting clock, for tests of policies, reports and widgets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from trex_nb.core import events as ev
from trex_nb.core.base import Frozen
from trex_nb.core.ids import NodeId, node_id, run_id
from trex_nb.core.plan import Change, Expectation, Plan
from trex_nb.core.recipe import DataRecipe
from trex_nb.core.result import Checkpoint, Cost, Evaluation, Failure, Score, SliceScore
from trex_nb.core.task import Task
from trex_nb.core.training import LoraTraining, Untrained
from trex_nb.search.tree import Tree

TASK = Task(name="colours", goal="Name the colour of a thing.", prompt="{thing}", answer="{colour}")
FACTS = ev.DataFacts(
    hash="d" * 16, train=100, search=50, test=50, slices=(("red", 60), ("blue", 40)), closed_answers=True,
    longest_prompt=40, longest_answer=4,
    mean_chars=24,
)  # fmt: skip
BASE = ev.BaseFacts(model="tiny", hash="b" * 16, parameters=1_000_000)


def stamp(events: Iterable[ev.Event], actor: ev.Actor = "human", after: int = 0) -> list[ev.Stamped]:
    """Events numbered from `after` + 1, one second apart from the epoch."""
    return [ev.Stamped(seq=s, time=float(s), actor=actor, event=e) for s, e in enumerate(events, after + 1)]


def baseline_plan() -> Plan:
    """The plan of the root: evaluate, do not train."""
    return Plan(
        title="Base model as it is", hypothesis="Where we start.", recipe=DataRecipe(), configs=(Untrained(),),
        expected=Expectation(minutes=0.1, memory_mb=500),
    )  # fmt: skip


def lora_plan(title: str = "LoRA", *, learning_rate: float = 5e-3, r: int = 16, runs: int = 1) -> Plan:
    """A small LoRA plan; runs of one plan differ by seed."""
    configs = tuple(LoraTraining(learning_rate=learning_rate, r=r, lora_alpha=2 * r, seed=s) for s in range(runs))
    return Plan(
        title=title, hypothesis=f"{title} helps.", recipe=DataRecipe(), configs=configs,
        changes=(Change(field="r", before="8", after=str(r)),), expected=Expectation(minutes=0.2, memory_mb=600),
    )  # fmt: skip


def created() -> ev.StudyCreated:
    """The first event of a small study."""
    return ev.StudyCreated(study="colours", task=TASK, origin="colours", data=FACTS, base=BASE, root=baseline_plan())


def proposed(number: int, parent: int = 0, plan: Plan | None = None) -> ev.NodeProposed:
    """Node `number` proposed under node `parent`."""
    return ev.NodeProposed(
        node=node_id(number), parent=node_id(parent), request=number, plan=plan or lora_plan(f"Idea {number}")
    )


def submitted(number: int, index: int = 1, key: str | None = None) -> ev.JobSubmitted:
    """A run of node `number` given to the launcher."""
    run = run_id(node_id(number), index)
    return ev.JobSubmitted(run=run, attempt=1, key=key or f"key-{run}", folder=f"runs/{run}")


def evaluation(value: float, n: int = 50, stderr: float = 0.02) -> Evaluation:
    """A search score of `value` with two slices."""
    score = Score(metric="accuracy", split="search", value=value, n=n, stderr=stderr)
    slices = (SliceScore(slice="red", value=value, n=30), SliceScore(slice="blue", value=value / 2, n=20))
    return Evaluation(score=score, slices=slices, evaluator="e" * 16, seconds=1.0)


def succeeded(number: int, value: float, index: int = 1) -> list[ev.Event]:
    """All events of a run of an approved node, from submission to its score."""
    run = run_id(node_id(number), index)
    done = ev.JobFinished(
        run=run, checkpoint=Checkpoint(kind="adapter", path=f"runs/{run}/adapter"), line=4,
        cost=Cost(seconds=12, train_seconds=7, steps=100, peak_memory_mb=500),
    )  # fmt: skip
    curve = [
        ev.JobProgressed(run=run, step=s, total=100, loss=3.0 / (1 + s / 20), line=1 + i)
        for i, s in enumerate((10, 50, 100), 1)
    ]
    started = ev.JobStarted(run=run, pid=1, line=1)
    return [submitted(number, index), started, *curve, done, ev.RunEvaluated(run=run, evaluation=evaluation(value))]


def failed(number: int, message: str = "loss is nan", index: int = 1) -> list[ev.Event]:
    """All events of a run that diverged."""
    run = run_id(node_id(number), index)
    failure = Failure(stage="train", kind="diverged", message=message)
    return [submitted(number, index), ev.RunFailed(run=run, failure=failure, cost=Cost(seconds=5))]


def approved(number: int) -> ev.NodeApproved:
    """Node `number` approved."""
    return ev.NodeApproved(node=node_id(number))


def tree_of(*events: ev.Event | Iterable[ev.Event]) -> Tree:
    """The tree after StudyCreated and `events` (single ones or lists of them)."""
    flat: list[ev.Event] = [created()]
    for e in events:
        flat.extend([e] if isinstance(e, Frozen) else e)
    return Tree.replay(stamp(flat))


def tree_of_scores(scores: Iterable[tuple[int, int, float | None]]) -> Tree:
    """A tree whose nodes ran: (number, parent, score), score None for a failure. The root scores 0.1."""
    events: list[ev.Event] = [created(), *succeeded(0, 0.1)]
    for number, parent, value in scores:
        outcome = failed(number) if value is None else succeeded(number, value)
        events += [proposed(number, parent), approved(number), *outcome]
    return Tree.replay(stamp(events))


def large(nodes: int) -> Tree:
    """A tree of so many scored nodes, three children each, made without replaying their events: that takes a second for
    each thousand."""
    base = tree_of_scores([(1, 0, 0.5)])
    pattern = base.nodes[node_id(1)]
    made = {base.root.id: replace(base.root, children=tuple(map(node_id, range(1, min(4, nodes)))))}
    for i in range(1, nodes):
        up = made[node_id((i - 1) // 3)]
        runs = tuple(
            replace(r, id=run_id(node_id(i), 1), evaluation=evaluation(0.1 + i % 90 / 100)) for r in pattern.runs
        )
        made[node_id(i)] = replace(
            pattern, id=node_id(i), parent=up.id, depth=up.depth + 1, runs=runs,
            plan=lora_plan(f"Idea {i}"), children=tuple(map(node_id, range(3 * i + 1, min(3 * i + 4, nodes)))),
        )  # fmt: skip
    return replace(base, nodes=made)


def node(number: int) -> NodeId:
    """Short for `node_id`."""
    return node_id(number)

"""Random but possible histories of a study: commands as a person sends them, and what became of the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from trex_nb.core import commands as cmd
from trex_nb.core import events as ev
from trex_nb.core.ids import node_id, node_of, run_id, run_index
from trex_nb.core.node import Run
from trex_nb.core.result import Checkpoint, Cost, Failure
from trex_nb.core.training import Untrained
from trex_nb.errors import CommandError
from trex_nb.search.tree import Tree
from trex_nb.search.uct import Uct
from trex_nb.study import decide as d
from trex_nb.study.handle import Situation, handle
from trex_nb.testing import trees

NODES = st.integers(0, 6).map(node_id)
RUNS = st.builds(run_id, NODES, st.integers(1, 3))
WORDS = st.text(min_size=1, max_size=5)
COMMANDS = st.one_of(
    st.builds(cmd.Propose, n=st.integers(1, 4), under=st.none() | NODES),
    st.builds(cmd.Approve, nodes=st.tuples(NODES)),
    st.builds(cmd.Prune, nodes=st.tuples(NODES)),
    st.builds(cmd.Restore, nodes=st.tuples(NODES)),
    st.builds(cmd.Redirect, node=NODES, text=WORDS),
    st.builds(lambda run, text: cmd.Redirect(node=node_of(run), run=run, text=text), RUNS, WORDS),
    st.builds(cmd.Edit, node=NODES, fields=st.fixed_dictionaries({"r": st.integers(1, 64)})),
    st.builds(cmd.Edit, node=NODES, fields=st.just({"fidelity": 0.25})),
    st.builds(cmd.Withdraw),
    st.builds(cmd.ChoosePolicy, name=st.sampled_from(["uct", "auto", "gbfs", "sequential"])),
    st.builds(cmd.Note, node=NODES, text=WORDS),
    st.builds(cmd.Run, jobs=st.integers(1, 3)),
    st.builds(cmd.Auto, rounds=st.integers(1, 8), jobs=st.integers(1, 3)),
    st.just(cmd.Pause()),
    st.just(cmd.Resume()),
    st.builds(cmd.Stop, nodes=st.just(()) | st.tuples(NODES)),
    st.builds(cmd.Stop, runs=st.tuples(RUNS)),
    st.builds(cmd.Resume, nodes=st.tuples(NODES)),
    st.builds(cmd.Resume, runs=st.tuples(RUNS)),
    st.builds(cmd.SetBudget, rounds=st.integers(1, 9)),
)
OUTCOMES = st.sampled_from(["good", "good", "bad", "lost", "silent"])
STEPS = st.lists(st.tuples(COMMANDS, OUTCOMES, OUTCOMES), min_size=6, max_size=15).map(
    lambda turns: [cmd.Run(jobs=2), "good", "good", "good", *(step for turn in turns for step in turn)]
)


class History:
    """A study without time: each outcome answers every instruction that is due at that moment."""

    def __init__(self, rounds: int = 8) -> None:
        task = trees.TASK.model_copy(update={"budget": trees.TASK.budget.model_copy(update={"rounds": rounds})})
        self.log: list[ev.Stamped] = []
        self.tree = Tree()
        self.launched: list[tuple[Tree, d.Launch]] = []
        self.approved: list[tuple[Tree, d.AutoApprove]] = []
        self._write([trees.created().model_copy(update={"task": task})], "human")

    def live(self, steps: Sequence[Any]) -> History:
        for step in steps:
            if isinstance(step, str):
                self._work(step)
            else:
                self._command(step)
        return self

    def _command(self, command: cmd.Command) -> None:
        try:
            self._write(handle(command, Situation(self.tree, 0.0, 2)).events, "human")
        except CommandError:
            return

    def _work(self, outcome: str) -> None:
        for instruction in d.decide(self.tree, Uct(), now=0.0):
            if isinstance(instruction, d.Launch):
                self.launched.append((self.tree, instruction))
            elif isinstance(instruction, d.AutoApprove):
                self.approved.append((self.tree, instruction))
            self._write(self._events(instruction, outcome), "system")

    def _write(self, events: Sequence[ev.Event], actor: ev.Actor) -> None:
        for stamped in trees.stamp(events, actor, after=self.tree.seq):
            self.log.append(stamped)
            self.tree = self.tree.apply(stamped)

    def _events(self, i: d.Instruction, outcome: str) -> Sequence[ev.Event]:
        if isinstance(i, d.Propose):
            return _proposal(self.tree, i, outcome)
        if isinstance(i, d.Ask):
            number = 1 + max([0, *self.tree.requests, *self.tree.answers])
            return [ev.ProposalRequested(request=number, parent=i.parent, n=1)]
        if isinstance(i, d.AutoApprove):
            return [ev.NodeApproved(node=i.node)]
        if isinstance(i, d.EndAuto):
            return [ev.AutoStopped(why=i.why)]
        if isinstance(i, d.Refuse | d.Reflect):
            return [
                ev.ProposalFailed(request=i.request, reason=i.why)
                if isinstance(i, d.Refuse)
                else ev.NodeDiagnosed(node=i.node, findings=())
            ]
        return _of_run(self.tree, i, outcome)


def _proposal(tree: Tree, i: d.Propose, outcome: str) -> Sequence[ev.Event]:
    number = i.request.request
    if outcome == "silent":
        return []
    if outcome == "bad":
        return [ev.ProposalFailed(request=number, reason="no idea")]
    new = [len(tree.nodes) + k for k in range(i.request.n)]
    plans = [trees.lora_plan(f"Plan {k}", learning_rate=1e-3 * k, runs=1 + k % 3) for k in new]
    plans = [p.model_copy(update={"start": i.request.start}) for p in plans]
    made = ev.ProposalMade(request=number, nodes=tuple(node_id(k) for k in new), rationale="", context="")
    return [
        made,
        *(
            ev.NodeProposed(node=node_id(k), parent=i.request.parent, plan=p, request=number)
            for k, p in zip(new, plans, strict=True)
        ),
    ]


def _of_run(tree: Tree, i: Any, outcome: str) -> Sequence[ev.Event]:
    run = tree.run(i.run)
    if isinstance(i, d.Launch | d.Reuse):
        return _begun(run, i)
    has_job = run.is_training or isinstance(i, d.Evaluate)
    return [] if run.is_finished or not has_job or outcome == "silent" else _gone_on(run, i, outcome)


def _begun(run: Run, i: d.Launch | d.Reuse) -> Sequence[ev.Event]:
    if isinstance(i, d.Launch):
        attempt = run.attempt + 1
        folder = f"runs/{run.id}-{attempt}"
        submitted = ev.JobSubmitted(run=run.id, attempt=attempt, key=i.key, folder=folder, resumes=run.saved)
        base = ev.JobFinished(run=run.id, checkpoint=Checkpoint(kind="base"), cost=Cost(), line=0)
        return [submitted, base] if isinstance(run.config, Untrained) else [submitted]
    return [ev.RunReused(run=run.id, source=i.source)]


def _gone_on(run: Run, i: Any, outcome: str) -> Sequence[ev.Event]:
    step = 1 + (run.saved.step if run.saved else 0)
    saved = ev.CheckpointSaved(
        run=run.id, step=step, checkpoint=Checkpoint(kind="adapter", path=f"{run.folder}/checkpoint-{step}"), line=2
    )
    failed = ev.RunFailed(run=run.id, failure=Failure(stage="infra", kind="stopped", message="stopped"))
    if isinstance(i, d.Save):
        return [failed] if outcome == "bad" else [saved]
    if isinstance(i, d.Stop):
        return [failed] if outcome == "bad" else [saved, failed]
    if isinstance(i, d.Cancel) or outcome == "bad":
        return [failed]
    if isinstance(i, d.Watch) and outcome == "lost":
        queued = ev.JobQueued(run=run.id, why="n9.1 of another study", line=1)
        started = ev.JobStarted(run=run.id, pid=1, line=2)
        return [queued, started, ev.JobProgressed(run=run.id, step=1, total=2, line=3)]
    if isinstance(i, d.Watch):
        done = Checkpoint(kind="adapter", path=f"{run.folder}/adapter")
        return [ev.JobFinished(run=run.id, checkpoint=done, cost=Cost(seconds=60), line=3)]
    return [ev.RunEvaluated(run=run.id, evaluation=trees.evaluation(0.1 + 0.1 * run_index(run.id)))]

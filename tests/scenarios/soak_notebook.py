"""A notebook's process for the soak test: it opens the study and obeys one line of JSON at a time.

    python -m tests.scenarios.soak_notebook ROOT CLOCK

CLOCK is by how many seconds this process's clock is wrong. Everything is the real thing (SQLite, background kernels
from a warm pool, an evaluator in a process of its own) but what would take long: jobs sleep instead of training.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import nbformat

import trex_nb
from trex_nb.core.events import ProposalRequested, StudyCreated
from trex_nb.core.ids import NodeId
from trex_nb.core.job import JobSpec
from trex_nb.core.plan import Proposal
from trex_nb.core.protocols import Assignment, Reflection, TreeView
from trex_nb.core.result import Failure
from trex_nb.errors import TrexError
from trex_nb.evaluate.client import ProcessEvaluator
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.pool import Pool
from trex_nb.search.policies import AsChosen
from trex_nb.search.tree import Tree
from trex_nb.settings import Settings
from trex_nb.store.artifacts import StudyFolder
from trex_nb.store.sqlite import SqliteStore
from trex_nb.study.decide import is_idle
from trex_nb.study.parts import Parts
from trex_nb.study.study import Study
from trex_nb.testing.trees import lora_plan

STEPS = 12

CELL = """\
import os, time
from pathlib import Path
from IPython.display import display
with open("executed", "a") as file:
    file.write(f"{{os.getpid()}}\\n")
first = {first}
def say(kind, data, **how):
    display({{f"application/vnd.trex.{{kind}}+json": data, "text/plain": kind}}, raw=True, **how)
def curve(step):
    return {{"points": [{{"step": s, "total": {total}, "loss": 1 / s, "eval_loss": None}} for s in range(1, step + 1)]}}
say("metrics", curve(first), display_id="curve")
for step in range(first + 1, {total} + 1):
    time.sleep(0.08)
    say("metrics", curve(step), display_id="curve", update=True)
    if step % 4 == 0:
        Path(f"checkpoint-{{step}}").mkdir(exist_ok=True)
        state = {{"kind": "adapter", "path": f"checkpoint-{{step}}"}}
        say("saved", {{"kind": "saved", "step": step, "total": {total}, "checkpoint": state}})
Path("adapter").mkdir()
Path("adapter/answer").write_text("{answer}")
say("outcome", {{"checkpoint": {{"kind": "adapter", "path": "adapter"}}, "cost": {{"steps": {total}}}}})
"""


class Endless:
    """A Researcher that never runs out of plans."""

    async def propose(self, tree: TreeView, request: ProposalRequested) -> Proposal:
        """Plans that differ from all others by their learning rate."""
        first = len(tree.nodes)
        plans = tuple(lora_plan(f"Plan {i}", learning_rate=1e-4 * i) for i in range(first, first + request.n))
        return Proposal(parent=request.parent, plans=plans, rationale="More.", context="More.")

    async def reflect(self, tree: TreeView, node: NodeId) -> Reflection:  # noqa: ARG002
        """Nothing to say."""
        return Reflection()


class Sleeping:
    """An Executor whose jobs count how often they are executed, and go on where they were saved."""

    async def prepare(self, assignment: Assignment) -> JobSpec:
        """Write the notebook."""
        first = int(assignment.resume.name.split("-")[1]) if assignment.resume else 1
        source = CELL.format(first=first, total=STEPS, answer=0.2 + len(assignment.run) / 100)
        assignment.folder.mkdir(parents=True, exist_ok=True)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="cell-0")])
        nbformat.write(notebook, assignment.folder / "experiment.ipynb")
        return JobSpec(run=assignment.run, folder=str(assignment.folder), timeout=120, study="soak")

    async def repair(self, assignment: Assignment, failure: Failure) -> JobSpec | None:
        """The same again."""
        return await self.prepare(assignment) if failure.retryable else None


class QuickEvaluator(ProcessEvaluator):
    """The real client of a worker that needs no model."""

    worker = "tests.scenarios.soak_evaluator"


def parts(folder: StudyFolder, created: StudyCreated, settings: Settings) -> Parts:
    """The real parts, but for who thinks and what is computed."""
    pool = Pool(folder.pool_log, "tests.launch.prepared:nothing")
    evaluator = QuickEvaluator(folder.path, "tiny")
    return Parts(
        store=SqliteStore(folder.database), researcher=Endless(), executor=Sleeping(), launcher=KernelLauncher(pool),
        evaluator=evaluator, policy=AsChosen(), settings=settings,
    )  # fmt: skip


def state(study: Study) -> dict[str, Any]:
    """Where the study stands, and which processes are at work for it."""
    tree = study.tree
    runs = [r for n in tree.nodes.values() for r in n.runs]
    launcher, evaluator = study.parts.launcher, study.parts.evaluator
    assert isinstance(launcher, KernelLauncher)
    assert isinstance(evaluator, ProcessEvaluator)
    return {
        "seq": tree.seq,
        "nodes": {n.id: str(n.status) for n in tree.nodes.values()},
        "live": [
            {"run": r.id, "folder": str(study.folder.path / r.folder), "pid": r.pid} for r in runs if r.is_training
        ],
        "evaluator": evaluator.pid,
        "pool": launcher.pool.pid if launcher.pool else None,
        "idle": is_idle(tree, study.parts.policy, time.time()),
    }


def obey(study: Study, order: dict[str, Any]) -> Any:
    """Carry out one order."""
    do, given = order["do"], order.get("with", {})
    if do == "state":
        return state(study)
    if do == "replays":
        study.wait(60)
        return Tree.replay(study.parts.store.read(study.name)) == study.tree
    if do == "approve":
        return study.approve(*given["nodes"]).text
    return getattr(study, do)(**given).text


def main(root: Path, clock: float) -> None:
    """Open the study and obey until stdin ends."""
    right = time.time
    time.time = lambda: right() + clock
    with trex_nb.start("tiny-intent", settings=Settings(root=root, jobs=2, patience=20), make_parts=parts) as study:
        sys.stdout.write("open\n")
        sys.stdout.flush()
        for line in sys.stdin:
            try:
                answer = {"ok": obey(study, json.loads(line))}
            except TrexError as error:
                answer = {"error": str(error)}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))

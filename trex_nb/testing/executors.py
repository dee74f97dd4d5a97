"""An Executor whose notebooks train nothing, and the contract every Executor keeps.

A third party's executor is held to it by a subclass with one fixture: `executor`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import nbformat

from trex_nb.core.ids import node_of, run_id
from trex_nb.core.job import FAILURE_MIME, METRICS_MIME, OUTCOME_MIME, Finished, JobSpec, Resources
from trex_nb.core.plan import Code
from trex_nb.core.protocols import Assignment, Executor
from trex_nb.core.result import Checkpoint, Cost, Failure
from trex_nb.testing import trees

LOST = Failure(stage="infra", kind="lost", message="The job's process is gone.", retryable=True)
NO_MEMORY = Failure(stage="train", kind="out_of_memory", message="Memory ran out.")
BAD_CODE = Failure(stage="data", kind="bad_code", message="rewrite, tried on 12 rows: KeyError: 'text'")
CODE = Code(brief="Say everything twice.", rows="def rewrite(rows):\n    return rows * 2\n")
DIVERGED = Failure(stage="train", kind="diverged", message="The loss is not a number.")


class NotebookExecutor:
    """Writes notebooks that show a curve of `steps` steps and then end well (with `answer` in the adapter's folder, for
    an evaluator to read) or with `failure`. `prepared` and `repaired` are the assignments it was given."""

    def __init__(self, *, steps: int = 4, answer: str = "", failure: Failure | None = None) -> None:
        self._steps = steps
        self._answer = answer
        self._failure = failure
        self.prepared: list[Assignment] = []
        self.repaired: list[tuple[Assignment, Failure]] = []

    async def prepare(self, assignment: Assignment) -> JobSpec:
        """Write the notebook."""
        self.prepared.append(assignment)
        return self._written(assignment)

    async def repair(self, assignment: Assignment, failure: Failure) -> JobSpec | None:
        """The same once more, when that may help."""
        self.repaired.append((assignment, failure))
        is_mended = failure.kind == "bad_code" and assignment.code != assignment.node.plan.code
        is_worth_it = failure.retryable or failure.kind == "out_of_memory" or is_mended
        return self._written(assignment) if is_worth_it else None

    def _written(self, assignment: Assignment) -> JobSpec:
        assignment.folder.mkdir(parents=True, exist_ok=True)
        cells = [nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(self._sources())]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), assignment.folder / "experiment.ipynb")
        return JobSpec(
            run=assignment.run,
            folder=str(assignment.folder),
            timeout=assignment.timeout,
            resources=assignment.resources,
        )

    def _sources(self) -> list[str]:
        points = [
            {"step": s, "total": self._steps, "loss": 1 / s, "eval_loss": None} for s in range(1, self._steps + 1)
        ]
        return ["from IPython.display import display", _shown(METRICS_MIME, {"points": points}), *self._ending()]

    def _ending(self) -> list[str]:
        if self._failure is not None:
            return [_shown(FAILURE_MIME, self._failure.model_dump(mode="json"))]
        save = f"from pathlib import Path\nPath('adapter').mkdir()\nPath('adapter/answer').write_text({self._answer!r})"
        outcome = Finished(checkpoint=Checkpoint(kind="adapter", path="adapter"), cost=Cost(steps=self._steps))
        return [save, _shown(OUTCOME_MIME, outcome.model_dump(mode="json", exclude={"kind", "line"}))]


def _shown(mime: str, data: object) -> str:
    return f"display({{{mime!r}: {data!r}}}, raw=True)"


def assignment(folder: Path, number: int = 1) -> Assignment:
    """The first run of node `number` of a small study, to be prepared in `folder`/runs."""
    tree = trees.tree_of(trees.proposed(number))
    run = run_id(trees.node(number), 1)
    return Assignment(
        task=tree.task, node=tree.nodes[node_of(run)], run=run, folder=folder / "runs" / run,
        train_file=folder / "data" / "train.jsonl", base_model="tiny", samples=100,
        resources=Resources(cores=2), timeout=60.0,
    )  # fmt: skip


def coded(folder: Path) -> Assignment:
    """The same with code that a model wrote."""
    plain = assignment(folder)
    plan = plain.node.plan.model_copy(update={"code": CODE})
    return replace(plain, node=replace(plain.node, plan=plan), code=CODE)


class ExecutorContract:
    """What every Executor promises."""

    def test_the_notebook_is_in_the_run_s_own_folder(self, executor: Executor, tmp_path: Path) -> None:
        asked = assignment(tmp_path)
        spec = asyncio.run(executor.prepare(asked))
        nbformat.validate(nbformat.read(asked.folder / "experiment.ipynb", as_version=4))
        assert (spec.run, spec.folder) == (asked.run, str(asked.folder))

    def test_what_was_granted_is_what_the_job_gets(self, executor: Executor, tmp_path: Path) -> None:
        spec = asyncio.run(executor.prepare(assignment(tmp_path)))
        assert (spec.resources.cores, spec.timeout) == (2, 60.0)

    def test_preparing_twice_gives_the_same_job(self, executor: Executor, tmp_path: Path) -> None:
        asked = assignment(tmp_path)
        first, second = (asyncio.run(executor.prepare(asked)) for _ in range(2))
        assert first == second

    def test_a_lost_job_is_prepared_anew(self, executor: Executor, tmp_path: Path) -> None:
        asked = assignment(tmp_path)
        spec = asyncio.run(executor.repair(asked, LOST))
        assert spec is not None
        assert (asked.folder / "experiment.ipynb").is_file()

    def test_what_lacked_memory_is_prepared_anew(self, executor: Executor, tmp_path: Path) -> None:
        asked = assignment(tmp_path)
        assert asyncio.run(executor.repair(asked, NO_MEMORY)) is not None
        assert (asked.folder / "experiment.ipynb").is_file()

    def test_code_that_failed_is_not_run_again_as_it_is(self, executor: Executor, tmp_path: Path) -> None:
        assert asyncio.run(executor.repair(coded(tmp_path), BAD_CODE)) is None

    def test_code_that_was_mended_is_prepared(self, executor: Executor, tmp_path: Path) -> None:
        mended = CODE.model_copy(update={"rows": "def rewrite(rows):\n    return rows[:1]\n"})
        asked = replace(coded(tmp_path), code=mended)
        assert asyncio.run(executor.repair(asked, BAD_CODE)) is not None
        assert (asked.folder / "experiment.ipynb").is_file()

    def test_a_failure_that_would_come_again_is_given_up(self, executor: Executor, tmp_path: Path) -> None:
        assert asyncio.run(executor.repair(assignment(tmp_path), DIVERGED)) is None

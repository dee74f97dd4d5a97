"""The template Executor: a plan becomes an `experiment.ipynb` that reads like what an engineer would have written.

One cell per step (recipe, data, base model, training, saving), values written out as literals, so the executed notebook
explains itself and runs again outside the study. It writes no code of its own invention; the functions it calls are
`trex_nb.train`'s.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from pprint import pformat
from typing import Any

from trex_nb.core.base import Frozen
from trex_nb.core.job import JobSpec
from trex_nb.core.protocols import Assignment
from trex_nb.core.result import Failure
from trex_nb.core.training import Trained, Untrained


class TemplateExecutor:
    """An `Executor` without a language model. Equal assignments give equal notebooks."""

    async def prepare(self, assignment: Assignment) -> JobSpec:
        """See `core.protocols.Executor.prepare`."""
        assignment.folder.mkdir(parents=True, exist_ok=True)
        path = assignment.folder / "experiment.ipynb"
        path.write_text(json.dumps(notebook(assignment), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return JobSpec(
            run=assignment.run, folder=str(assignment.folder), timeout=assignment.timeout, threads=assignment.threads
        )

    async def repair(self, assignment: Assignment, failure: Failure) -> JobSpec | None:
        """Try once more what failed through no fault of the plan."""
        return await self.prepare(assignment) if failure.retryable else None


def notebook(assignment: Assignment) -> dict[str, Any]:
    """The experiment of one run, not yet executed, as nbformat 4.5 JSON."""
    config = assignment.config
    cells = [_markdown(_head(assignment)), _code(_plan_cell(assignment, config))]
    if not isinstance(config, Untrained):
        cells += _training_cells(assignment, config)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # stable ids: equal plans give equal files
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


# The nbformat package would do the same, for a second of imports in the notebook's process.
def _markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}


def _training_cells(assignment: Assignment, config: Trained) -> list[dict[str, Any]]:
    return [
        _markdown("## Data\nThe recipe's operators, in order, on the study's train split."),
        _code(_data_cell(assignment)),
        _markdown("## Training"),
        _code(_base_cell(assignment)),
        _code("trained = fit(base, rows, config)"),
        _markdown("## The checkpoint"),
        _code(f'finish(trained, "{"adapter" if config.method == "lora" else "model"}")'),
    ]


def _head(assignment: Assignment) -> str:
    plan, node = assignment.node.plan, assignment.node
    changed = "\n".join(f"- {c}" for c in plan.changes) or "- nothing"
    return (
        f"# {assignment.run}: {plan.title}\n\n**Goal.** {assignment.task.goal}\n\n**Hypothesis.** {plan.hypothesis}\n\n"
        f"**Changes against {node.parent or 'nothing (this is the baseline)'}**\n\n{changed}\n"
    )


def _plan_cell(assignment: Assignment, config: Frozen) -> str:
    recipe = _literal("DataRecipe", assignment.node.plan.recipe)
    imports = (
        "from trex_nb.core.recipe import DataRecipe\n"
        f"from trex_nb.core.training import {type(config).__name__}\n"
    )  # fmt: skip
    return f"{imports}\nrecipe = {recipe}\nconfig = {_literal(type(config).__name__, config)}"


def _literal(name: str, value: Frozen) -> str:
    fields = pformat(value.model_dump(mode="json"), sort_dicts=False, width=100)
    return f"{name}.model_validate(\n{_indented(fields)}\n)"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _data_cell(assignment: Assignment) -> str:
    train = Path(os.path.relpath(assignment.train_file, assignment.folder)).as_posix()
    return (
        "from trex_nb.train import fit, finish, load_base, prepare\n\n"
        f'rows = prepare(recipe, "{train}", fidelity={assignment.node.plan.fidelity}, '
        f"limit={assignment.samples})\nrows"
    )


def _base_cell(assignment: Assignment) -> str:
    if assignment.base_model == "tiny":
        return "from trex_nb import tiny\n\nbase = load_base(tiny.path())"
    return f"base = load_base({assignment.base_model!r})"

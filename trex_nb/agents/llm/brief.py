"""What a model is told: the parts of a prompt, made from the tree. Pure.

Words of ours and of the person stand as they are; everything that came from data, jobs or models is fenced.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from trex_nb.agents.context import person_said, record
from trex_nb.agents.summary import summary
from trex_nb.core.events import ProposalRequested
from trex_nb.core.fence import fenced
from trex_nb.core.ids import NodeId
from trex_nb.core.node import Node
from trex_nb.core.plan import Plan
from trex_nb.core.protocols import TreeView
from trex_nb.core.result import BadCase

_MOST_CASES = 12
_MOST_SLICES = 30
_LONGEST_CASE = 400
_NOTHING = "Nothing."


@dataclass(frozen=True, slots=True)
class Switches:
    """What a model is told beside the task, each to be left out by itself (TREX's ablations): the `memory` context, the
    `bad_cases`, what the surrogate says (`surrogate`), and the research `tools`."""

    memory: bool = True
    bad_cases: bool = True
    surrogate: bool = True
    tools: bool = True


ALL = Switches()


def task_words(tree: TreeView) -> str:
    """The goal in the person's words, and what is known of data and base model."""
    task, data = tree.task, tree.data
    slices = ", ".join(f"{name} ({count})" for name, count in data.slices[:_MOST_SLICES])
    kind = "labels from a closed set" if data.closed_answers else "free text"
    return "\n".join([
        f"Goal: {task.goal}",
        f"Metric: {task.metric} on {data.search} search items. Answers are {kind}.",
        f"Base model: {task.base_model}, {tree.base.parameters:,} parameters.",
        f"Training rows: {data.train}, {data.duplicates} of them copies; {data.mean_chars:.0f} characters each.",
        fenced(f"prompt: {task.prompt}\nanswer: {task.answer}\nslices: {slices}", "templates and slices of the data"),
    ])  # fmt: skip


def person_words(tree: TreeView, request: ProposalRequested | None = None) -> str:
    """What the person wants now, then what they said so far."""
    about = f" (said about {request.of})" if request and request.of else ""
    now = [f"NOW{about}: {request.directions}"] if request and request.directions else []
    if request and request.start:
        now.append(f"The plans start from the weights of {request.start}.")
    return "\n".join([*now, *person_said(tree)]) or _NOTHING


def record_words(tree: TreeView, parent: NodeId, switches: Switches, limit: int) -> str:
    """The memory context (TREX section 3.4), with what the surrogate makes of it."""
    said = [record(tree, parent, limit) if switches.memory else "", summary(tree) if switches.surrogate else ""]
    text = "\n".join(s for s in said if s)
    return fenced(text, "the study's record", limit + 2000) if text else _NOTHING


def cases_words(node: Node, switches: Switches) -> str:
    """Bad cases of the search split, as they were answered."""
    found: Sequence[BadCase] = node.evaluation.bad_cases[:_MOST_CASES] if node.evaluation else ()
    if not switches.bad_cases or not found:
        return _NOTHING
    return fenced("\n".join(_case(c) for c in found), f"wrong answers of {node.id}", _MOST_CASES * _LONGEST_CASE)


def plan_words(plan: Plan) -> str:
    """A plan as data."""
    told = {
        "configs": [c.model_dump(mode="json") for c in plan.configs], "fidelity": plan.fidelity,
        "ops": [op.model_dump(mode="json") for op in plan.recipe.ops],
    }  # fmt: skip
    return fenced(json.dumps(told, ensure_ascii=False), "its plan", 6000)


def node_words(node: Node) -> str:
    """What came of a node."""
    evaluation = node.evaluation
    slices = (
        "; ".join(f"{s.slice} {s.value:.3f} of {s.n}" for s in evaluation.slices[:_MOST_SLICES]) if evaluation else ""
    )
    lines = [
        f"{node.plan.title}: {node.score or node.failure or node.status}", f"hypothesis: {node.plan.hypothesis}",
        *(f"changed {c}" for c in node.plan.changes), *(f"found {f}" for f in node.findings),
        f"slices: {slices}" if slices else "",
    ]  # fmt: skip
    return fenced("\n".join(line for line in lines if line), f"the outcome of {node.id}")


def limit_words(tree: TreeView, memory_mb: float | None) -> str:
    """What a plan may not exceed."""
    budget = tree.budget
    memory = f" A run may take {memory_mb:,.0f} MB of memory." if memory_mb else ""
    return (
        f"{tree.rounds_left:g} rounds are left (a probe counts as its fidelity). A run may train on {budget.samples:,} "
        f"rows; the study has {budget.minutes:g} compute minutes in all.{memory}"
    )


def _case(case: BadCase) -> str:
    room = _LONGEST_CASE // 3
    return f"asked: {case.prompt[:room]} | right: {case.expected[:room]} | got: {case.got[:room]}"

"""Two trees for every report test: one with all kinds of outcome, one whose every text is an attack."""

from __future__ import annotations

import pytest

from trex_nb.core import events as ev
from trex_nb.core.ids import node_id, run_id
from trex_nb.core.plan import Change
from trex_nb.core.result import BadCase, Failure, Finding, Insight, SliceScore
from trex_nb.search.tree import Tree
from trex_nb.testing import trees

EVIL = (
    '<img src=x onerror="alert(1)"></script></td></pre>| [a](javascript:alert(2)) `$x$` $y$ \\(z\\)\n'
    "# h\n\n- \u202eb\x1b[31m https://evil.example www.evil.example <https://evil.example>"
)


@pytest.fixture
def tree() -> Tree:
    """n3 is best, n2 failed, n4 pruned, n5 runs, n6 waits, n7 was redirected."""
    return trees.tree_of(
        trees.succeeded(0, 0.1),
        [trees.proposed(1), trees.approved(1), *trees.succeeded(1, 0.45)],
        [trees.proposed(2), trees.approved(2), *trees.failed(2)],
        [trees.proposed(3, 1, trees.lora_plan("Raise rank", r=32)), trees.approved(3), *trees.succeeded(3, 0.61)],
        [trees.proposed(4, 1), ev.NodePruned(node=node_id(4), why="too slow")],
        [trees.proposed(5, 3), trees.approved(5), *trees.succeeded(5, 0.0)[:4]],
        [trees.proposed(6, 3), trees.proposed(7, 1)],
        ev.NodeRedirected(node=node_id(7), text="try rank 8", request=9),
        ev.JobsAllowed(jobs=2),
    )


@pytest.fixture
def hostile() -> Tree:
    """Every text that anybody but us can write is `EVIL`."""
    base = trees.created()
    created = base.model_copy(update={
        "task": base.task.model_copy(update={"goal": EVIL, "licence": EVIL, "base_model": EVIL}),
        "data": base.data.model_copy(update={"warnings": (EVIL,)}),
    })  # fmt: skip
    plan = trees.lora_plan("x").model_copy(update={
        "title": EVIL, "hypothesis": EVIL * 1000, "changes": (Change(field=EVIL, before=EVIL, after=EVIL),),
        "expected": trees.lora_plan().expected.model_copy(update={"risk": EVIL}),
    })  # fmt: skip
    evaluation = trees.evaluation(0.5).model_copy(update={
        "slices": (SliceScore(slice=EVIL, value=0.5, n=3),),
        "bad_cases": (BadCase(prompt=EVIL, expected=EVIL, got=EVIL),),
    })  # fmt: skip
    failure = Failure(stage="train", kind="error", message=EVIL, log=EVIL * 1000)
    events: list[ev.Event] = [
        created, *trees.succeeded(0, 0.1), trees.proposed(1, plan=plan), trees.approved(1),
        *trees.succeeded(1, 0.4)[:-1], ev.RunEvaluated(run=run_id(node_id(1), 1), evaluation=evaluation),
        trees.proposed(2, plan=plan), trees.approved(2), trees.submitted(2),
        ev.RunFailed(run=run_id(node_id(2), 1), failure=failure),
        ev.NodeDiagnosed(node=node_id(1), findings=(Finding(kind="weak_slice", message=EVIL),)),
        ev.NodeNoted(node=node_id(1), text=EVIL), trees.proposed(3, plan=plan),
        ev.NodePruned(node=node_id(3), why=EVIL),
        ev.InsightRecorded(insight=Insight(text=EVIL, evidence=(node_id(1),))), ev.AutoStopped(why=EVIL),
    ]  # fmt: skip
    return Tree.replay(trees.stamp(events))

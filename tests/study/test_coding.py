"""What may be approved, what runs unasked, and what waits, where a model wrote code."""

from __future__ import annotations

import pytest

from tests.report.test_code import BEGUN, MENDED, N1, tree
from trex_nb.core import events as ev
from trex_nb.core.commands import SetCode
from trex_nb.core.ids import RunId
from trex_nb.core.task import CodePolicy
from trex_nb.errors import CommandError
from trex_nb.search.tree import Tree
from trex_nb.study import coding
from trex_nb.testing import trees
from trex_nb.testing.executors import CODE

NODE = trees.node(1)


def under(policy: CodePolicy, *more: ev.Event, code: bool = True) -> Tree:
    return tree(CODE if code else None, ev.CodePolicyChosen(policy=policy), *more)


@pytest.mark.parametrize(("policy", "unasked"), [("off", False), ("ask", False), ("auto", True)])
def test_auto_lets_code_run_only_where_the_person_said_so(policy: CodePolicy, unasked: bool) -> None:
    found = under(policy)
    assert coding.runs_unasked(found, found.nodes[NODE]) is unasked
    plain = under(policy, code=False)
    assert coding.runs_unasked(plain, plain.nodes[NODE])


def test_a_choice_is_put_on_record_once() -> None:
    events, said = coding.set_code(SetCode(policy="off"), under("ask"))
    assert events == (ev.CodePolicyChosen(policy="off"),)
    assert said == "Code off: models write no code, and plans that have some are not let run."
    assert coding.set_code(SetCode(policy="off"), under("off"))[0] == ()


def test_mended_code_is_held_and_approved_by_its_run() -> None:
    found = under("ask", *BEGUN)
    node = found.nodes[NODE]
    assert coding.held(found) == [node]
    assert coding.approved_code(found, node) == [ev.CodeApproved(run=N1, attempt=2)]
    with pytest.raises(CommandError, match="switched off"):
        coding.approved_code(under("off", *BEGUN), node)
    after = under("ask", *BEGUN, ev.CodeApproved(run=N1, attempt=2))
    assert coding.held(after) == []
    assert after.nodes[NODE].plan_of(after.run(N1)).code == MENDED


def test_mended_code_makes_it_another_run() -> None:
    before, after = under("ask", *BEGUN[:-1]), under("ask", *BEGUN)
    assert before.run(N1).key != after.run(N1).key


def test_what_is_pruned_waits_for_nobody() -> None:
    found = under("ask", *BEGUN, ev.NodePruned(node=NODE, why=""))
    assert coding.held(found) == []
    assert coding.approved_code(found, found.nodes[NODE]) == []


def test_a_run_with_the_plan_s_code_takes_nothing_over() -> None:
    found = under("ask")
    assert coding.taken_over(found, found.run(N1), 1) == []
    assert coding.mended_by_another(found.nodes[NODE], found.run(RunId("n1.1"))) is None

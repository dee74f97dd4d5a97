from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.search.histories import COMMANDS, STEPS, History
from trex_nb.core import commands as cmd
from trex_nb.core import events as ev
from trex_nb.core.ids import NodeId, RunId
from trex_nb.core.plan import Plan
from trex_nb.errors import CommandError
from trex_nb.search.tree import Tree
from trex_nb.study.handle import Situation, handle
from trex_nb.study.weigh import Weighed, weigh
from trex_nb.testing.trees import approved, lora_plan, node, proposed, submitted, succeeded, tree_of

BASELINE = succeeded(0, 0.1)
RUN = ev.JobsAllowed(jobs=2)
T = TypeVar("T")
ONE, TWO = (node(1),), (node(1), node(2))


def weighed(tree: Tree, command: cmd.Command) -> Weighed:
    return weigh(command, Situation(tree, now=0.0, jobs=2))


def lasting(minutes: float, title: str = "Long", **knobs: Any) -> Plan:
    plan = lora_plan(title, **knobs)
    return plan.model_copy(update={"expected": plan.expected.model_copy(update={"minutes": minutes})})


def priced(tree: Tree) -> ev.BudgetChanged:
    return ev.BudgetChanged(budget=tree.budget.model_copy(update={"price_per_hour": 2.0, "currency": "EUR"}))


def answer(how: Callable[[cmd.Command, Situation], T], command: cmd.Command, situation: Situation) -> T | str:
    try:
        return how(command, situation)
    except CommandError as error:
        return str(error)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.lists(COMMANDS, max_size=6))
def test_what_is_weighed_is_refused_as_it_would_be_and_nothing_is_changed(steps: list[Any], more: list[Any]) -> None:
    history = History().live(steps)
    auto, finalize = cmd.Auto(rounds=8, hours=1), cmd.Finalize()
    for command in (*more, auto, finalize, cmd.Stop(), cmd.Repeat(node=node(1)), cmd.Prune(nodes=TWO)):
        situation = Situation(history.tree, 0.0, 2)
        handled, found = answer(handle, command, situation), answer(weigh, command, situation)
        if isinstance(handled, str) or isinstance(found, str):
            assert found == handled
            continue
        assert found.text.startswith("Would ")
        assert len(found.text.splitlines()) == 1 or command.do in ("propose", "redirect")
        assert not (found.asks and not handled.events)


def test_an_approval_is_weighed_with_its_compute_and_the_rounds_left() -> None:
    tree = tree_of(BASELINE, RUN, proposed(1, plan=lasting(4, r=8, runs=2)), proposed(2, plan=lasting(1)))
    one = weighed(tree, cmd.Approve(nodes=ONE))
    assert one.text == (
        "Would approve n1: 1 experiment (2 runs), ≈ 8.0 min of compute; 7 of 8 rounds would be left. Starts at once."
    )
    assert not one.asks
    two = weighed(tree, cmd.Approve(nodes=TWO))
    assert "2 experiments (3 runs), ≈ 9.0 min of compute; 6 of 8 rounds would be left" in two.text
    assert two.asks


def test_what_is_long_or_has_a_price_is_asked_once_more() -> None:
    tree = tree_of(BASELINE, proposed(1, plan=lasting(10)), proposed(2, plan=lasting(9)))
    assert weighed(tree, cmd.Approve(nodes=ONE)).asks
    assert not weighed(tree, cmd.Approve(nodes=(node(2),))).asks
    found = weighed(
        tree_of(BASELINE, proposed(1), proposed(2, plan=lasting(9)), priced(tree)), cmd.Approve(nodes=TWO[1:])
    )
    assert found.asks
    assert "≈ 9.0 min of compute (0.30 EUR)" in found.text


def test_when_it_would_start_is_said() -> None:
    waits, command = (BASELINE, proposed(1), proposed(2), approved(2)), cmd.Approve(nodes=ONE)
    cases = {
        "%trex run would start it.": (),
        "Paused: %trex resume would start it.": (RUN, ev.StudyPaused()),
        "Starts at once.": (RUN, submitted(2)),
        "Starts when a job slot is free.": (ev.JobsAllowed(jobs=1), submitted(2)),
    }
    for said, events in cases.items():
        assert weighed(tree_of(*waits, *events), command).text.endswith(f" {said}")


def test_what_an_equal_run_has_done_costs_nothing() -> None:
    first = tree_of(BASELINE, RUN, proposed(1), approved(1))
    history = History().live(
        [
            cmd.Run(jobs=2),
            "good",
            "good",
            cmd.Propose(n=1),
            "good",
            cmd.Approve(nodes=ONE),
            "good",
            "good",
            "good",
            "good",
        ]
    )
    same = history.tree.nodes[node(1)].plan
    more = [ev.NodeProposed(node=node(2), parent=node(0), plan=same, request=9)]
    tree = Situation(history.tree, 0.0, 2).after(more)
    assert "no compute, since equal runs are over" in weighed(tree, cmd.Approve(nodes=(node(2),))).text
    assert "already approved" in weighed(first, cmd.Approve(nodes=ONE)).text


def test_a_prune_says_what_it_kills_and_is_asked_for_then() -> None:
    tree = tree_of(BASELINE, RUN, proposed(1), approved(1), *succeeded(1, 0.5), proposed(2), approved(2), submitted(2))
    killing = weighed(tree, cmd.Prune(nodes=(node(2),)))
    assert killing.asks
    assert killing.text == "Would prune n2. 1 running job would be killed: n2.1. That cannot be taken back."
    best = weighed(tree, cmd.Prune(nodes=ONE))
    assert (best.text, best.asks) == (
        "Would prune n1. The best would be n0 instead of n1. %trex restore n1 takes it back.", False
    )  # fmt: skip


def test_a_prune_of_more_than_one_unfinished_node_is_asked_for() -> None:
    tree = tree_of(BASELINE, proposed(1), proposed(2, 1), proposed(3))
    assert weighed(tree, cmd.Prune(nodes=ONE)).asks
    assert not weighed(tree, cmd.Prune(nodes=(node(3),))).asks
    done = tree_of(BASELINE, proposed(1), proposed(2, 1), approved(2), *succeeded(2, 0.05))
    found = weighed(done, cmd.Prune(nodes=ONE))
    assert "n2 below would be out of the search too." in found.text
    assert not found.asks


def test_a_stop_now_says_what_is_lost_and_is_asked_for() -> None:
    running = (RUN, BASELINE, proposed(1), approved(1), submitted(1))
    for tree in (tree_of(*running), tree_of(*running, ev.StopRequested(node=node(1)))):
        found = weighed(tree, cmd.Stop(nodes=ONE, now=True))
        assert (found.text, found.asks) == ("Would kill n1.1: what is not saved yet is lost.", True)


def test_a_stop_names_the_jobs_and_without_names_is_asked_for() -> None:
    plan = lora_plan(runs=2)
    tree = tree_of(BASELINE, RUN, proposed(1, plan=plan), approved(1), submitted(1))
    everything = weighed(tree, cmd.Stop())
    assert everything.asks
    assert "Would stop n1.1:" in everything.text
    assert everything.text.endswith("n1.2 would not start. Nothing new would start until %trex resume.")
    assert not weighed(tree, cmd.Stop(runs=(RunId("n1.1"),))).asks
    nothing = weighed(tree_of(BASELINE), cmd.Stop())
    assert (nothing.text, nothing.asks) == ("Would stop no job. Nothing new would start until %trex resume.", False)


def test_a_finalization_says_that_the_test_split_is_opened_and_is_always_asked_for() -> None:
    tree = tree_of(BASELINE, RUN, proposed(1), approved(1), *succeeded(1, 0.5))
    found = weighed(tree, cmd.Finalize(seeds=2))
    assert found.asks
    assert "1 finalist (n1) under 2 fresh seeds each: 2 runs, ≈ 26 s of compute" in found.text
    assert found.text.endswith("Then the sealed test split is opened once, for the winner and the base model.")
    runs = (RunId("n1.2"),)
    again = (
        ev.FinalizeStarted(number=1, finalists=ONE, seeds=1, repeats=()),
        ev.Peeked(number=1, winner=node(1), runs=runs), ev.FinalizeEnded(number=1, has_peeked=True),
        proposed(2), approved(2), *succeeded(2, 0.5),
    )  # fmt: skip
    seen = weighed(Situation(tree, 0.0, 2).after(again), cmd.Finalize(seeds=2, again=True))
    assert seen.text.endswith(" It was scored once before: each further look makes its score less honest.")
    repeat = weighed(tree, cmd.Repeat(node=node(1), n=2))
    assert (repeat.text, repeat.asks) == (
        "Would repeat n1.1 under seeds 1, 2: 2 runs, ≈ 26 s of compute. Starts at once.", False
    )  # fmt: skip


def test_auto_says_how_far_it_would_go_and_is_always_asked_for() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1), *succeeded(1, 0.5), proposed(2, plan=lasting(1)))
    found = weighed(tree, cmd.Auto(rounds=4, runs=2))
    assert found.asks
    assert found.text == (
        "Would propose, approve and run without asking until round 4: up to 3 more rounds of up to 2 runs each, ≈ 1.9 "
        "min of compute. The budget has 59.6 min of compute left. n2, which waits, would be approved too."
    )
    assert "not known yet" in weighed(tree_of(BASELINE), cmd.Auto()).text


def test_an_edit_is_weighed_with_the_plan_it_would_make() -> None:
    found = weighed(tree_of(BASELINE, proposed(1)), cmd.Edit(node=node(1), fields={"r": 4}))
    assert found.text.startswith("Would make n1 “LoRA, ")
    assert "r 4" in found.text
    assert " Expected: " in found.text
    assert not found.asks


def test_a_restore_says_what_comes_back_and_what_it_would_run() -> None:
    tree = tree_of(BASELINE, RUN, proposed(1), approved(1), proposed(2, 1), ev.NodePruned(node=node(1)))
    found = weighed(tree, cmd.Restore(nodes=(NodeId("n1"),)))
    assert found.text.startswith("Would restore n1 (approved). n1: ≈ 12 s of compute; 7 of 8 rounds would be left.")


def test_what_has_no_weight_of_its_own_is_told_as_its_answer() -> None:
    found = weighed(tree_of(BASELINE), cmd.Note(node=node(0), text="hm"))
    assert found == Weighed("Would answer: Noted on n0.", asks=False)

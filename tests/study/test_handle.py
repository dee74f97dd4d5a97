from __future__ import annotations

from typing import Any

import pytest

from trex_nb.core import commands as cmd
from trex_nb.core import events as ev
from trex_nb.core.chat import Usage
from trex_nb.core.ids import NodeId, RunId
from trex_nb.core.node import Status
from trex_nb.core.recipe import DataRecipe, Generate
from trex_nb.core.result import Failure
from trex_nb.errors import CommandError
from trex_nb.report import words
from trex_nb.search.tree import Tree
from trex_nb.study.handle import Situation, handle
from trex_nb.testing.trees import approved, lora_plan, node, proposed, submitted, succeeded, tree_of

BASELINE = succeeded(0, 0.1)


def handled(tree: Tree, command: cmd.Command) -> list[Any]:
    return list(handle(command, Situation(tree, now=0.0, jobs=2)).events)


def said(tree: Tree, command: cmd.Command) -> str:
    return handle(command, Situation(tree, now=0.0, jobs=2)).text


def refused(tree: Tree, command: cmd.Command) -> str:
    with pytest.raises(CommandError) as error:
        handled(tree, command)
    assert len(str(error.value).splitlines()) == 2
    return error.value.what


def test_plan_asks_only_for_what_is_missing() -> None:
    (event,) = handled(tree_of(BASELINE, proposed(1)), cmd.Propose(n=3))
    assert event.n == 2
    assert handled(tree_of(BASELINE, proposed(1), proposed(2), proposed(3)), cmd.Propose(n=3)) == []


def test_plans_go_under_the_best_node_unless_said_otherwise() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1), succeeded(1, 0.5))
    assert handled(tree, cmd.Propose(n=1))[0].parent == "n1"
    assert handled(tree, cmd.Propose(n=1, under=node(0)))[0].parent == "n0"


def test_approving_twice_changes_nothing_and_says_so() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1))
    assert handled(tree, cmd.Approve(nodes=(node(1),))) == []
    assert "already" in said(tree, cmd.Approve(nodes=(node(1),)))


def test_a_plan_whose_rows_nobody_could_write_is_not_approved() -> None:
    recipe = DataRecipe(ops=(Generate(instruction="More.", n=3),))
    tree = tree_of(BASELINE, proposed(1, plan=lora_plan().model_copy(update={"recipe": recipe})))
    command = cmd.Approve(nodes=(node(1),))
    with pytest.raises(CommandError, match="no language model is set") as error:
        handle(command, Situation(tree, now=0.0, jobs=2, can_write=False))
    assert "%config Trex.writer" in error.value.hint
    assert len(handle(command, Situation(tree, now=0.0, jobs=2)).events) == 1


def test_rounds_beyond_the_budget_are_refused() -> None:
    tree = tree_of(
        BASELINE, ev.BudgetChanged(budget=tree_of().budget.model_copy(update={"rounds": 1})), proposed(1), proposed(2)
    )
    assert len(handled(tree, cmd.Approve(nodes=(node(1),)))) == 1
    assert "budget" in refused(tree, cmd.Approve(nodes=(node(1), node(2))))


def test_pruning_takes_what_is_below_along() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1), succeeded(1, 0.5), proposed(2, 1), proposed(3, 2))
    assert [e.node for e in handled(tree, cmd.Prune(nodes=(node(1),)))] == ["n1", "n2", "n3"]


def pruned(tree: Tree, *names: str) -> Tree:
    return _after(tree, cmd.Prune(nodes=tuple(NodeId(n) for n in names)))


def _after(tree: Tree, command: cmd.Command) -> Tree:
    return Situation(tree, now=float(tree.seq + 1), jobs=2).after(handled(tree, command))


def restore(*names: str) -> cmd.Restore:
    return cmd.Restore(nodes=tuple(NodeId(n) for n in names))


CHAIN = (proposed(1), approved(1), *succeeded(1, 0.5), proposed(2, 1), proposed(3, 2))


def test_a_restore_brings_back_what_went_with_it_and_nothing_pruned_by_itself() -> None:
    tree = pruned(pruned(tree_of(BASELINE, CHAIN), "n3"), "n1")
    assert [e.node for e in handled(tree, restore("n1"))] == ["n1", "n2"]
    again = _after(tree, restore("n1"))
    assert [n.status.value for n in again.nodes.values()] == ["succeeded", "succeeded", "proposed", "pruned"]
    assert handled(again, restore("n1")) == []
    assert said(again, restore("n1")) == "n1 is not pruned."


def test_nodes_pruned_together_and_one_below_the_other_come_back_one_by_one() -> None:
    tree = pruned(tree_of(BASELINE, CHAIN), "n2", "n1")
    assert [e.node for e in handled(tree, restore("n1"))] == ["n1"]
    assert [e.node for e in handled(_after(tree, restore("n1")), restore("n2"))] == ["n2", "n3"]
    assert [e.node for e in handled(tree, restore("n3", "n2", "n1"))] == ["n1", "n2", "n3"]


def test_what_is_below_a_pruned_node_is_restored_with_that() -> None:
    tree = pruned(tree_of(BASELINE, CHAIN), "n1")
    with pytest.raises(CommandError) as error:
        handled(tree, restore("n3"))
    assert str(error.value) == "n1, above n3, was pruned.\nTry: %trex restore n1"


def test_an_approved_node_that_comes_back_uses_its_round_again() -> None:
    one = ev.BudgetChanged(budget=tree_of().budget.model_copy(update={"rounds": 1}))
    tree = pruned(tree_of(BASELINE, one, proposed(1), approved(1), proposed(2)), "n1")
    assert tree.rounds == 0
    assert _after(tree, restore("n1")).rounds == 1
    full = _after(tree, cmd.Approve(nodes=(node(2),)))
    assert "budget is spent" in refused(full, restore("n1"))


def test_a_prune_that_killed_a_job_cannot_be_taken_back_and_one_that_did_not_can() -> None:
    two = (proposed(1, plan=lora_plan(runs=2)), approved(1))
    killed = ev.RunFailed(run=RunId("n1.1"), failure=Failure(stage="infra", kind="stopped", message="Cancelled."))
    at_work = pruned(tree_of(BASELINE, *two, submitted(1)), "n1")
    assert "was killed" in refused(at_work, restore("n1"))
    assert "was killed" in refused(Situation(at_work, now=99.0, jobs=1).after([killed]), restore("n1"))
    between = pruned(tree_of(BASELINE, *two, succeeded(1, 0.4)), "n1")
    assert _after(between, restore("n1")).nodes[node(1)].status is Status.RUNNING
    stopped = pruned(tree_of(BASELINE, *two, submitted(1), ev.StopRequested(node=node(1)), killed), "n1")
    assert _after(stopped, restore("n1")).nodes[node(1)].status is Status.FAILED


def test_a_child_whose_job_was_killed_stays_pruned_with_what_is_below_it() -> None:
    tree = pruned(tree_of(BASELINE, proposed(1), proposed(2, 1), approved(2), submitted(2), proposed(3, 2)), "n1")
    assert [e.node for e in handled(tree, restore("n1"))] == ["n1"]
    assert said(tree, restore("n1")) == ("Restored n1. n1 awaits your decision. n2 stays pruned: its job was killed.")


def test_a_redirect_that_was_answered_meanwhile_is_known_when_the_node_comes_back() -> None:
    redirected = _after(tree_of(BASELINE, proposed(1)), cmd.Redirect(node=node(1), text="rank 8"))
    (request,) = redirected.requests
    refused_ = ev.ProposalFailed(request=request, reason="what?")
    open_ = pruned(redirected, "n1")
    for tree, status in ((open_, "redirected"), (Situation(open_, now=9.0, jobs=1).after([refused_]), "proposed")):
        assert _after(tree, restore("n1")).nodes[node(1)].status == status


def answer(tree: Tree, command: cmd.Command, now: float = 50_520) -> str:
    """What is said at 14:02 on the first day; the tree's events were in its first minute."""
    try:
        return handle(command, Situation(tree, now=now, jobs=2)).text
    except CommandError as error:
        return str(error)


def test_what_was_decided_before_is_said_with_who_and_when() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1), proposed(2), proposed(3), approved(3))
    approve, prune, rank = cmd.Approve(nodes=(node(1),)), cmd.Prune(nodes=(node(2),)), "rank 8"
    assert answer(tree, approve) == "n1 was already approved by human at 00:00 UTC."
    assert answer(tree, approve, now=99_999) == "n1 was already approved by human on 1970-01-01 at 00:00 UTC."
    both = cmd.Approve(nodes=(node(1), node(3)))
    assert answer(tree, both) == "n1, n3 were already approved by human at 00:00 UTC."
    gone = pruned(tree, "n1", "n2")
    assert answer(gone, prune) == "n2 was already pruned by human at 00:00 UTC."
    assert answer(gone, approve) == (
        "n1 was already approved by human at 00:00 UTC, then pruned by human at 00:00 UTC."
    )
    assert answer(gone, cmd.Approve(nodes=(node(2),))).splitlines() == [
        "n2 was already pruned by human at 00:00 UTC.",
        "Try: %trex restore n2, or %trex plan --under n0 for another child of its parent",
    ]
    assert answer(gone, cmd.Redirect(node=node(2), text=rank)).startswith("n2 was already pruned by human at")
    assert answer(gone, cmd.Edit(node=node(2), fields={"r": 4})).startswith("n2 was already pruned by human at")


def test_what_was_redirected_or_runs_is_said_with_who_and_when() -> None:
    tree = tree_of(BASELINE, proposed(1), proposed(2), approved(2), submitted(2))
    again = cmd.Redirect(node=node(1), text="rank 8")
    redirected = _after(tree, again)
    assert answer(redirected, again) == "n1 was already redirected by human at 00:00 UTC, with these words."
    assert answer(redirected, cmd.Approve(nodes=(node(1),))).startswith("n1 was already redirected by human at 00:00")
    edits = [cmd.Edit(node=node(n), fields={"r": 4}) for n in (1, 2)]
    assert answer(redirected, edits[0]).startswith("n1 was already redirected by human at 00:00 UTC.")
    assert answer(redirected, edits[1]).startswith("n2 is already running: approved by human at 00:00 UTC.")


def test_what_is_below_a_pruned_node_names_that_one() -> None:
    tree = _after(tree_of(BASELINE, CHAIN), cmd.Prune(nodes=(node(1),)))
    late = tree_of(BASELINE, CHAIN, ev.NodePruned(node=node(1)))  # the child was being planned meanwhile
    assert answer(tree, cmd.Approve(nodes=(node(3),))).startswith("n3 was already pruned by human at 00:00 UTC.")
    assert answer(late, cmd.Approve(nodes=(node(3),))).splitlines() == [
        "n1, above n3, was pruned by human at 00:00 UTC.",
        "Try: %trex restore n1, or %trex plan --under n0 for another child of its parent",
    ]


def test_a_run_that_goes_on_is_not_said_to_be_stopped() -> None:
    stopped = Failure(stage="infra", kind="stopped", message="The job was stopped.")
    end = (ev.StopRequested(node=node(1)), ev.RunFailed(run=RunId("n1.1"), failure=stopped))
    tree = tree_of(BASELINE, proposed(1), approved(1), submitted(1), *end, ev.RunResumed(run=RunId("n1.1")))
    assert [d.what for d in tree.nodes[node(1)].decisions] == ["approved", "stopped", "resumed n1.1"]
    assert words.decided_words(tree.nodes[node(1)]) == "resumed n1.1 by human"


def test_the_baseline_cannot_be_pruned() -> None:
    assert "baseline" in refused(tree_of(BASELINE), cmd.Prune(nodes=(node(0),)))


def test_a_node_that_is_not_there_is_named_with_the_last_that_is() -> None:
    assert (
        refused(tree_of(BASELINE, proposed(1)), cmd.Approve(nodes=(node(9),)))
        == "There is no node n9 (the last is n1)."
    )


def test_a_redirect_asks_for_a_child_that_follows_the_words() -> None:
    redirected, asked = handled(tree_of(BASELINE, proposed(1)), cmd.Redirect(node=node(1), text="rank 8"))
    assert (redirected.node, asked.parent, asked.directions, asked.n) == ("n1", "n1", "rank 8", 1)


def test_a_running_node_cannot_be_edited() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1), submitted(1))
    assert "running" in refused(tree, cmd.Edit(node=node(1), fields={"r": 4}))


def test_an_edit_is_told_anew() -> None:
    (event,) = handled(tree_of(BASELINE, proposed(1)), cmd.Edit(node=node(1), fields={"r": 4, "lora_alpha": 8}))
    assert event.plan.title.startswith("LoRA")
    assert event.plan.configs[0].r == 4


def test_stop_without_nodes_stops_all_and_pauses() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1), submitted(1))
    assert [e.kind for e in handled(tree, cmd.Stop())] == ["stop_requested", "study_paused"]


def test_a_stop_now_comes_also_after_one_that_saves_and_only_once() -> None:
    now = cmd.Stop(nodes=(node(1),), now=True)
    running = (BASELINE, proposed(1), approved(1), submitted(1))
    (event,) = handled(tree_of(*running, ev.StopRequested(node=node(1))), now)
    assert (event.kind, event.now) == ("stop_requested", True)
    assert handled(tree_of(*running, event), now) == handled(tree_of(*running, event), cmd.Stop(nodes=(node(1),))) == []
    one = cmd.Stop(runs=(RunId("n1.1"),), now=True)
    (event,) = handled(tree_of(*running, ev.StopRequested(node=node(1))), one)
    assert (event.run, event.now) == ("n1.1", True)
    assert "nothing more is saved" in said(tree_of(*running), one)


def test_a_run_that_was_killed_goes_on_like_any_stopped_one() -> None:
    stopped = Failure(stage="infra", kind="stopped", message="The job was cancelled.")
    killed = (ev.StopRequested(node=node(1), now=True), ev.RunFailed(run=RunId("n1.1"), failure=stopped))
    tree = tree_of(BASELINE, proposed(1), approved(1), submitted(1), *killed)
    (event,) = handled(tree, cmd.Resume(nodes=(node(1),)))
    run = tree_of(BASELINE, proposed(1), approved(1), submitted(1), *killed, event).run(RunId("n1.1"))
    assert (run.stop_now, run.stop_requested, run.is_queued) == (False, False, True)


def test_budget_without_numbers_tells_what_it_is() -> None:
    assert handled(tree_of(BASELINE), cmd.SetBudget()) == []
    assert "8 rounds" in said(tree_of(BASELINE), cmd.SetBudget())


def test_a_run_where_a_node_is_wanted_is_told_from_a_name_that_is_not_there() -> None:
    with pytest.raises(CommandError) as error:
        Situation(tree_of(BASELINE, proposed(1)), now=0.0, jobs=2).node(NodeId("n1.2"))
    assert str(error.value) == "n1.2 is a run, and this takes a node.\nTry: n1, the node of that run"


def test_redirecting_a_live_run_is_said_in_whole_sentences() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1), submitted(1))
    assert said(tree, cmd.Redirect(node=node(1), run=RunId("n1.1"), text="rank 8")) == (
        "Redirected n1.1: a child that follows your words is being planned; it starts from where n1.1 is now, and n1.1 "
        "goes on."
    )


def test_stopping_one_run_of_a_round_gives_no_round_back_while_others_go_on() -> None:
    stopped = Failure(stage="infra", kind="stopped", message="The job was stopped.")
    one = (ev.StopRequested(node=node(1), run=RunId("n1.1")), ev.RunFailed(run=RunId("n1.1"), failure=stopped))
    events = (proposed(1, plan=lora_plan(runs=2)), approved(1), submitted(1), submitted(1, 2))
    tree = tree_of(BASELINE, *events, *one)
    assert tree.rounds == 1
    assert words.state_words(tree) == "running n1; n1.1 stopped, %trex resume n1.1 goes on"
    assert tree_of(BASELINE, *events, *one, ev.RunFailed(run=RunId("n1.2"), failure=stopped)).rounds == 0


def test_a_lone_finalist_is_not_said_to_be_ahead_of_others() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1), succeeded(1, 0.5))
    assert said(tree, cmd.Finalize(finalists=3, seeds=2)).startswith(
        "Finalizing: n1 (0.500) is the only trained experiment with a full score.\n"
    )


def with_budget(tree: Tree, **changed: float) -> Tree:
    event = ev.BudgetChanged(budget=tree.budget.model_copy(update=changed))
    return tree.apply(ev.Stamped(seq=tree.seq + 1, time=0.0, actor="human", event=event))


def test_what_is_approved_is_not_promised_to_start_when_the_budget_is_spent() -> None:
    tree = with_budget(tree_of(BASELINE, ev.JobsAllowed(jobs=1), proposed(1)), minutes=1e-6)
    assert said(tree, cmd.Approve(nodes=(node(1),))) == (
        "Approved n1. The budget is spent, %trex budget --minutes 1 gives more."
    )


def test_the_way_out_of_a_spent_budget_names_what_is_spent() -> None:
    rounds = with_budget(tree_of(BASELINE, proposed(1), proposed(2)), rounds=1)
    with pytest.raises(CommandError) as error:
        handled(rounds, cmd.Approve(nodes=(node(1), node(2))))
    assert error.value.hint == "%trex budget --rounds 5, then repeat"
    with pytest.raises(CommandError) as error:
        handled(with_budget(tree_of(BASELINE, proposed(1), approved(1)), minutes=1e-6), cmd.Run(jobs=1))
    assert error.value.hint == "%trex budget --minutes 1, then repeat"


def test_money_is_told_as_money_and_tokens_against_the_new_budget() -> None:
    called = ev.ChatCalled(call="c1", asker="researcher", purpose="ask", model="m", usage=Usage(prompt=7))
    told = said(tree_of(BASELINE, called), cmd.SetBudget(money=5, tokens=200_000))
    assert ", 5 of money, 200,000 tokens of language models, " in told
    assert "7 of 200,000 tokens" in told


def test_a_budget_below_what_was_used_says_that_jobs_stop() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1), submitted(1))
    assert "saved and stopped" in said(tree, cmd.SetBudget(minutes=1e-6))
    assert "saved and stopped" not in said(tree, cmd.SetBudget(minutes=60))
    assert tree.seconds > 0
    assert said(tree, cmd.SetBudget(price_per_hour=3600, currency="EUR")).endswith(f"minutes, {tree.seconds:.2f} EUR.")


def test_pruning_says_which_jobs_it_killed() -> None:
    assert said(tree_of(BASELINE, proposed(1), approved(1), submitted(1)), cmd.Prune(nodes=(node(1),))) == (
        "Pruned n1. 1 running job killed: n1.1."
    )
    assert said(tree_of(BASELINE, proposed(1)), cmd.Prune(nodes=(node(1),))) == "Pruned n1."


def test_a_priority_is_repeated_to_who_gave_it() -> None:
    tree = tree_of(BASELINE, proposed(1), approved(1))
    assert said(tree, cmd.Run(jobs=1, priority=5)).startswith("Running n1: 1 job at a time, with priority 5.")

"""Code of a model that fails and is mended: who approves it, what ends it, and what is on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.scenarios.house import House, ends_well, statuses, until
from tests.scenarios.test_code import CODE, coded, with_plans
from tests.scenarios.test_retry import attempt
from trex_nb.core import events as ev
from trex_nb.core.chat import ChatReply, ChatRequest, Heard
from trex_nb.core.ids import RunId
from trex_nb.core.job import Failed, JobSpec, JobUpdate, Started
from trex_nb.core.plan import Plan
from trex_nb.core.result import Cost
from trex_nb.core.training import LoraTraining
from trex_nb.errors import ChatError, CommandError
from trex_nb.search.tree import Tree
from trex_nb.study.study import Study
from trex_nb.testing.chats import ScriptedChat
from trex_nb.testing.executors import BAD_CODE
from trex_nb.testing.launchers import LOST, FakeLauncher

Build = Callable[..., House]
N1 = RunId("n1.1")


def draft(n: int) -> dict[str, Any]:
    return {"rows": f"def rewrite(rows):\n    return rows[:{n}]\n", "train": "", "why": f"There is no text ({n})."}


def bad_until(good: int) -> Callable[[JobSpec], Sequence[JobUpdate]]:
    """Jobs whose code fails after a second, but for those of a late enough attempt."""

    def script(spec: JobSpec) -> Sequence[JobUpdate]:
        if attempt(spec) >= good:
            return ends_well(spec)
        return [Started(pid=1), Failed(failure=BAD_CODE, cost=Cost(seconds=1))]

    return script


def let_run(house: House, plan: Plan | None = None, *, policy: str = "ask") -> Study:
    with_plans(house, plan or coded(2))
    study = house.open()
    study.code(policy)
    study.plan(1)
    study.approve("n1")
    study.run(jobs=1)
    return study


def waits(study: Study) -> None:
    until(study, lambda t: t.run(N1).waits_for_code)


def test_mended_code_waits_for_the_person_and_then_runs(build: Build) -> None:
    house = build(script=bad_until(2))
    house.mender = ScriptedChat(draft(1))
    study = let_run(house)
    waits(study)
    assert len(house.launcher.submitted) == 1
    shown = str(study.show("n1"))
    assert "waits for you: mended code" in shown
    assert "n1.1 waits for you: %trex approve n1 --code 2 lets the mended code run." in shown
    assert "-    return rows * 2" in shown
    assert "+    return rows[:1]" in shown
    assert "There is no text (1)." in shown
    assert "n1 waits for you to approve mended code" in str(study.status())
    assert "n1.1 waits for you: mended code" in str(study.status())
    study.wait(30)  # nothing goes on unless the person says so
    again = study.approve("n1").text  # as when all cells are run again
    assert "already approved" in again
    assert again.endswith("waits for you: %trex show n1, then %trex approve n1 --code 2.")
    assert study.tree.run(N1).waits_for_code
    assert study.approve("n1", code=2).text == "Approved the mended code of n1.1."
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert house.executor.repaired[-1][0].code == study.tree.run(N1).code
    assert "with mended code, 1 of 3" in str(study.show("n1"))
    assert Tree.replay(house.store.read(study.name)) == study.tree


def test_where_the_person_said_so_it_runs_at_once(build: Build) -> None:
    house = build(script=bad_until(3))
    house.mender = ScriptedChat(draft(1), draft(2))
    study = let_run(house, policy="auto").wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    written = [e for e in house.events("code_written") if isinstance(e, ev.CodeWritten)]
    assert [(e.attempt, e.why) for e in written] == [(2, "There is no text (1)."), (3, "There is no text (2).")]
    shown = str(study.show("n1"))
    assert "Mended by a model for attempt 2 of n1.1: There is no text (1)." in shown
    assert "-    return rows[:1]\n" in shown
    assert "+    return rows[:2]" in shown


def test_it_is_mended_three_times_and_no_more(build: Build) -> None:
    house = build(script=bad_until(9))
    house.mender = ScriptedChat(*(draft(n) for n in range(9)))
    study = let_run(house, policy="auto").wait(30)
    failure = study.tree.run(N1).failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("bad_code", f"{BAD_CODE.message} Its code was mended 3 times.")
    assert len(house.launcher.submitted) == 4


def test_without_a_model_it_has_failed(build: Build) -> None:
    house = build(script=bad_until(9))
    study = let_run(house).wait(30)
    assert study.tree.run(N1).failure == BAD_CODE
    assert len(house.launcher.submitted) == 1


GARBAGE = "Sure! Here you go."
HOSTILE = {"rows": "import os\ndef rewrite(rows):\n    os.system('rm -rf /')\n", "train": "", "why": "Trust me."}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([GARBAGE] * 4, "No code came that can be used."),
        ([HOSTILE] * 4, "os may not be imported."),
        ([ChatError("The budget of tokens is spent.", "more", trouble="budget")], "The budget of tokens is spent."),
        ([ChatError("Nobody answers.", "look", trouble="unreachable")], "Nobody answers."),
    ],
    ids=["garbage", "hostile", "budget", "silent"],
)
def test_a_model_that_fails_ends_the_run_with_what_it_failed_of(build: Build, lines: list[Any], why: str) -> None:
    house = build(script=bad_until(9))
    house.mender = ScriptedChat(*lines)
    study = let_run(house, policy="auto").wait(30)
    failure = study.tree.run(N1).failure
    assert failure is not None
    assert failure.kind == "bad_code"
    assert failure.message.startswith(f"{BAD_CODE.message} It could not be mended: ")
    assert why in failure.message
    assert len(house.launcher.submitted) == 1


def test_a_restart_while_it_waits_asks_nobody_again(build: Build) -> None:
    house = build(script=bad_until(2))
    chat = house.mender = ScriptedChat(draft(1))
    study = let_run(house)
    waits(study)
    study.close()
    again = house.open()
    waits(again)
    again.approve("n1", code=2)
    again.wait(30)
    assert statuses(again.tree)["n1"] == "succeeded"
    assert len(chat.asked) == 1
    code = house.executor.repaired[-1][0].code
    assert code is not None
    assert code.rows == draft(1)["rows"]


@pytest.mark.parametrize("end", [lambda s: s.stop("n1"), lambda s: s.prune("n1")], ids=["stop", "prune"])
def test_what_waits_can_be_ended(build: Build, end: Callable[[Study], object]) -> None:
    house = build(script=bad_until(2))
    house.mender = ScriptedChat(draft(1))
    study = let_run(house)
    waits(study)
    end(study)
    study.wait(30)
    assert study.tree.run(N1).failure is not None
    assert len(house.launcher.submitted) == 1


def test_what_was_stopped_waits_for_the_person_still_when_it_goes_on(build: Build) -> None:
    house = build(script=bad_until(2))
    house.mender = ScriptedChat(draft(1))
    study = let_run(house)
    waits(study)
    study.stop("n1")
    study.wait(30)
    study.resume("n1")
    waits(study)
    assert len(house.launcher.submitted) == 1
    study.approve("n1", code=study.tree.run(N1).attempt)
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert house.executor.prepared[-1].code == study.tree.run(N1).code != CODE


def test_what_waits_takes_no_place(build: Build) -> None:
    def script(spec: JobSpec) -> Sequence[JobUpdate]:
        return bad_until(2)(spec) if spec.run == N1 else ends_well(spec)

    house = build(script=script)
    house.mender = ScriptedChat(draft(1))
    study = let_run(house)
    waits(study)
    house.researcher._script.append(coded(8))  # type: ignore[attr-defined]
    study.plan(1)
    study.approve("n2")
    until(study, lambda t: statuses(t)["n2"] == "succeeded")
    assert study.tree.run(N1).waits_for_code


def test_changing_to_auto_lets_it_run(build: Build) -> None:
    house = build(script=bad_until(2))
    house.mender = ScriptedChat(draft(1))
    study = let_run(house)
    waits(study)
    study.code("auto")
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"


def test_switched_off_it_is_not_approved(build: Build) -> None:
    house = build(script=bad_until(2))
    house.mender = ScriptedChat(draft(1))
    study = let_run(house)
    waits(study)
    study.code("off")
    with pytest.raises(CommandError, match="switched off"):
        study.approve("n1")
    assert study.tree.run(N1).waits_for_code


def test_auto_does_not_wait_for_it_for_ever(build: Build) -> None:
    house = build(script=lambda spec: bad_until(2)(spec) if spec.run == N1 else ends_well(spec))
    house.mender = ScriptedChat(draft(1))
    study = let_run(house)
    waits(study)
    study.auto(rounds=2)
    until(study, lambda t: t.auto is None)
    assert study.tree.run(N1).waits_for_code


def in_two_runs(house: House) -> Plan:
    """A round of two, whose jobs fail with the plan's code and end well with any other."""

    def script(spec: JobSpec) -> Sequence[JobUpdate]:
        given = [*house.executor.prepared, *(a for a, _ in house.executor.repaired)]
        code = [a.code for a in given if str(a.folder) == spec.folder][-1]
        return bad_until(9)(spec) if code == CODE else ends_well(spec)

    house.launcher = FakeLauncher(script, auto=True)
    two = tuple(LoraTraining(learning_rate=1e-3, seed=s) for s in (0, 1))
    return coded(2).model_copy(update={"configs": two})


def test_a_run_that_comes_later_begins_with_what_was_mended(build: Build) -> None:
    house = build()
    chat = house.mender = ScriptedChat(draft(1))
    study = let_run(house, in_two_runs(house), policy="auto").wait(30)
    runs = study.tree.nodes[study.tree.root.children[0]].runs
    assert [(r.attempt, r.code and r.code.rows) for r in runs] == [(2, draft(1)["rows"]), (1, draft(1)["rows"])]
    assert len(chat.asked) == 1
    assert "As it was mended for n1.1." in str(study.show("n1"))
    assert Tree.replay(house.store.read(study.name)) == study.tree


def test_a_run_that_failed_alike_takes_over_what_was_mended(build: Build) -> None:
    house = build()
    plan = in_two_runs(house)
    chat = house.mender = ScriptedChat(draft(1))
    study = let_run(house, plan)
    waits(study)
    study.run(jobs=1)
    until(study, lambda t: t.run(RunId("n1.2")).waits_for_code)
    assert len(chat.asked) == 1
    study.approve("n1", code=2)
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert [r.attempt for r in study.tree.nodes[study.tree.root.children[0]].runs] == [2, 2]


def test_lost_with_mended_code_it_is_tried_again_with_that(build: Build) -> None:
    def script(spec: JobSpec) -> Sequence[JobUpdate]:
        lost: list[JobUpdate] = [Started(pid=1), Failed(failure=LOST, cost=Cost(seconds=1))]
        return lost if attempt(spec) == 2 else bad_until(2)(spec)

    house = build(script=script)
    house.mender = ScriptedChat(draft(1))
    study = let_run(house, policy="auto").wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert [a.code and a.code.rows for a, _ in house.executor.repaired] == [draft(1)["rows"]] * 2


class SilentChat:
    """Never answers; `asked` and `ended` say how often it was begun and given up."""

    def __init__(self) -> None:
        self.asked = self.ended = 0

    async def complete(self, asked: ChatRequest, heard: Heard | None = None) -> ChatReply:
        import asyncio

        self.asked += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1
        raise AssertionError(asked, heard)


def test_a_prune_while_the_model_is_asked_ends_the_asking(build: Build) -> None:
    house = build(script=bad_until(2))
    chat = house.mender = SilentChat()
    study = let_run(house)
    until(study, lambda _: chat.asked == 1)
    study.prune("n1")
    study.wait(30)
    assert chat.ended == 1
    assert len(house.launcher.submitted) == 1

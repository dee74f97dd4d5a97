"""What a notebook displays becomes updates, with exactly one ending."""

from __future__ import annotations

import pytest

from trex_nb.core.job import FAILURE_MIME, METRICS_MIME, OUTCOME_MIME, Failed, Finished, JobUpdate, Progressed
from trex_nb.core.result import Failure
from trex_nb.launch.account import Account
from trex_nb.launch.failures import CANCELLED

OUTCOME = {"checkpoint": {"kind": "adapter", "path": "a"}, "cost": {"seconds": 0, "train_seconds": 2, "steps": 3}}
STATED = Failure(stage="train", kind="diverged", message="The loss is not a number.")


@pytest.fixture
def told() -> list[JobUpdate]:
    return []


@pytest.fixture
def account(told: list[JobUpdate]) -> Account:
    account = Account(told.append)
    account.begin()
    return account


def _ending(told: list[JobUpdate]) -> Failure:
    assert isinstance(told[-1], Failed)
    return told[-1].failure


def test_an_outcome_is_the_ending_with_the_seconds_of_the_whole_job(account: Account, told: list[JobUpdate]) -> None:
    account.displayed({OUTCOME_MIME: OUTCOME})
    account.end(None, "")
    (last,) = told
    assert isinstance(last, Finished)
    assert (last.checkpoint.path, last.cost.train_seconds, last.cost.steps) == ("a", 2, 3)
    assert last.cost.seconds > 0


def test_the_last_point_of_the_curve_precedes_the_ending(account: Account, told: list[JobUpdate]) -> None:
    points = [{"step": step, "total": 9, "loss": 0.5, "eval_loss": None} for step in range(1, 10)]
    for length in range(1, 10):
        account.displayed({METRICS_MIME: {"points": points[:length]}})
    account.displayed({OUTCOME_MIME: OUTCOME})
    account.end(None, "")
    assert [point.step for point in told if isinstance(point, Progressed)] == [1, 9]


def test_silence_is_a_failure(account: Account, told: list[JobUpdate]) -> None:
    account.end(None, "what was printed")
    assert _ending(told).kind == "error"
    assert _ending(told).log == "what was printed"


def test_a_stated_failure_outweighs_an_outcome(account: Account, told: list[JobUpdate]) -> None:
    account.displayed({OUTCOME_MIME: OUTCOME})
    account.displayed({FAILURE_MIME: STATED.model_dump(mode="json")})
    account.end(None, "")
    assert _ending(told) == STATED


def test_the_launchers_own_reason_outweighs_all(account: Account, told: list[JobUpdate]) -> None:
    account.displayed({FAILURE_MIME: STATED.model_dump(mode="json")})
    account.end(CANCELLED, "")
    assert _ending(told) == CANCELLED


def test_a_failed_job_tells_how_far_it_came(account: Account, told: list[JobUpdate]) -> None:
    account.displayed({METRICS_MIME: {"points": [{"step": 7, "total": 9}]}})
    account.end(CANCELLED, "")
    assert isinstance(told[-1], Failed)
    assert told[-1].cost.steps == 7
    assert 0 < told[-1].cost.train_seconds < told[-1].cost.seconds


@pytest.mark.parametrize("payload", ["text", {}, {"checkpoint": {"kind": "adapter"}, "cost": {}, "extra": 1}])
def test_a_statement_that_cannot_be_read_is_a_failure(account: Account, told: list[JobUpdate], payload: object) -> None:
    account.displayed({OUTCOME_MIME: payload})
    account.end(None, "")
    assert _ending(told).kind == "error"


def test_other_displays_say_nothing(account: Account, told: list[JobUpdate]) -> None:
    account.displayed({"text/plain": "hello", "image/png": "…"})
    account.tick()
    assert told == []


@pytest.mark.parametrize("path", ["../n1.1/adapter", "/etc", "adapter/../../n1.1/adapter"])
def test_weights_outside_the_job_s_folder_are_not_believed(account: Account, told: list[JobUpdate], path: str) -> None:
    account.displayed({OUTCOME_MIME: {**OUTCOME, "checkpoint": {"kind": "adapter", "path": path}}})
    account.end(None, "")
    assert "is not inside the folder" in _ending(told).message

"""Limits as a person writes them in a task."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from trex_nb.core.limits import NO_LIMITS, Limits
from trex_nb.core.task import Task

PLAIN = {"name": "t", "goal": "g", "prompt": "{a}", "answer": "{b}"}


def test_a_task_without_limits_leaves_them_to_the_machine_and_has_no_network() -> None:
    assert Task.model_validate(PLAIN).limits == NO_LIMITS
    assert not NO_LIMITS.network


def test_a_task_sets_those_it_names() -> None:
    task = Task.model_validate(PLAIN | {"limits": {"memory_mb": 4000, "network": True}})
    assert task.limits == Limits(memory_mb=4000, network=True)


@pytest.mark.parametrize("wrong", [{"memory_mb": 0}, {"disk_mb": -1}, {"memory": 4000}, {"network": "perhaps"}, 4000])
def test_what_is_no_limit_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Task.model_validate(PLAIN | {"limits": wrong})

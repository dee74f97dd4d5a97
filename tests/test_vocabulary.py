"""Every word of the vocabulary is spoken somewhere: no event without a fold, no command without a handler, no
instruction without an effect, no status without a sign."""

from __future__ import annotations

import ast
import inspect
from typing import Any, get_args

import pytest

from trex_nb.agents import diagnosis, moves
from trex_nb.agents.findings import answers, curve, forgetting, rows
from trex_nb.chat import metered
from trex_nb.core import commands, events, job, recipe, result, training
from trex_nb.core.base import Frozen
from trex_nb.core.node import Status
from trex_nb.core.result import FailureKind, FindingKind
from trex_nb.report import words
from trex_nb.search import tree
from trex_nb.study import coding, decide, effects, finalize, handle, mending, start, study, told
from trex_nb.study.decide import Instruction


def members(union: Any) -> tuple[type, ...]:
    """The classes of an annotated, discriminated union."""
    return get_args(get_args(union)[0])


def tags(union: Any, field: str) -> set[str]:
    return {m.model_fields[field].default for m in members(union)}  # type: ignore[attr-defined]


UNIONS = {
    "event": (events.Event, "kind", events),
    "command": (commands.Command, "do", commands),
    "update": (job.JobUpdate, "kind", job),
    "operator": (recipe.Op, "op", recipe),
    "training": (training.TrainingConfig, "method", training),
}


def test_every_event_is_folded() -> None:
    assert set(tree._HANDLERS) == tags(events.Event, "kind")


def test_every_command_is_handled() -> None:
    assert set(handle._HANDLERS) == tags(commands.Command, "do")


def test_every_instruction_has_an_effect() -> None:
    assert set(effects._EFFECTS) == set(get_args(Instruction))


def _has_tag(model: type[Frozen], field: str) -> bool:
    return field in model.model_fields and isinstance(model.model_fields[field].default, str)


@pytest.mark.parametrize("name", UNIONS)
def test_every_class_with_a_tag_is_in_its_union(name: str) -> None:
    union, field, module = UNIONS[name]
    classes = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]
    defined = {c for c in classes if issubclass(c, Frozen) and _has_tag(c, field)}
    assert defined == set(members(union))
    assert len(tags(union, field)) == len(members(union))


def test_every_status_has_a_sign_and_a_word() -> None:
    assert set(words.GLYPHS) == set(Status)
    assert len(set(words.GLYPHS.values())) == len(Status)
    assert set(words.GLYPHS) == set(Status)


def test_every_failure_is_said_with_its_kind_and_stage() -> None:
    for stage in get_args(result.Stage):
        for kind in get_args(FailureKind):
            said = str(result.Failure(stage=stage, kind=kind, message="why"))
            assert said == f"{stage}/{kind}: why"


def test_every_finding_is_found_by_the_diagnosis_and_answered_by_moves() -> None:
    source = "".join(inspect.getsource(m) for m in (diagnosis, answers, curve, forgetting, rows))
    made = {n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    assert set(get_args(FindingKind)) <= made
    assert set(get_args(FindingKind)) == set(moves._ANSWERS)


def test_every_event_is_written_by_somebody() -> None:
    """A fact that nobody ever states is no part of the vocabulary."""
    modules = (handle, coding, effects, mending, told, start, finalize, study, metered)
    source = "".join(inspect.getsource(m) for m in modules)
    unsaid = [m.__name__ for m in members(events.Event) if f"{m.__name__}(" not in source]
    assert unsaid == []


def test_every_instruction_is_given_by_somebody() -> None:
    source = inspect.getsource(decide)
    assert [i.__name__ for i in get_args(Instruction) if f"{i.__name__}(" not in source] == []

"""Typed answers: a model is asked for JSON of a shape, and gets its mistakes back until it is right, a few times."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from trex_nb.chat.schema import find_object, shape_of
from trex_nb.core.chat import Chat, ChatRequest, Heard, Message
from trex_nb.errors import ChatError

K = TypeVar("K", bound=BaseModel)

QUOTED = 4000  # characters of a wrong reply that go back to whoever wrote it
WRONG = 800  # characters of what is wrong with it
FIRST_ERRORS = 6


async def ask_typed(
    chat: Chat,
    asked: ChatRequest,
    kind: type[K],
    *,
    check: Callable[[K], str | None] | None = None,
    repairs: int = 2,
    heard: Heard | None = None,
) -> K:
    """A reply as a `kind`. What does not fit, or what `check` names as wrong, is sent back, `repairs` times at most;
    a repair sees the last wrong reply alone, not all of them. An empty reply counts as a wrong one. Raises
    `ChatError`."""
    asked = asked.model_copy(update={"shape": shape_of(kind)})
    turn = asked
    wrong = ""
    for left in reversed(range(repairs + 1)):
        try:
            reply = await chat.complete(turn, heard)
        except ChatError as error:
            if error.trouble != "bad_reply" or not left:
                raise
            continue
        value, wrong = _read(reply.text, kind, check)
        if value is not None:
            return value
        turn = asked.model_copy(update={"messages": (*asked.messages, *_sent_back(reply.text, wrong))})
    what = f"The model's answer was not what was asked for, {repairs + 1} times: {wrong}"
    raise ChatError(what, "ask again, or set a stronger model", trouble="bad_reply")


def _read(text: str, kind: type[K], check: Callable[[K], str | None] | None) -> tuple[K | None, str]:
    required = tuple(name for name, field in kind.model_fields.items() if field.is_required())
    found = find_object(text, required)
    if found is None:
        return None, "there is no JSON object in it."
    try:
        value = kind.model_validate_json(found)
    except ValidationError as error:
        return None, _worded(error)
    wrong = check(value) if check else None
    return (None, _cut(wrong, WRONG)) if wrong else (value, "")


def _worded(error: ValidationError) -> str:
    """What is wrong, without the values: they are in the reply that is quoted."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    said = [f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg']}" for e in errors[:FIRST_ERRORS]]
    more = len(errors) - FIRST_ERRORS
    return _cut("; ".join(said) + (f"; and {more} more" if more > 0 else ""), WRONG) + "."


def _sent_back(text: str, wrong: str) -> tuple[Message, ...]:
    return (
        Message(role="assistant", content=_cut(text, QUOTED) or "(nothing)"),
        Message(
            role="user", content=f"This cannot be used: {wrong}\nAnswer again, with the whole corrected JSON object."
        ),
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} …"

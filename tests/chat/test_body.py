from __future__ import annotations

from typing import get_args

import pytest

from tests.chat.asking import SHAPE, endpoint, request
from trex_nb.chat.body import Quirk, adapted, body_of, quirk_in
from trex_nb.chat.rungs import RUNGS, Rung
from trex_nb.core.chat import Message

HERE = endpoint("http://localhost/v1", temperature=0.0)


@pytest.mark.parametrize("rung", RUNGS)
def test_a_shape_is_asked_for_in_one_way(rung: Rung) -> None:
    body = body_of(request(shape=SHAPE), HERE, rung)
    is_in_words = "JSON schema" in body["messages"][-1]["content"]
    assert is_in_words == (rung in {"json_object", "text"})
    assert ("tool_choice" in body) == (rung == "tool")
    assert ("response_format" in body) == (rung in {"json_schema", "json_object"})


def test_without_a_shape_no_way_is_asked_for() -> None:
    bodies = [body_of(request(), HERE, rung) for rung in RUNGS]
    assert all(body == bodies[0] for body in bodies)


def test_a_shape_in_words_after_another_s_turn_is_a_turn_of_its_own() -> None:
    asked = request(shape=SHAPE)
    asked = asked.model_copy(update={"messages": (*asked.messages, Message(role="assistant", content="Hm."))})
    messages = body_of(asked, HERE, "text")["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"] == "Hm."


def test_what_utf_8_cannot_hold_is_sent_as_a_question_mark() -> None:
    assert body_of(request("a\ud800"), HERE, "text")["messages"][0]["content"] == "a?"


@pytest.mark.parametrize(
    ("said", "quirk"),
    [
        ("unknown field: stream_options", "no_usage"),
        ("use max_completion_tokens instead of max_tokens", "completion_tokens"),
        ("temperature does not support 0", "no_temperature"),
        ("stream is not supported", "no_stream"),
        ("response_format is not supported", None),
        ("tool choice", None),
        ("bad request", "no_usage"),
        ("upstream: response_format is not supported", None),
    ],
)
def test_what_a_server_names_it_is_spared(said: str, quirk: Quirk | None) -> None:
    assert quirk_in(said, adapted(body_of(request(), HERE, "text"), frozenset()), frozenset()) == quirk


BOUNDED = SHAPE.model_copy(
    update={"json_schema": {**SHAPE.json_schema, "properties": {"good": {"type": "string", "maxLength": 9}}}}
)


@pytest.mark.parametrize("said", ["'maxlength' is not permitted", "invalid schema for response_format"])
def test_a_server_that_takes_no_bounds_is_told_them_in_words(said: str) -> None:
    body = body_of(request(shape=BOUNDED), HERE, "json_schema")
    assert quirk_in(said, body, frozenset()) == "bare_schema"
    sent = adapted(body, frozenset({"bare_schema"}))["response_format"]["json_schema"]
    assert sent["schema"]["properties"]["good"] == {"type": "string", "description": "maxLength 9"}
    assert sent["strict"] is True
    assert quirk_in(said, body, frozenset({"bare_schema"})) != "bare_schema"
    assert quirk_in(said, body_of(request(shape=SHAPE), HERE, "json_schema"), frozenset()) != "bare_schema"


def test_of_a_server_that_names_nothing_everything_is_tried_once() -> None:
    known: frozenset[Quirk] = frozenset()
    body = body_of(request(), HERE, "text")
    while quirk := quirk_in("bad request", adapted(body, known), known):
        known |= {quirk}
    assert known == set(get_args(Quirk)) - {"bare_schema"}
    spared = adapted(body, known)
    assert spared["stream"] is False
    assert {"stream_options", "max_tokens", "temperature"} & spared.keys() == set()
    assert spared["max_completion_tokens"] == 8192

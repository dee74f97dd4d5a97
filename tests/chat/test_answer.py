from __future__ import annotations

import json
from typing import Any

import pytest

from tests.chat.protocol_server import chunk
from trex_nb.chat.answer import Answer, BrokenOffError, Gathering, ServerSaidError
from trex_nb.chat.secret import Secret
from trex_nb.core.chat import Usage
from trex_nb.errors import ChatError


def gathered(*chunks: Any, heard: list[str] | None = None) -> Answer:
    gathering = Gathering(Secret("sk-secret-key"), heard.append if heard is not None else None)
    for piece in (*chunks, "[DONE]"):
        gathering.line(f"data: {piece if isinstance(piece, str) else json.dumps(piece)}")
    return gathering.answer()


def call(**fields: Any) -> Any:
    return chunk({"tool_calls": [fields]})


def test_lines_that_are_no_events_are_passed_over() -> None:
    gathering = Gathering(Secret("x"), None)
    one, late = ('data:{"choices":[{"delta":{"content":"a"}}]}', 'data: {"choices":[{"delta":{"content":"b"}}]}')
    for line in (": keep-alive", "", "event: message", "id: 3", one, "data: [DONE]", late):
        gathering.line(line)
    assert gathering.answer().text == "a"


def test_the_end_may_be_told_in_either_way() -> None:
    for last in (chunk({}, "stop"), {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}):
        gathering = Gathering(Secret("x"), None)
        gathering.line(f"data: {json.dumps(last)}")
        gathering.answer()
    with pytest.raises(BrokenOffError):
        Gathering(Secret("x"), None).answer()


def test_content_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, "b", None]
    assert gathered(chunk({"content": parts})).text == "ab"


def test_thoughts_between_tags_are_no_part_of_the_answer() -> None:
    answer = gathered(chunk({"content": "\n<think>So {"}), chunk({"content": "1}</think>\n\nYes."}))
    assert (answer.text, answer.reasoning) == ("Yes.", "So {1}")


def test_thoughts_that_the_template_began_are_no_part_of_the_answer_either() -> None:
    answer = gathered(chunk({"content": 'Hm, {"a": 1}?</think>Yes.'}))
    assert (answer.text, answer.reasoning) == ("Yes.", 'Hm, {"a": 1}?')


def test_an_answer_that_speaks_of_the_tags_keeps_them() -> None:
    said = "Write <think> before and </think> after."
    assert gathered(chunk({"content": said})).text == said


def test_thoughts_that_do_not_end_are_left_as_they_are() -> None:
    assert gathered(chunk({"content": "<think>So"})).text == "<think>So"


def test_calls_that_all_have_one_index_are_told_apart_by_their_ids() -> None:
    first = call(index=0, id="a", function={"name": "x", "arguments": "{}"})
    second = call(index=0, id="b", function={"name": "y", "arguments": "{}"})
    assert [c.name for c in gathered(first, second).tool_calls] == ["x", "y"]


def test_calls_without_index_or_id_are_told_apart_by_their_names() -> None:
    first = call(function={"name": "x", "arguments": '{"a":'})
    more = call(function={"arguments": "1}"})
    second = call(function={"name": "y", "arguments": {"b": 2}})
    one, two = gathered(first, more, second).tool_calls
    assert (one.name, one.arguments, two.name, two.arguments) == ("x", '{"a":1}', "y", '{"b": 2}')
    assert one.id != two.id


def test_thousands_of_calls_are_no_answer() -> None:
    many = [{"index": n, "id": f"c{n}", "function": {"name": "x", "arguments": "{}"}} for n in range(20_000)]
    with pytest.raises(ChatError, match="more than 256 tools"):
        gathered(chunk({"tool_calls": many}))


def test_an_id_repeated_with_each_piece_is_one_call() -> None:
    pieces = [call(index=0, id="a", function={"name": "x" if not i else "", "arguments": str(i)}) for i in range(3)]
    (only,) = gathered(*pieces).tool_calls
    assert only.arguments == "012"


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(prompt=5, completion=2)),
        (
            {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}},
            Usage(prompt=5, completion=2, cached=5),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": None}, Usage(prompt=5, completion=2)),
        ({"prompt_tokens": 10**400, "completion_tokens": 2}, Usage(prompt=10**12, completion=2)),
        ({"prompt_tokens": True, "completion_tokens": float("nan")}, None),
        ({"prompt_tokens": -5, "completion_tokens": "2"}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_usage_is_believed_as_far_as_it_is_one(said: Any, usage: Usage | None) -> None:
    assert gathered({"choices": [], "usage": said}).usage == usage


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        ({"message": "x", "code": 400}, "x", 400),
        ({"message": "x", "code": "bad"}, "x", 500),
        ("x", "x", 500),
        (["?"], "", 500),
        ({"message": "x", "code": "429"}, "x", 429),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_one(error: Any, said: str, code: int) -> None:
    with pytest.raises(ServerSaidError) as caught:
        gathered(chunk({"content": "a"}), {"error": error})
    assert (caught.value.said, caught.value.code) == (said, code)


@pytest.mark.parametrize("odd", [{"choices": {}}, {"choices": [3]}, {"choices": [{"delta": {"content": 3}}]}, {}])
def test_an_odd_chunk_says_nothing(odd: Any) -> None:
    assert gathered(odd).text == ""


@pytest.mark.parametrize("odd", ["3", '"x"', "null", "[1]", "{", "[" * 10_000])
def test_what_is_no_chunk_is_an_error(odd: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        gathered(odd)


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    heard: list[str] = []
    answer = gathered('{"choices":[{"delta":{"content":"a\\ud83d"}}]}', heard=heard)
    assert answer.text == "a?" == "".join(heard)


def test_the_key_is_hidden_where_it_comes_in_pieces() -> None:
    heard: list[str] = []
    answer = gathered(chunk({"content": "It is sk-sec"}), chunk({"content": "ret-key."}), heard=heard)
    assert answer.text == "It is [key]." == "".join(heard)

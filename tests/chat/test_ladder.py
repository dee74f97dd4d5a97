"""Which way of asking for a shape works, at servers of every kind."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.chat.asking import KEY, SHAPE, ask, chat_at, request
from tests.chat.protocol_server import Body, Deed, chunk, say, serving, status, stream_of
from trex_nb.chat.rungs import Rung, RungMemory
from trex_nb.core.chat import ChatReply, Tool, Usage
from trex_nb.errors import ChatError

GOOD = '{"good": true}'


def wanted(body: Body) -> str:
    """The way a request asks for its shape."""
    kind = body.get("response_format", {}).get("type")
    if kind:
        return str(kind)
    return "tool" if "tool_choice" in body else "text"


def schema_of(body: Body) -> Body:
    if "tools" in body:
        return dict(body["tools"][0]["function"]["parameters"])
    return dict(body["response_format"]["json_schema"]["schema"])


def filled(body: Body) -> str:
    """What an enforcing server lets be written."""
    return json.dumps({key: True if key == "good" else "hello" for key in schema_of(body)["required"]})


def called(body: Body, arguments: str) -> Deed:
    call = {"id": "a", "function": {"name": body["tools"][0]["function"]["name"], "arguments": arguments}}
    return stream_of(chunk({"tool_calls": [call]}), chunk({}, "tool_calls"))


class Provider:
    """A server that keeps to a shape in some ways, and ignores or rejects the others. `words` are what it says there
    and in the text way."""

    def __init__(self, *keeps: str, rejects: bool = False, words: str = f"Well: {GOOD}.") -> None:
        self.keeps = set(keeps)
        self.rejects = rejects
        self.words = words

    def __call__(self, body: Body) -> Deed:
        way = wanted(body)
        if way == "text" or (way not in self.keeps and not self.rejects):
            return say(self.words)
        if way not in self.keeps:
            return status(400, f"{way}: response_format or tools are not supported.")
        if way == "tool":
            return called(body, filled(body))
        return say(filled(body) if way == "json_schema" else GOOD)


KINDS: list[tuple[Provider, Rung, int]] = [
    (Provider("json_schema", "tool", "json_object"), "json_schema", 1),
    (Provider("tool", "json_object"), "tool", 2),
    (Provider("tool", "json_object", rejects=True), "tool", 2),
    (Provider("json_object"), "json_object", 3),
    (Provider("json_object", rejects=True), "json_object", 3),
    (Provider(), "text", 3),
    (Provider(rejects=True), "text", 3),
]


@pytest.mark.parametrize(("provider", "rung", "probes"), KINDS)
def test_the_best_way_that_works_is_found_once_and_remembered(provider: Provider, rung: Rung, probes: int) -> None:
    memory = RungMemory()
    with serving(provider) as server:
        for _ in range(2):
            reply = ask(chat_at(server.url, memory), request(shape=SHAPE))
            assert json.loads(reply.text) == {"good": True}
            assert (reply.how, reply.tool_calls) == (rung, ())
    assert [wanted(r) for r in server.requests[probes:]] == [rung, rung]


def test_the_probe_s_tokens_are_counted_and_its_key_is_in_no_prompt() -> None:
    with serving(Provider("json_schema")) as server:
        reply = ask(chat_at(server.url), request(shape=SHAPE))
    assert reply.usage == Usage(prompt=22, completion=14, cached=8)
    probe = server.requests[0]
    (key,) = schema_of(probe)["properties"]
    assert key not in json.dumps(probe["messages"])
    assert probe["max_tokens"] <= 512


def test_a_server_that_repeats_what_it_was_asked_is_not_taken_for_one_that_keeps_to_it() -> None:
    with serving(lambda body: say(f"You said {json.dumps(body)}. {GOOD}")) as server:
        reply = ask(chat_at(server.url), request(shape=SHAPE))
    assert (reply.how, reply.text) == ("text", GOOD)


def test_many_who_ask_at_once_share_one_probe() -> None:
    async def many(url: str) -> list[ChatReply]:
        chat = chat_at(url)
        return await asyncio.gather(*(chat.complete(request(shape=SHAPE)) for _ in range(6)))

    with serving(Provider("tool")) as server:
        replies = asyncio.run(many(server.url))
    assert {r.how for r in replies} == {"tool"}
    assert len(server.requests) == 2 + 6


@pytest.mark.parametrize("is_rejected", [True, False])
def test_a_way_that_stops_working_is_given_up_for_the_next(is_rejected: bool) -> None:
    provider, memory = Provider("json_schema", "tool"), RungMemory()
    with serving(provider) as server:
        chat = chat_at(server.url, memory)
        assert ask(chat, request(shape=SHAPE)).how == "json_schema"
        provider.keeps, provider.rejects = {"tool"}, is_rejected
        provider.words = "I would say it is good."
        assert ask(chat, request(shape=SHAPE)).how == "tool"
        assert memory.find(chat._endpoint) == "tool"


def test_what_is_wrong_with_the_request_itself_is_no_reason_to_change_the_way() -> None:
    memory = RungMemory()
    with serving(Provider("json_schema")) as server:
        chat = chat_at(server.url, memory)
        ask(chat, request(shape=SHAPE))
        server.script = lambda _: status(400, "maximum context length is 10 tokens")
        with pytest.raises(ChatError, match="too long"):
            ask(chat, request(shape=SHAPE))
        server.script = lambda _: status(400, "all wrong")
        with pytest.raises(ChatError, match="all wrong"):
            ask(chat, request(shape=SHAPE))
    assert memory.find(chat._endpoint) == "json_schema"


@pytest.mark.parametrize(
    ("deed", "trouble"),
    [(say("", refusal="No."), "refused"), (say('{"good": tr', finish="length"), "too_long"), (say(""), "bad_reply")],
)
def test_a_refusal_and_a_cut_reply_say_nothing_of_the_way(deed: Deed, trouble: str) -> None:
    memory = RungMemory()
    with serving(Provider("json_schema")) as server:
        chat = chat_at(server.url, memory)
        ask(chat, request(shape=SHAPE))
        server.script = lambda _: deed
        with pytest.raises(ChatError) as caught:
            ask(chat, request(shape=SHAPE))
    assert caught.value.trouble == trouble
    assert memory.find(chat._endpoint) == "json_schema"


def test_prose_to_the_last_is_given_back_as_it_is() -> None:
    with serving(Provider(words="I cannot do JSON.")) as server:
        assert ask(chat_at(server.url), request(shape=SHAPE)).text == "I cannot do JSON."


def test_a_model_cut_off_while_thinking_tells_nothing_about_the_server() -> None:
    memory = RungMemory()

    def thinker(body: Body) -> Deed:
        is_probe = "good" not in json.dumps(body)
        return say("", reasoning_content="Hm…", finish="length") if is_probe else say(filled(body))

    with serving(thinker) as server:
        chat = chat_at(server.url, memory)
        assert ask(chat, request(shape=SHAPE)).how == "json_schema"
        assert ask(chat, request(shape=SHAPE)).how == "json_schema"
        assert memory.find(chat._endpoint) == "json_schema"
    assert len(server.requests) == 3


def test_a_server_that_rejects_everything_is_asked_afresh_the_next_time() -> None:
    memory = RungMemory()
    with serving(lambda _: status(400, "message: all wrong")) as server:
        chat = chat_at(server.url, memory)
        with pytest.raises(ChatError, match="all wrong"):
            ask(chat, request(shape=SHAPE))
        server.script = Provider("json_schema")
        assert ask(chat, request(shape=SHAPE)).how == "json_schema"


def test_a_server_that_takes_no_bounds_in_a_schema_keeps_to_the_rest_of_it() -> None:
    bounded = {**SHAPE.json_schema, "properties": {"good": {"type": "string", "maxLength": 9}}}

    def strict(body: Body) -> Deed:
        no = "Invalid schema for response_format: 'maxLength' is not permitted."
        return status(400, no) if '"maxLength"' in json.dumps(body) else say(filled(body))

    with serving(strict) as server:
        chat = chat_at(server.url)
        for _ in range(2):
            shape = SHAPE.model_copy(update={"json_schema": bounded})
            assert ask(chat, request(shape=shape)).how == "json_schema"
    assert len(server.requests) == 1 + 2 + 1


def test_with_tools_the_shape_is_asked_for_in_the_prompt() -> None:
    tool = Tool(name="look", description="Looks.", parameters={"type": "object"})
    with serving(lambda _: say(f"```json\n{GOOD}\n```")) as server:
        reply = ask(chat_at(server.url), request(shape=SHAPE, tools=(tool,)))
    assert (reply.text, reply.how) == (GOOD, "text")
    (sent,) = server.requests
    assert sent["tools"][0]["function"]["name"] == "look"
    assert '"good"' in sent["messages"][-1]["content"]
    assert {"response_format", "tool_choice"} & sent.keys() == set()


def test_with_tools_a_call_of_one_is_a_reply() -> None:
    tool = Tool(name="look", description="Looks.", parameters={"type": "object"})
    with serving(lambda body: called(body, "{}")) as server:
        reply = ask(chat_at(server.url), request(shape=SHAPE, tools=(tool,)))
    assert [c.name for c in reply.tool_calls] == ["look"]


def test_what_a_tool_is_given_is_heard_as_the_answer_it_is_with_the_key_hidden() -> None:
    memory = RungMemory()

    def pieces(body: Body) -> Deed:
        half = len(KEY) // 2
        said = ['{"good": ', f'"{KEY[:half]}', f'{KEY[half:]}"', "}"]
        calls: list[Any] = [{"index": 0, "id": "a", "function": {"name": "verdict", "arguments": said[0]}}]
        calls += [{"index": 0, "function": {"arguments": s}} for s in said[1:]]
        return stream_of(*(chunk({"tool_calls": [c]}) for c in calls), chunk({}, "tool_calls"))

    with serving(pieces) as server:
        chat = chat_at(server.url, memory)
        memory.keep(chat._endpoint, "tool")
        heard: list[str] = []
        reply = ask(chat, request(shape=SHAPE), heard)
    assert reply.text == '{"good": "[key]"}' == "".join(heard)

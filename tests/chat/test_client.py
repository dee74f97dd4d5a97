"""The client against a server that speaks the protocol for real, and that fails in all the ways servers do."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import subprocess
import sys
import traceback
from typing import Any

import pytest

from tests.chat.asking import KEY, QUICK, ask, chat_at, endpoint, request
from tests.chat.protocol_server import (
    Body,
    Deed,
    Handler,
    ProtocolServer,
    chunk,
    half,
    in_turn,
    raw,
    rejecting,
    say,
    serving,
    silent,
    status,
    stream_of,
)  # fmt: skip
from trex_nb.chat.client import OpenAIChat
from trex_nb.chat.patience import Patience
from trex_nb.chat.rungs import RungMemory
from trex_nb.core.chat import ChatRequest, Message, Tool, ToolCall, Usage
from trex_nb.errors import ChatError


def trouble(deed: Deed, asked: ChatRequest | None = None, **more: Any) -> ChatError:
    """The error that a server leads to which does this and nothing else."""
    with serving(in_turn(deed)) as server, pytest.raises(ChatError) as caught:
        ask(chat_at(server.url, **more), asked)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "\n" not in error.what
    return error


def test_a_streamed_answer_comes_with_its_usage_and_is_heard_on_the_way() -> None:
    with serving(in_turn(say("Hello there."))) as server:
        heard: list[str] = []
        reply = ask(chat_at(server.url), heard=heard)
    assert (reply.text, reply.model, reply.how) == ("Hello there.", "real-1", "")
    assert reply.usage == Usage(prompt=11, completion=7, cached=4)
    assert heard == ["Hel", "lo ", "the", "re."]
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    (sent,) = server.requests
    assert sent == {
        "model": "real", "messages": [{"role": "user", "content": "Hello?"}], "max_tokens": 8192, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip


def test_what_is_set_for_an_endpoint_is_sent() -> None:
    with serving(in_turn(say("x"))) as server:
        ask(chat_at(server.url, temperature=0.2, max_tokens=50, extra=(("top_k", 5),)), request(max_tokens=99))
    assert server.requests[0].items() >= {"temperature": 0.2, "max_tokens": 50, "top_k": 5}.items()


def test_tools_are_offered_and_calls_that_come_in_pieces_are_put_together() -> None:
    tool = Tool(name="look", description="Looks.", parameters={"type": "object"})
    pieces = stream_of(
        chunk(
            {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": ""}}]}
        ),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"at":'}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "look", "arguments": "{}"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}]}),
        chunk({}, "tool_calls"),
    )
    earlier = (
        Message(role="user", content="Look."),
        Message(role="assistant", tool_calls=(ToolCall(id="z", name="look", arguments="{}"),)),
        Message(role="tool", tool_call_id="z", content="Nothing."),
    )
    with serving(in_turn(pieces)) as server:
        asked = ChatRequest(asker="researcher", purpose="plan", messages=earlier, tools=(tool,))
        reply = ask(chat_at(server.url), asked)
    first, second = reply.tool_calls
    assert (first.id, first.name, first.arguments) == ("a", "look", '{"at": 1}')
    assert (second.id, second.arguments) == ("b", "{}")
    sent = server.requests[0]
    assert sent["tools"][0]["function"]["name"] == "look"
    assert sent["messages"][1]["tool_calls"][0]["function"] == {"name": "look", "arguments": "{}"}
    assert sent["messages"][2]["tool_call_id"] == "z"


def test_what_a_model_thinks_aloud_is_no_part_of_its_answer() -> None:
    with serving(
        in_turn(stream_of(chunk({"reasoning_content": "Hm. "}), chunk({"content": "Yes."}), chunk({}, "stop")))
    ) as server:
        reply = ask(chat_at(server.url))
    assert (reply.text, reply.reasoning) == ("Yes.", "Hm. ")


def test_usage_that_is_not_told_is_estimated() -> None:
    with serving(in_turn(say("x" * 40, usage=None))) as server:
        reply = ask(chat_at(server.url), request("y" * 80))
    assert reply.usage == Usage(prompt=20, completion=10, is_estimated=True)


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize(
    ("field", "instead"),
    [("stream_options", None), ("max_tokens", "max_completion_tokens"), ("temperature", None), ("stream", None)],
)
def test_a_server_is_spared_what_it_rejects_from_then_on(field: str, instead: str | None, is_named: bool) -> None:
    with serving(lambda _: rejecting(field, say("Fine."), named=is_named)) as server:
        chat = chat_at(server.url, temperature=0.5)
        assert ask(chat).text == "Fine."
        asked = len(server.requests)
        assert ask(chat).text == "Fine."
    assert len(server.requests) == asked + 1
    assert not server.requests[-1].get(field)
    assert instead is None or server.requests[-1][instead] == 8192


def test_a_whole_body_is_taken_where_a_stream_was_asked_for() -> None:
    def whole(handler: Any, body: Any) -> None:
        say("All at once.")(handler, {**body, "stream": False})

    with serving(in_turn(whole)) as server:
        heard: list[str] = []
        reply = ask(chat_at(server.url), heard=heard)
    assert reply.text == "All at once." == "".join(heard)
    assert len(server.requests) == 1


def test_a_stream_under_another_name_is_read_too() -> None:
    event = b'data: {"choices":[{"delta":{"content":"Hi."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    with serving(in_turn(raw("text/plain", event))) as server:
        assert ask(chat_at(server.url)).text == "Hi."


@pytest.mark.parametrize(
    "first", [status(500, "boom"), status(503), status(408), status(409), status(429, "slow"), half("Onc"),
    status(429, "slow", retry_after="0.05"), stream_of({"error": {"message": "overloaded"}})],
)  # fmt: skip
def test_what_passes_is_tried_again(first: Deed) -> None:
    with serving(in_turn(first, say("Better."))) as server:
        assert ask(chat_at(server.url)).text == "Better."
    assert len(server.requests) == 2


def test_a_connection_that_is_dropped_at_once_is_tried_again() -> None:
    with serving(in_turn(lambda handler, _: handler.connection.shutdown(socket.SHUT_RDWR), say("Better."))) as server:
        assert ask(chat_at(server.url)).text == "Better."


def test_retry_after_is_honoured_and_what_is_too_long_is_left_to_the_person() -> None:
    assert Patience().wait(1, 7.0, 0.5) == 7.0
    with serving(in_turn(status(429, "slow", retry_after="90"))) as server, pytest.raises(ChatError) as caught:
        ask(chat_at(server.url))
    assert caught.value.trouble == "rate_limited"
    assert len(server.requests) == 1


def test_patience_has_an_end_and_every_try_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), serving(in_turn(status(500, f"boom {KEY}"))) as server:
        with pytest.raises(ChatError, match="failed with status 500: boom") as caught:
            ask(chat_at(server.url))
        assert server.url.removeprefix("http://").removesuffix("/v1") in caught.value.what
    assert caught.value.trouble == "server"
    assert len(server.requests) == QUICK.tries
    assert "Asked again in" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("deed", "kind", "words"),
    [
        (status(401, "bad key"), "rejected", "does not accept the key in PLANTED_KEY"),
        (status(403, "no"), "rejected", "does not accept the key"),
        (status(404, "The model 'real' does not exist"), "rejected", "has no such model"),
        (status(400, "messages: wrong"), "rejected", "rejects the request"),
        (status(400, "maximum context length is 2048 tokens"), "rejected", "too long"),
        (status(429, "You exceeded your current quota: insufficient_quota"), "rate_limited", "takes no more"),
        (status(500), "server", "failed with status 500: it does not say why"),
        (half("Once upon"), "server", "broke off"),
        (raw("text/html", b"<html><body>Log in to the airport</body></html>"), "server", "not answer as a chat server"),
        (raw("application/json", b'"just a text"'), "server", "not answer as a chat server"),
        (raw("application/json", b'{"status": "ok"}'), "bad_reply", "answered with nothing"),
        (raw("application/json", b"[]"), "server", "not answer as a chat server"),
        (raw("application/json", b"\xff\xfe not json"), "server", "not answer as a chat server"),
        (stream_of("{not json"), "server", "not answer as a chat server"),
        (stream_of({"choices": []}), "bad_reply", "answered with nothing"),
        (stream_of({"choices": None}, {"choices": [None]}, {"choices": [{"delta": "x"}]}), "bad_reply", "with nothing"),
        (say(""), "bad_reply", "answered with nothing"),
        (say("", refusal="I must not."), "refused", "refuses to answer: I must not."),
        (say("Half", finish="content_filter"), "refused", "refuses to answer"),
        (say("Half", finish="length"), "too_long", "cut off at the limit"),
    ],
)  # fmt: skip
def test_every_failure_is_told_in_two_lines_with_host_and_model(deed: Deed, kind: str, words: str) -> None:
    error = trouble(deed)
    assert error.trouble == kind
    assert words in error.what
    assert "127.0.0.1:" in error.what
    assert "(model real)" in error.what
    assert error.hint


def test_silence_ends_a_call_and_is_not_repeated() -> None:
    with serving(in_turn(silent(chunk({"content": "Once"})))) as server, pytest.raises(ChatError) as caught:
        ask(chat_at(server.url, timeout=0.3))
    assert caught.value.trouble == "timeout"
    assert "silent for 0.3 seconds" in caught.value.what
    assert caught.value.spent == (2, 1)
    assert len(server.requests) == 1


def test_a_server_that_only_says_it_is_there_is_not_waited_for_for_ever() -> None:
    def there(handler: Handler, _: Body) -> None:
        handler.begin_stream()
        while not handler.server.is_over.wait(0.05):
            handler.wfile.write(b": still here\n\n")
            handler.wfile.flush()

    with serving(in_turn(there)) as server, pytest.raises(ChatError) as caught:
        ask(chat_at(server.url, timeout=0.2))
    assert caught.value.trouble == "timeout"


def test_nobody_there_is_told_as_such() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ChatError, match="cannot be reached") as caught:
        ask(chat_at(f"http://127.0.0.1:{port}/v1"))
    assert caught.value.trouble == "unreachable"


@pytest.mark.parametrize("url", ["nonsense", "ftp://localhost/v1", "http://[::1/v1", "http://localhost:99999/v1", ""])
def test_an_address_that_is_none_is_told_as_such(url: str) -> None:
    with pytest.raises(ChatError) as caught:
        ask(chat_at(url))
    assert caught.value.trouble == "unreachable"


def test_two_million_characters_are_taken_and_five_are_not() -> None:
    with serving(
        in_turn(raw("application/json", b'{"choices":[{"message":{"content":"' + b"x" * 2_000_000 + b'"}}]}'))
    ) as server:
        assert len(ask(chat_at(server.url)).text) == 2_000_000
    piece = chunk({"content": "x" * 500_000})
    error = trouble(stream_of(*[piece] * 10))
    assert error.trouble == "bad_reply"
    assert "grew over 4,000,000 characters" in error.what


def test_where_prompt_and_reply_together_are_too_long_the_reply_is_shortened() -> None:
    def small(handler: Any, body: Any) -> None:
        is_long = body["max_tokens"] > 1000
        (status(400, "This model's maximum context length is 2048 tokens.") if is_long else say("Fits."))(handler, body)

    with serving(in_turn(small)) as server:
        assert ask(chat_at(server.url)).text == "Fits."
    assert [r["max_tokens"] for r in server.requests] == [8192, 2048, 512]


def test_cancelling_closes_the_connection_at_once() -> None:
    async def stop(server: ProtocolServer) -> None:
        heard = asyncio.Event()
        call = asyncio.create_task(chat_at(server.url).complete(request(), lambda _: heard.set()))
        await heard.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        await asyncio.to_thread(server.wait_for, lambda: server.hung_up == 1)

    with serving(in_turn(silent(chunk({"content": "Once"})))) as server:
        asyncio.run(stop(server))


async def many(chat: OpenAIChat) -> list[str]:
    return [r.text for r in await asyncio.gather(*(chat.complete(request()) for _ in range(8)))]


def test_one_chat_serves_one_event_loop_after_another_and_leaves_nothing_open() -> None:
    with serving(in_turn(say("x"))) as server:
        chat = chat_at(server.url)
        for _ in range(3):
            ask(chat)
        assert asyncio.run(many(chat)) == ["x"] * 8
        assert chat._ladder is not None
        assert len(chat._ladder._server.lines._lines) == 0
    gc.collect()  # a socket left open would warn now


def test_without_a_key_one_s_own_server_is_asked_and_another_is_not() -> None:
    with serving(in_turn(say("Hi."))) as server:
        chat = OpenAIChat(endpoint(server.url), rungs=RungMemory(), environ={})
        assert ask(chat).text == "Hi."
    assert server.headers[0]["authorization"] == "Bearer none"
    with pytest.raises(
        ChatError, match=r"no key for api\.example\.com in the environment variable PLANTED_KEY"
    ) as caught:
        ask(OpenAIChat(endpoint("https://api.example.com/v1"), rungs=RungMemory(), environ={}))
    assert caught.value.trouble == "no_key"


@pytest.mark.parametrize("deed", [
    say(f"The key is {KEY}!"), say("x", reasoning_content=f"It is {KEY}"), status(400, f"Bad key {KEY}"),
    status(401, f"Wrong: {KEY}"), status(429, KEY), say("", refusal=f"{KEY}?"), raw("text/html", KEY.encode()),
    stream_of({"error": {"message": KEY}}), stream_of({"model": KEY, "choices": [{"delta": {"content": "x"}}]}),
    stream_of(chunk({"tool_calls": [{"id": KEY, "function": {"name": KEY, "arguments": f'{{"k": "{KEY}"}}'}}]})),
    status(400, "nothing", www_authenticate=KEY), status(302, location=f"http://localhost:1/{KEY}"),
])  # fmt: skip
def test_a_key_that_a_server_sends_back_goes_no_further(deed: Deed, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    said = ""
    with caplog.at_level(logging.DEBUG, "trex_nb"), serving(in_turn(deed)) as server:
        try:
            said = ask(chat_at(server.url), heard=heard).model_dump_json()
        except ChatError as error:
            trace = traceback.TracebackException.from_exception(error, capture_locals=True)
            said = f"{error!r} {error} {''.join(trace.format())}"
    told = said + "".join(heard) + caplog.text
    assert told
    assert KEY not in told


def test_making_a_chat_brings_in_no_heavy_package() -> None:
    code = "import trex_nb.chat.client, trex_nb.chat.typed, trex_nb.chat.metered, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"openai", "httpx2"} & set(done.stdout.split()) == set()

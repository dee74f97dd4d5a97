from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chat.asking import KEY, SHAPE, ask, chat_at, endpoint, request
from tests.chat.protocol_server import Body, Deed, say, serving, status
from trex_nb.chat.metered import Metered
from trex_nb.chat.purse import Allowance, Purse
from trex_nb.chat.replay import ReplayChat
from trex_nb.core.chat import CallRecord, ChatReply, ChatRequest, Usage
from trex_nb.errors import ChatError
from trex_nb.store.calls import CallLog


def record(asked: ChatRequest, text: str) -> CallRecord:
    return CallRecord(id=text, time=0, endpoint="", asked=asked, reply=ChatReply(text=text))


def test_the_same_question_gets_its_answers_in_their_order() -> None:
    chat = ReplayChat([record(request(), "one"), record(request("Other?"), "two"), record(request(), "three")])
    assert [ask(chat).text, ask(chat, request("Other?")).text, ask(chat).text] == ["one", "two", "three"]
    with pytest.raises(ChatError, match="no further answer") as caught:
        ask(chat)
    assert caught.value.trouble == "not_recorded"


def test_how_long_a_reply_may_be_and_for_which_request_it_is_does_not_count() -> None:
    chat = ReplayChat([record(request(max_tokens=5, request=1), "one")])
    assert ask(chat, request(max_tokens=9, request=2)).text == "one"


def test_another_shape_is_another_question() -> None:
    with pytest.raises(ChatError, match="no answer to this request"):
        ask(ReplayChat([record(request(), "one")]), request(shape=SHAPE))


def test_a_failure_happens_again() -> None:
    failed = CallRecord(
        id="c", time=0, endpoint="", asked=request(), failure="It is down.", hint="wait", trouble="unreachable",
        usage=Usage(prompt=3, completion=1),
    )  # fmt: skip
    with pytest.raises(ChatError) as caught:
        ask(ReplayChat([failed]))
    error = caught.value
    assert (error.what, error.hint, error.trouble, error.spent) == ("It is down.", "wait", "unreachable", (3, 1))


def test_what_a_server_said_is_said_again_without_it_and_the_record_holds_no_key(tmp_path: Path) -> None:
    log = CallLog(tmp_path / "calls.jsonl")
    shaped = request(shape=SHAPE)

    def deed(body: Body) -> Deed:
        keys = body.get("response_format", {}).get("json_schema", {}).get("schema", {}).get("required", ())
        return say(json.dumps(dict.fromkeys(keys, True)) if keys else f"The key is {KEY}.")

    with serving(deed) as server:
        here = endpoint(server.url)
        chat = Metered(
            chat_at(server.url), here, prices={}, purse=Purse(Allowance), keep=log.append, told=lambda _: None
        )
        said = [ask(chat), ask(chat, shaped), ask(chat)]
        server.script = lambda _: status(400, f"no {KEY}")
        with pytest.raises(ChatError) as failed:
            ask(chat, request("Again?"))
    assert KEY not in log.path.read_text()
    again = ReplayChat(CallLog(log.path).read())
    assert [ask(again), ask(again, shaped), ask(again)] == said
    with pytest.raises(ChatError) as refailed:
        ask(again, request("Again?"))
    assert str(refailed.value) == str(failed.value)

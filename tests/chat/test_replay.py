from __future__ import annotations

import pytest

from tests.chat.asking import SHAPE, ask, request
from trex_nb.chat.replay import ReplayChat
from trex_nb.core.chat import CallRecord, ChatReply, ChatRequest, Usage
from trex_nb.errors import ChatError


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

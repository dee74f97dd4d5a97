"""Asking services: every way in which an answer can fail to come is one error, soon."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.agents.tools.services import Says, serving
from trex_nb.agents.tools.base import Unavailable
from trex_nb.agents.tools.web import Pace, Reach, Refused, Web


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def why(web: Web, path: str = "/x") -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        asyncio.run(web.json(path))
    return caught.value


def test_an_answer_is_read_and_the_query_sent() -> None:
    with serving(x=Says('{"a": [1]}')) as service:
        assert asyncio.run(Web("A service", service.url).json("/x", q="two words&more")) == {"a": [1]}
    assert service.asked[0][1] == {"q": "two words&more"}


def test_no_key_and_no_cookie_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    with serving(x=Says("{}", headers=(("Set-Cookie", "a=b"),))) as service:
        web = Web("A service", service.url)
        for _ in range(2):
            asyncio.run(web.json("/x"))
    for _, _, headers in service.asked:
        assert not {"authorization", "cookie"} & set(headers)
        assert "planted" not in str(headers)


@pytest.mark.parametrize(("says", "reason"), [
    (Says(status=500), "status 500"), (Says(status=301, headers=(("Location", "http://elsewhere.invalid/"),)), "301"),
    (Says("<html>"), "not JSON"), (Says("[" * 100_000), "not JSON"), (Says(b"\xff\xfe"), "not JSON"),
    (Says("x" * 3_000_000), "larger than"), (Says("{}", headers=(("Content-Encoding", "gzip"),)), "compressed"),
])  # fmt: skip
def test_what_is_no_answer_is_said(says: Says, reason: str) -> None:
    with serving(x=says) as service:
        error = why(Web("A service", service.url))
    assert reason in error.reason
    assert str(error).startswith("A service was not consulted: ")


def test_a_redirect_is_not_followed() -> None:
    with serving(x=Says("{}")) as other:
        moved = Says(status=302, headers=(("Location", f"{other.url}/x"),))
        with serving(x=moved) as service:
            error = why(Web("A service", service.url))
    assert isinstance(error, Refused)
    assert error.status == 302
    assert other.asked == []


def test_a_host_that_asks_for_a_pause_gets_it() -> None:
    clock = Clock()
    reach = Reach(clock)
    with serving(x=Says(status=429, headers=(("Retry-After", "7"),))) as service:
        web = Web("A service", service.url, reach)
        assert "429" in why(web).reason
        assert "429" in why(web).reason
        assert len(service.asked) == 1
        clock.now += 8
        why(web)
        assert len(service.asked) == 2


def test_silence_ends() -> None:
    with serving(x=Says(is_silent=True)) as service:
        web = Web("A service", service.url, timeout=0.1)
        assert "said nothing" in why(web).reason
        service.closing.set()


def test_a_host_that_is_not_there_is_not_tried_again() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens
        clock = Clock()
        reach = Reach(clock)
        web = Web("A service", f"http://127.0.0.1:{closed.getsockname()[1]}", reach)
        assert why(web).reason == "it cannot be reached"
        assert reach.trouble(web.host) == "it cannot be reached"
        clock.now += 301
        assert reach.trouble(web.host) == ""


def test_requests_keep_their_distance() -> None:
    clock = Clock()
    pace = Pace(3.0, clock)
    assert [pace.wait(), pace.wait(), pace.wait()] == [0.0, 3.0, 6.0]
    clock.now += 100
    assert pace.wait() == 0.0


def test_an_address_that_is_none_is_an_unavailable_service() -> None:
    bad: Any = "http://"
    assert why(Web("A service", bad)).reason

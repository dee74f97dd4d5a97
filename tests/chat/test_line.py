from __future__ import annotations

import asyncio

import pytest

from tests.chat.asking import KEY, ask, chat_at, endpoint
from tests.chat.protocol_server import in_turn, raw, say, serving, status
from trex_nb.chat import line
from trex_nb.chat.line import Lines
from trex_nb.errors import ChatError


async def key() -> str:
    return "x"


def test_who_asks_at_the_same_time_shares_a_client_that_closes_with_the_last() -> None:
    lines = Lines(endpoint("http://localhost/v1"), key)

    async def two() -> None:
        async with lines.lease() as one:
            async with lines.lease() as other:
                assert one is other
            assert not one.client.is_closed()
        assert one.client.is_closed()
        async with lines.lease() as later:
            assert later is not one

    asyncio.run(two())
    asyncio.run(two())


@pytest.mark.parametrize(
    ("name", "value"), [("ALL_PROXY", "http://me:pass@[::1"), ("HTTPS_PROXY", "gopher://me:pass@proxy:80")]
)
def test_what_hinders_a_connection_from_the_start_is_told_without_a_proxy_s_password(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ChatError, match="cannot be set up") as caught:
        ask(chat_at("https://api.example.com/v1"))
    assert "pass" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_body_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "MOST_BYTES", 100_000)
    endless = raw("text/event-stream", b"data: " + b"x" * 200_000)
    with serving(in_turn(endless)) as server, pytest.raises(ChatError, match="grew over 100,000 bytes") as caught:
        ask(chat_at(server.url))
    assert caught.value.trouble == "bad_reply"


def test_what_the_environment_holds_for_openai_goes_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer other-secret\nX-Mine: mine-secret")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "key-secret")
    with serving(in_turn(say("Hi."))) as server:
        ask(chat_at(server.url))
    (headers,) = server.headers
    assert "secret" not in str(headers)
    assert headers["authorization"] == f"Bearer {KEY}"
    names = {name.lower() for name in headers if not name.startswith(line.ITS_OWN)}
    assert names <= line.PLAIN_HEADERS


def test_a_key_does_not_follow_a_redirection_to_another_server() -> None:
    with serving(in_turn(say("Hi."))) as other, serving(in_turn(status(307, location=f"{other.url}/x"))) as server:
        ask(chat_at(server.url))
    assert KEY not in str(other.headers)
    assert len(other.headers) == 1

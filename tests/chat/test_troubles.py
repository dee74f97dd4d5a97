from __future__ import annotations

import httpx2
import openai
import pytest

from tests.chat.asking import KEY, endpoint
from trex_nb.chat.answer import BrokenOffError, ServerSaidError
from trex_nb.chat.secret import Secret
from trex_nb.chat.troubles import CALL_ERRORS, MOST_SAID, Failed, RejectedError, failed, one_line
from trex_nb.errors import ChatTrouble

HERE = endpoint("https://me:pass@api.example.com/v1?token=abc")
REQUEST = httpx2.Request("POST", "https://api.example.com/v1", headers={"authorization": f"Bearer {KEY}"})


def caused(error: openai.OpenAIError, cause: Exception) -> openai.OpenAIError:
    error.__cause__ = cause
    return error


def said(status: int, message: str = "", code: str | None = None, **headers: str) -> openai.APIStatusError:
    response = httpx2.Response(status, request=REQUEST, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return openai.APIStatusError("x", response=response, body={"message": message, "code": code})


def of(error: Exception) -> Failed:
    assert isinstance(error, CALL_ERRORS)
    return failed(error, HERE, Secret(KEY))


@pytest.mark.parametrize(
    ("error", "trouble", "may_retry"),
    [
        (caused(openai.APITimeoutError(REQUEST), httpx2.ConnectTimeout("x")), "unreachable", True),
        (caused(openai.APITimeoutError(REQUEST), httpx2.ReadTimeout("x")), "timeout", False),
        (openai.APITimeoutError(REQUEST), "timeout", False),
        (httpx2.ReadTimeout("x"), "timeout", False),
        (caused(openai.APIConnectionError(request=REQUEST), httpx2.ConnectError(KEY)), "unreachable", True),
        (caused(openai.APIConnectionError(request=REQUEST), httpx2.RemoteProtocolError("x")), "server", True),
        (openai.APIConnectionError(request=REQUEST), "unreachable", True),
        (httpx2.ReadError("x"), "server", True),
        (BrokenOffError(), "server", True),
        (ServerSaidError("overloaded", 503), "server", True),
        (ServerSaidError("too long a prompt: context length", 400), "rejected", False),
        (ValueError(KEY), "server", False),
        (RecursionError(), "server", False),
        (openai.OpenAIError(KEY), "server", False),
        (ConnectionResetError(), "unreachable", True),
        (said(401), "rejected", False),
        (said(429), "rate_limited", True),
        (said(429, "insufficient_quota"), "rate_limited", False),
        (said(402, "balance"), "rate_limited", False),
        (said(400, "Filtered.", code="content_filter"), "refused", False),
        (said(504), "server", True),
        (said(418), "rejected", False),
    ],
)
def test_every_exception_is_a_trouble_in_words_without_secrets(
    error: Exception, trouble: ChatTrouble, may_retry: bool
) -> None:
    found = of(error)
    assert (found.error.trouble, found.may_retry) == (trouble, may_retry)
    assert "api.example.com (model real)" in found.error.what
    assert not [s for s in (KEY, "pass", "abc", "Bearer") if s in f"{found!r} {found.error}"]


@pytest.mark.parametrize(
    ("status", "message", "is_final", "is_long"),
    [
        (400, "This model's maximum context length is 8192 tokens", True, True),
        (413, "", True, True),
        (404, "no route", True, False),
        (400, "The model `x` does not exist", True, False),
        (422, "response_format: unexpected", False, False),
    ],
)
def test_what_another_way_of_asking_cannot_mend_is_final(
    status: int, message: str, is_final: bool, is_long: bool
) -> None:
    error = of(said(status, message)).error
    assert isinstance(error, RejectedError)
    assert (error.is_final, error.is_long) == (is_final, is_long)


@pytest.mark.parametrize(
    ("header", "wait"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)]
)
def test_the_wait_that_a_server_asks_for_is_read(header: str, wait: float | None) -> None:
    assert of(said(429, retry_after=header)).wait == wait


def test_a_server_s_words_become_one_short_line() -> None:
    assert one_line(f"a\n\tb\x00 {KEY}", Secret(KEY)) == "a b [key]"
    assert len(one_line("x" * 5000, Secret(KEY))) == MOST_SAID + 2
    assert one_line(" ", Secret(KEY)) == "it does not say why."


def test_a_web_page_is_not_read_aloud() -> None:
    response = httpx2.Response(502, request=REQUEST)
    error = openai.APIStatusError("x", response=response, body="<!doctype html><HTML>Bad gateway")
    assert "Bad gateway" not in of(error).error.what

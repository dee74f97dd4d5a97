from __future__ import annotations

import asyncio

import pytest

from tests.chat.asking import KEY, QUICK, endpoint, request
from tests.chat.protocol_server import Deed, half, in_turn, say, serving, status
from trex_nb.chat.answer import Answer
from trex_nb.chat.body import body_of
from trex_nb.chat.secret import Keys
from trex_nb.chat.server import Bill, Server
from trex_nb.core.chat import Usage
from trex_nb.errors import ChatError


def asked(*deeds: Deed) -> tuple[Answer | ChatError, Bill]:
    """What comes of one question to a server that does these things, and what it comes to."""
    bill = Bill()

    async def one(url: str) -> Answer:
        here = endpoint(url)
        server = Server(here, Keys({"PLANTED_KEY": KEY}), QUICK)
        async with server.lines.lease() as line:
            return await server.ask(line, body_of(request("x" * 40), here, "text"), bill, None)

    with serving(in_turn(*deeds)) as server:
        try:
            return asyncio.run(one(server.url)), bill
        except ChatError as error:
            return error, bill


def test_a_bill_adds_up() -> None:
    bill = Bill()
    bill.add(Usage(prompt=1, completion=2, cached=1))
    bill.add(Usage(prompt=10, completion=20, is_estimated=True))
    assert bill.usage == Usage(prompt=11, completion=22, cached=1, is_estimated=True)


def test_a_try_that_broke_off_is_on_the_bill_too() -> None:
    answer, bill = asked(half("y" * 20), status(500), say("Yes."))
    assert isinstance(answer, Answer)
    assert bill.usage == Usage(prompt=10 + 11, completion=5 + 7, cached=4, is_estimated=True)


def test_what_never_began_costs_nothing() -> None:
    error, bill = asked(status(500))
    assert isinstance(error, ChatError)
    assert bill.usage == Usage()


def test_what_is_too_long_is_not_shortened_for_ever() -> None:
    error, _ = asked(status(400, "maximum context length is 5 tokens"))
    assert isinstance(error, ChatError)
    assert "too long" in error.what


@pytest.mark.parametrize("tries", [1, 3])
def test_who_has_patience_asks_again(tries: int) -> None:
    answer, _ = asked(*[status(503)] * (tries - 1), say("Yes."))
    assert isinstance(answer, Answer)


def test_long_answers_that_break_off_are_not_paid_for_again_and_again() -> None:
    long = half("y" * 4 * 8192)  # as long as an answer may be
    error, bill = asked(long, long, long)
    assert isinstance(error, ChatError)
    assert bill.usage.total == 10 + 8192

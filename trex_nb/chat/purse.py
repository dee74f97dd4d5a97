"""What language models may still spend in a study, shared by all who ask: calls under way hold back the most they may
come to, so that no two of them spend the same rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

LEAST_REPLY = 256
"""Tokens below which a shortened reply is no use."""


Cost = Callable[[int, int], float]
"""The price of so many tokens read and written."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Tokens and money that language models may use up in all; None sets no limit."""

    tokens: int | None = None
    money: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What a call under way may come to."""

    tokens: int = 0
    money: float = 0.0


class Purse:
    """Counts what is spent, from `tokens` and `money` (what a study's log knows already) on. `limits` says how much may
    be spent in all, at each call anew: the person may raise it, and jobs eat up money too. Safe in threads."""

    def __init__(self, limits: Callable[[], Allowance], *, tokens: int = 0, money: float = 0.0) -> None:
        self._limits = limits
        self._tokens = tokens
        self._money = money
        self._held: list[Held] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._lock = threading.Lock()

    @property
    def has_money_limit(self) -> bool:
        """Whether money is limited, so that a call needs a price."""
        return self._limits().money is not None

    async def hold(self, prompt: int, reply: int, cost: Cost) -> tuple[Held, int] | None:
        """Hold back a call of `prompt` tokens and at most `reply` more, priced by `cost`: what is held, and how many
        tokens the reply may have. Where other calls hold back too much it is waited for them; then the reply is
        shortened to what is left, and None where that is too little."""
        while True:
            limits = self._limits()
            with self._lock:
                most = self._room(limits, prompt, reply, cost)
                if most == reply or (not self._held and most >= min(reply, LEAST_REPLY)):
                    mine = Held(prompt + most, cost(prompt, most))
                    self._held.append(mine)
                    return mine, most
                if not self._held:
                    return None
                waiter = asyncio.get_running_loop().create_future()
                self._waiting.append(waiter)
            await waiter

    def left(self) -> Allowance:
        """What is neither spent nor held back."""
        limits = self._limits()
        with self._lock:
            tokens = self._tokens + sum(h.tokens for h in self._held)
            money = self._money + sum(h.money for h in self._held)
        return Allowance(
            None if limits.tokens is None else max(0, limits.tokens - tokens),
            None if limits.money is None else max(0.0, limits.money - money),
        )

    def spend(self, tokens: int, money: float) -> None:
        """A call that was made elsewhere came to this much."""
        with self._lock:
            self._tokens += tokens
            self._money += money

    def settle(self, held: Held, tokens: int, money: float) -> None:
        """The call is over and came to this much."""
        with self._lock:
            self._held.remove(held)
            self._tokens += tokens
            self._money += money
            waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            with suppress(RuntimeError):  # its event loop is closed: nobody waits there any more
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    def _room(self, limits: Allowance, prompt: int, reply: int, cost: Cost) -> int:
        """Tokens that a reply may have beside all that is spent or held."""
        held = Held(sum(h.tokens for h in self._held), sum(h.money for h in self._held))
        most = reply
        if limits.tokens is not None:
            most = min(most, limits.tokens - self._tokens - held.tokens - prompt)
        if limits.money is not None:
            most = min(most, _affordable(limits.money - self._money - held.money, prompt, most, cost))
        return most


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _affordable(left: float, prompt: int, most: int, cost: Cost) -> int:
    """The longest reply, of at most `most` tokens, that `left` pays for; -1 where the prompt is too dear already."""
    if cost(prompt, 0) > left:
        return -1
    if most <= 0 or cost(prompt, most) <= left:
        return most
    each = (cost(prompt, most) - cost(prompt, 0)) / most
    return int((left - cost(prompt, 0)) / each)

"""A Chat that keeps to the budget: it asks the purse before each call, and prices, records and tells it after."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trex_nb.chat.prices import estimated, money, most_prompt_tokens, price_of
from trex_nb.chat.purse import Held, Purse
from trex_nb.chat.secret import place_of
from trex_nb.core.chat import CallRecord, Chat, ChatReply, ChatRequest, Heard, Usage
from trex_nb.core.events import ChatCalled
from trex_nb.errors import ChatError
from trex_nb.settings import Endpoint, ModelPrice


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: with a reply, with an error, or stopped by whoever waited for it (neither)."""

    reply: ChatReply | None
    error: ChatError | None
    usage: Usage


class Metered:
    """`chat`, within what `purse` allows. Of each call that was made, failed and stopped ones too, `keep` gets the
    whole and `told` the accounting.

    What a call may cost is estimated from above before it; it may still cost more where a server counts otherwise or
    has to be asked twice, so that a budget can be overdrawn by that much of the calls under way.
    """

    def __init__(
        self,
        chat: Chat,
        endpoint: Endpoint,
        *,
        prices: Mapping[str, ModelPrice],
        purse: Purse,
        keep: Callable[[CallRecord], None],
        told: Callable[[ChatCalled], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._chat = chat
        self._endpoint = endpoint
        self._price = price_of(endpoint.model, prices)
        self._purse = purse
        self._keep = keep
        self._told = told
        self._clock = clock

    async def complete(self, asked: ChatRequest, heard: Heard | None = None) -> ChatReply:
        """One reply, accounted for. Raises `ChatError`: "budget" where too little is left; then nobody was asked."""
        held, asked = await self._hold(asked)
        start = self._clock()
        said: list[str] = []

        def hear(piece: str) -> None:
            said.append(piece)
            if heard:
                heard(piece)

        ended = Ended(None, None, Usage())
        try:
            reply = await self._chat.complete(asked, hear)
            ended = Ended(reply, None, reply.usage)
        except ChatError as error:
            spent = Usage(prompt=error.spent[0], completion=error.spent[1], is_estimated=any(error.spent))
            ended = Ended(None, error, spent)
            raise
        except asyncio.CancelledError:
            ended = Ended(None, None, estimated(asked, "".join(said)))
            raise
        finally:
            self._settle(asked, held, start, ended)
        return reply

    async def _hold(self, asked: ChatRequest) -> tuple[Held, ChatRequest]:
        """Hold back what the call may come to, and bound its reply to what is left."""
        if self._price is None and self._purse.has_money_limit:
            what = f"Money is limited, and no price of {self._endpoint.model} is known."
            hint = f'[prices."{self._endpoint.model}"] with prompt and completion in trex.toml, both 0 where it is free'
            raise ChatError(what, hint, trouble="budget")
        prompt = most_prompt_tokens(asked)
        reply = min(asked.max_tokens or self._endpoint.max_tokens, self._endpoint.max_tokens)
        found = await self._purse.hold(prompt, reply, self._cost)
        if found is None:
            what = f"The budget has too little left for this call: up to {prompt:,} tokens to read, and a reply."
            raise ChatError(what, "raise the budget of tokens or money", trouble="budget")
        held, most = found
        return held, asked.model_copy(update={"max_tokens": most})

    def _cost(self, prompt: int, completion: int) -> float:
        return money(Usage(prompt=prompt, completion=completion), self._price) or 0.0

    def _settle(self, asked: ChatRequest, held: Held, start: float, ended: Ended) -> None:
        cost = money(ended.usage, self._price)
        self._purse.settle(held, ended.usage.total, cost or 0.0)
        record = self._record(asked, start, ended, cost)
        try:
            self._keep(record)
        finally:
            self._told(_called(record, self._endpoint.model, max(0.0, self._clock() - start)))

    def _record(self, asked: ChatRequest, start: float, ended: Ended, cost: float | None) -> CallRecord:
        error = ended.error
        if error is None and ended.reply is None:
            error = ChatError("The call was stopped.", "ask again", trouble="stopped")
        return CallRecord(
            id=f"c{secrets.token_hex(6)}", time=start, endpoint=place_of(self._endpoint), asked=asked,
            reply=ended.reply, failure=error.what if error else "", hint=error.hint if error else "",
            trouble=error.trouble if error else None, usage=ended.usage, money=cost,
        )  # fmt: skip


def _called(record: CallRecord, model: str, seconds: float) -> ChatCalled:
    asked = record.asked
    return ChatCalled(
        call=record.id, asker=asked.asker, purpose=asked.purpose, model=model, usage=record.usage, money=record.money,
        seconds=seconds, request=asked.request, node=asked.node, failure=record.failure,
    )  # fmt: skip

"""A Chat that answers from the record of earlier calls, so that a study can be replayed without a model."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable

from trex_nb.core.chat import CallRecord, ChatReply, ChatRequest, Heard
from trex_nb.errors import ChatError


class ReplayChat:
    """Who asks the same (`ChatRequest.hash`) gets what came of it then, in the order of the record where it was asked
    several times; a failure is raised again."""

    def __init__(self, records: Iterable[CallRecord]) -> None:
        self._left: dict[str, deque[ChatReply | ChatError]] = defaultdict(deque)
        for record in records:
            self._left[record.asked.hash].append(record.reply or _failure(record))

    async def complete(self, asked: ChatRequest, heard: Heard | None = None) -> ChatReply:
        """What is on record. Raises `ChatError`: what failed then, or "not_recorded"."""
        await asyncio.sleep(0)
        left = self._left.get(asked.hash)
        if not left:
            what = f"The record has no {'further ' * (left is not None)}answer to this request ({asked.purpose})."
            raise ChatError(
                what, "replay with the task and settings of the record, or ask a model", trouble="not_recorded"
            )
        found = left.popleft()
        if isinstance(found, ChatError):
            raise found
        if heard and found.text:
            heard(found.text)
        return found


def _failure(record: CallRecord) -> ChatError:
    usage = record.usage
    return ChatError(
        record.failure, record.hint or "ask again", trouble=record.trouble or "server",
        spent=(usage.prompt, usage.completion),
    )  # fmt: skip

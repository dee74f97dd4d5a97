"""Having rows written before a job needs them: `python -P -m trex_nb.train.synthesis`, one `Ask` on stdin.

A job has neither the key nor the network, so its recipe is carried out here first, up to the last operator that asks a
language model, in a process that runs no line but ours. Every answer is on record when it has come, so a process that
is killed costs the questions under way and nothing more. When its stdin ends, because whoever started it wants no more
or is gone, it ends these, says what they have cost, and ends. One at a time works on a study's record. What libraries
print goes to stderr.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from filelock import FileLock

from trex_nb.chat.client import OpenAIChat
from trex_nb.chat.metered import Metered
from trex_nb.chat.purse import Purse
from trex_nb.chat.replay import ReplayChat
from trex_nb.chat.rungs import RungMemory
from trex_nb.core.chat import CallRecord, Chat
from trex_nb.core.events import ChatCalled
from trex_nb.core.ngrams import NGRAMS_FILE
from trex_nb.core.recipe import DataRecipe, Generate, Judge
from trex_nb.core.result import Failure
from trex_nb.errors import ChatError
from trex_nb.store.calls import CallLog
from trex_nb.train.answers import Answers
from trex_nb.train.chat_rows import ChatRows
from trex_nb.train.failure import TrainingFailed, bad_data
from trex_nb.train.local_rows import LocalRows
from trex_nb.train.operators.carry import Carrier, Pool
from trex_nb.train.operators.rows import opened
from trex_nb.train.synthesis_wire import Ask, Called, Ended, Said, Went

GRACE = 2.0
"""Seconds in which a process that is to stop says what it has still to say."""
Say = Callable[[Said], None]


class Stop:
    """How another thread ends the questions under way, when there are any."""

    def __init__(self) -> None:
        self._rows: ChatRows | None = None

    def at(self, rows: ChatRows) -> None:
        """These are at work."""
        self._rows = rows

    def now(self) -> None:
        """End what is under way."""
        if self._rows is not None:
            self._rows.cancel()


def prepared(ask: Ask, say: Say, stop: Stop | None = None) -> Ended:
    """Have all answers there; what goes on is said."""
    try:
        with FileLock(f"{ask.answers}.preparing"), _rows(ask, say) as rows:
            if stop:
                stop.at(rows)
            _carry_out(ask, rows)
    except CancelledError:
        return Ended(failure=Failure(stage="data", kind="stopped", message="Nobody wants its rows any more."))
    except TrainingFailed as failed:
        return Ended(failure=failed.failure)
    except ChatError as error:
        failure = Failure(stage="data", kind="error", message=f"{error.what} Try: {error.hint}", retryable=True)
        return Ended(failure=failure, trouble=error.trouble)
    return Ended()


def up_to_last_question(recipe: DataRecipe) -> DataRecipe:
    """`recipe` without what comes after its last operator that asks a language model."""
    last = max((i for i, op in enumerate(recipe.ops, 1) if isinstance(op, Generate | Judge)), default=0)
    return recipe.model_copy(update={"ops": recipe.ops[:last]})


def _carry_out(ask: Ask, rows: ChatRows) -> None:
    train_file = Path(ask.train_file)
    if not train_file.with_name(NGRAMS_FILE).exists():
        what = "The study has no hashed passages of its search and test prompts, with which new rows are compared."
        raise bad_data(what, "start the task again under another name (it was begun before there were any).")
    data = opened(train_file)
    Carrier(train_file, rows).walk(up_to_last_question(ask.recipe), Pool(data, np.arange(len(data))))


@contextmanager
def _rows(ask: Ask, say: Say) -> Iterator[ChatRows]:
    def told(op: Literal["generate", "judge"], done: int, of: int) -> None:
        say(Went(op=op, done=done, of=of))

    rows = ChatRows(
        _chat(ask, say), ask.endpoint.model, answers=Answers(Path(ask.answers)), labels=ask.labels,
        embedder=LocalRows(ask.base), told=told, node=ask.node,
    )  # fmt: skip
    try:
        yield rows
    finally:
        rows.close()


def _chat(ask: Ask, say: Say) -> Chat:
    if ask.replay is not None:
        return ReplayChat(CallLog(Path(ask.replay)).read())
    last: list[CallRecord] = []

    def told(call: ChatCalled) -> None:
        say(Called(record=last.pop(), seconds=call.seconds))

    chat = OpenAIChat(ask.endpoint, rungs=RungMemory(Path(ask.rungs) if ask.rungs else None))
    purse = Purse(lambda: ask.allowance)
    return Metered(chat, ask.endpoint, prices=ask.prices, purse=purse, keep=last.append, told=told)


def _end_with_stdin(stop: Stop) -> None:
    while sys.stdin.buffer.read(1 << 16):
        pass
    stop.now()  # which counts what the questions under way have cost
    time.sleep(GRACE)
    os._exit(1)


def main() -> None:
    """Answer one `Ask`."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    turn = threading.Lock()

    def say(said: Said) -> None:
        with turn:
            out.write(said.model_dump_json() + "\n")
            out.flush()

    ask = Ask.model_validate_json(sys.stdin.buffer.readline())
    stop = Stop()
    threading.Thread(target=_end_with_stdin, args=(stop,), daemon=True).start()
    say(prepared(ask, say, stop))
    out.close()


if __name__ == "__main__":
    main()

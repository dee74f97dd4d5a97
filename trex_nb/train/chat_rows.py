"""A language model as a RowModel: many rows in one question, several questions at a time, every answer put on record.

What is on record is not asked for. Where a question fails as a whole its rows get no answer; where several in a row do,
or nobody can be asked, the whole ends, and what was answered until then stays on record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trex_nb.core.chat import Chat
from trex_nb.core.ids import NodeId
from trex_nb.core.ngrams import normalised
from trex_nb.core.row_model import Embedder
from trex_nb.core.task import Example
from trex_nb.errors import ChatError
from trex_nb.train.answers import Answer, Answers, Kind, Questions
from trex_nb.train.failure import bad_data
from trex_nb.train.row_questions import Asked, Question, in_batches

_PATIENCE = 3  # questions without a usable answer, one after the other

Told = Callable[[Literal["generate", "judge"], int, int], None]
"""Is told how many answers of how many are there, of those an operator needs."""
_OPERATORS: dict[Kind, Literal["generate", "judge"]] = {"write": "generate", "score": "judge"}


@dataclass(slots=True)
class _Round:
    """Where the questions of one operator stand. `empty` are answers without use that are not on record yet: they are
    put there when the whole has come to an end, not when the model turns out to be of no use."""

    question: Question
    waiting: deque[list[Asked]]
    empty: list[Answer] = field(default_factory=list)
    failures: int = 0
    under_way: list[list[Asked]] = field(default_factory=list)
    error: ChatError | None = None


class ChatRows:
    """A RowModel over `chat`, whose `model` (a name) the answers are kept under; `labels` are the only answers a row
    may have, where there are such, and `embedder` embeds. Up to `at_once` questions are open at a time. One object
    serves one walk through a recipe; it works in a thread of its own, and is closed when it is done with."""

    def __init__(  # noqa: PLR0913
        self, chat: Chat, model: str, *, answers: Answers | None = None, labels: Sequence[str] = (),
        embedder: Embedder | None = None, at_once: int = 4, told: Told | None = None, node: NodeId | None = None,
    ) -> None:  # fmt: skip
        self._chat = chat
        self._answers = Answers() if answers is None else answers
        self._questions = Questions(model)
        self._labels = {normalised(label): label for label in labels}
        self._embedder = embedder
        self._at_once = at_once
        self._told = told or (lambda _op, _done, _of: None)
        self._node = node
        self._work: asyncio.Task[None] | None = None
        self._runner = asyncio.Runner()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="trex rows")

    def write(self, instruction: str, rows: Sequence[Example]) -> Sequence[Example | None]:
        """See `core.row_model.RowModel.write`. Raises `ChatError`."""
        found = self._answered("write", instruction, rows)
        return [answer.row(row) for answer, row in zip(found, rows, strict=True)]

    def score(self, question: str, rows: Sequence[Example]) -> Sequence[float]:
        """See `core.row_model.RowModel.score`; 0 for a row that got none. Raises `ChatError`."""
        return [answer.score or 0.0 for answer in self._answered("score", question, rows)]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `core.row_model.RowModel.embed`."""
        if self._embedder is None:
            raise bad_data("The recipe compares rows by a model, and none was given.", "ChatRows(…, embedder=…).")
        return self._embedder.embed(texts)

    def cancel(self) -> None:
        """End the questions under way, from any thread; whoever waits for them gets a `CancelledError`."""
        if self._work is not None:
            self._work.get_loop().call_soon_threadsafe(self._work.cancel)

    def close(self) -> None:
        """End its thread."""
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def _answered(self, kind: Kind, asked: str, rows: Sequence[Example]) -> list[Answer]:
        keys = self._questions.keys(kind, asked, rows)
        missing = {
            k: Asked(k, row, take) for (k, take), row in zip(keys, rows, strict=True) if not self._answers.get(k)
        }
        self._told(_OPERATORS[kind], len(rows) - len(missing), len(rows))
        if missing:
            question = Question(kind, asked, self._labels, self._node)
            round_ = _Round(question, deque(in_batches(list(missing.values()))))
            self._thread.submit(lambda: self._runner.run(self._asked(round_, len(rows)))).result()
        nothing = Answer(key="")
        return [self._answers.get(key) or nothing for key, _ in keys]

    async def _asked(self, round_: _Round, of: int) -> None:
        self._work = asyncio.current_task()
        await asyncio.gather(*(self._ask_on(round_, of) for _ in range(min(self._at_once, len(round_.waiting)))))
        if round_.error:
            raise round_.error
        self._answers.add(round_.empty)

    async def _ask_on(self, round_: _Round, of: int) -> None:
        """Ask one question after the other, until there are none or one has failed for good; those that others have
        open by then are paid for, and their answers kept."""
        while round_.waiting and not round_.error:
            batch = round_.waiting.popleft()
            round_.under_way.append(batch)
            try:
                answers = await round_.question.answers(self._chat, batch)
            except ChatError as error:
                if error.trouble == "budget" and len(round_.under_way) > 1:
                    round_.waiting.appendleft(batch)  # others hold back what they may come to, and need not
                    return
                self._heed(round_, batch, error)
                continue
            finally:
                round_.under_way.remove(batch)
            if any(a.is_usable for a in answers):
                round_.failures = 0
                self._answers.add(answers)
            else:
                self._heed(round_, batch, _OF_NO_USE)
            left = sum(map(len, [*round_.waiting, *round_.under_way]))
            self._told(_OPERATORS[round_.question.kind], of - left, of)

    def _heed(self, round_: _Round, batch: list[Asked], error: ChatError) -> None:
        """What comes of a question that came to nothing."""
        if error.trouble == "too_long" and len(batch) > 1:
            half = len(batch) // 2
            round_.waiting.extendleft([batch[half:], batch[:half]])
        elif error.trouble in ("bad_reply", "refused", "too_long"):
            round_.empty += [Answer(key=a.key) for a in batch]
            round_.failures += 1
            if round_.failures >= _PATIENCE:
                round_.error = round_.error or error
        else:
            round_.error = round_.error or error


_OF_NO_USE = ChatError(
    "The language model wrote nothing that is a row, several times in a row.",
    "another instruction in the recipe, or another model for rows (models.writer)", trouble="bad_reply",
)  # fmt: skip

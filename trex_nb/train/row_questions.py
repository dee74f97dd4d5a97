"""What a language model is asked about rows, and what is kept of its answer.

Rows go to the model as quotations, and what comes back can be nothing but rows and scores: of a row that is empty, too
long, a copy of the one shown, or that answers with none of the task's labels, nothing is kept.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trex_nb.chat.typed import ask_typed
from trex_nb.core.base import Frozen
from trex_nb.core.chat import Chat, ChatRequest, Message, Purpose
from trex_nb.core.fence import RULE, fenced
from trex_nb.core.ids import NodeId
from trex_nb.core.ngrams import normalised
from trex_nb.core.task import Example
from trex_nb.train.answers import PROMPTS, Answer, Kind

ROWS_AT_ONCE = 12
"""Rows of one question, at most."""
_CHARS_AT_ONCE = 12_000
_MOST_PROMPT, _MOST_ANSWER = 6_000, 3_000  # characters of a row that are shown
_LONGEST = 20_000  # characters of a written text
_NO_LIMIT = 10**6
_MOST_LABELS = 200
_LABEL_RULE = "- Every answer is one of the labels listed after the rows, spelled as there."
_BREAKS = re.compile("[\x85\u2028\u2029]")  # others are escaped in JSON
_PURPOSES: dict[Kind, Purpose] = {"write": "rows", "score": "score"}


class NewRow(Frozen):
    """A row that a model wrote after the one with `number`."""

    number: int
    prompt: str
    answer: str


class NewRows(Frozen):
    """What a model answers when it is to write rows."""

    rows: list[NewRow]


class RowScore(Frozen):
    """A score of the row with `number`."""

    number: int
    score: float


class RowScores(Frozen):
    """What a model answers when it is to score rows."""

    scores: list[RowScore]


@dataclass(frozen=True, slots=True)
class Asked:
    """A row that something is asked about: under which key, and the how-manieth new row after it is wanted."""

    key: str
    row: Example
    take: int


@dataclass(frozen=True, slots=True)
class Question:
    """What one operator asks of every row: `asked` are its words, `labels` the only answers a row may have, as they are
    spelled by what they are as they are compared (none where any will do)."""

    kind: Kind
    asked: str
    labels: Mapping[str, str] = field(default_factory=dict)
    node: NodeId | None = None

    async def answers(self, chat: Chat, batch: Sequence[Asked]) -> list[Answer]:
        """Ask about a batch of rows; one answer for each, in order. Raises `ChatError`."""
        request = self.request(batch)
        if self.kind == "score":
            scores = (await ask_typed(chat, request, RowScores)).scores
            by_number = {s.number: s.score for s in reversed(scores)}
            return [_scored(a, by_number.get(i)) for i, a in enumerate(batch, 1)]
        rows = {r.number: r for r in reversed((await ask_typed(chat, request, NewRows)).rows)}
        return [self._written(a, rows.get(i)) for i, a in enumerate(batch, 1)]

    def request(self, batch: Sequence[Asked]) -> ChatRequest:
        """The very question."""
        prompt = PROMPTS[self.kind]
        shown = fenced("\n".join(_line(i, a, self.kind) for i, a in enumerate(batch, 1)), "rows", limit=_NO_LIMIT)
        fields = {"count": str(len(batch)), "rule": RULE}
        if self.kind == "score":
            fields["question"] = self.asked
        else:
            fields |= {"instruction": self.asked, "labels": _LABEL_RULE if self.labels else ""}
            labels = fenced("\n".join(list(self.labels.values())[:_MOST_LABELS]), "labels", limit=_NO_LIMIT)
            shown += f"\n\n{labels}" if self.labels else ""
        said = (Message(role="system", content=prompt.filled(**fields)), Message(role="user", content=shown))
        return ChatRequest(
            asker="writer", purpose=_PURPOSES[self.kind], node=self.node, prompt=prompt.tag, messages=said
        )  # fmt: skip

    def _written(self, asked: Asked, new: NewRow | None) -> Answer:
        nothing = Answer(key=asked.key)
        if new is None or not new.prompt.strip() or not new.answer.strip():
            return nothing
        if max(len(new.prompt), len(new.answer)) > _LONGEST:
            return nothing
        said = self.labels.get(normalised(new.answer)) if self.labels else new.answer
        has_same_prompt = normalised(new.prompt) == normalised(asked.row.prompt)
        is_copy = has_same_prompt and (bool(self.labels) or normalised(new.answer) == normalised(asked.row.answer))
        return nothing if said is None or is_copy else Answer(key=asked.key, prompt=new.prompt, answer=said)


def in_batches(asked: Sequence[Asked]) -> list[list[Asked]]:
    """Questions of at most a dozen rows, fewer where they are long."""
    batches: list[list[Asked]] = []
    chars = 0
    for one in asked:
        size = min(len(one.row.prompt), _MOST_PROMPT) + min(len(one.row.answer), _MOST_ANSWER)
        if batches and len(batches[-1]) < ROWS_AT_ONCE and chars + size <= _CHARS_AT_ONCE:
            batches[-1].append(one)
            chars += size
        else:
            batches.append([one])
            chars = size
    return batches


def _line(number: int, asked: Asked, kind: Kind) -> str:
    """A row as one line: nothing in it can look like another row, or break the line."""
    row = {"number": number, "prompt": asked.row.prompt[:_MOST_PROMPT], "answer": asked.row.answer[:_MOST_ANSWER]}
    text = json.dumps({**row, "take": asked.take} if kind == "write" else row, ensure_ascii=False)
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _scored(asked: Asked, score: float | None) -> Answer:
    if score is None or not math.isfinite(score):
        return Answer(key=asked.key)
    return Answer(key=asked.key, score=min(1.0, max(0.0, score)))

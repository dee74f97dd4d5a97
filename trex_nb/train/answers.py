"""Answers of language models about rows, kept by what was asked: what is on record is never asked for, or paid, again.

A file of JSON lines that only grows, one answer a line. A batch is added whole, under a lock, and synced; the first
answer to a question holds for ever, so rows that follow from a record are the same whoever prepares them. A line that
a crash has torn is passed over: its row is asked for again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import Field, ValidationError

from trex_nb.core.base import Frozen, content_hash
from trex_nb.core.prompting import prompt
from trex_nb.core.task import Example

Kind = Literal["write", "score"]
PROMPTS = {kind: prompt(name, "trex_nb.train") for kind, name in (("write", "generate.md"), ("score", "judge.md"))}
"""What a model is told for each kind of question."""


class Answer(Frozen):
    """One answer about one row: a new row's `prompt` and `answer`, or a `score`; none of them where nothing usable
    came. `key` is the identity of what was asked."""

    key: str
    prompt: str | None = None
    answer: str | None = None
    score: float | None = Field(None, ge=0, le=1)

    @property
    def is_usable(self) -> bool:
        """Whether anything came."""
        return self.prompt is not None or self.score is not None

    def row(self, shown: Example) -> Example | None:
        """The new row, in the slice of the one that was `shown`."""
        if self.prompt is None or self.answer is None:
            return None
        return Example(id=shown.id, prompt=self.prompt, answer=self.answer, slice=shown.slice)


class Questions:
    """Gives every question its key: the model's name, the prompt file's version, what is asked, and the row. A row that
    is shown again gets another key each time, so that another row is written after it; hence one object for one walk
    through a recipe."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._taken: Counter[str] = Counter()

    def keys(self, kind: Kind, asked: str, rows: Sequence[Example]) -> list[tuple[str, int]]:
        """The key of the question about each row, and the how-manieth new row after it this is (1 for a score)."""
        return [self._key(kind, asked, row) for row in rows]

    def _key(self, kind: Kind, asked: str, row: Example) -> tuple[str, int]:
        first = content_hash(kind, self.model, PROMPTS[kind].tag, asked, row.prompt, row.answer)
        if kind == "score":
            return first, 1
        self._taken[first] += 1
        take = self._taken[first]
        return (first if take == 1 else content_hash(first, take)), take


class Answers:
    """The answers in the file `path`; None keeps them in memory alone."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._known: dict[str, Answer] = {}
        self._read_to = 0
        self._read_on()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> Answer | None:
        """The answer on record."""
        return self._known.get(key)

    def add(self, answers: Sequence[Answer]) -> None:
        """Put answers on record, all or none of them; those to questions that have one already are left out."""
        if self.path is None:
            self._know(answers)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):
            self._read_on()
            fresh = {a.key: a for a in answers if a.key not in self._known}
            if fresh:
                _append(self.path, "".join(a.model_dump_json(exclude_none=True) + "\n" for a in fresh.values()))
                self._read_on()

    def _read_on(self) -> None:
        """Take in what was added since, by whomever: whole lines."""
        if self.path is None or not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read_to += len(whole)
        self._know([a for a in map(_answer, whole.splitlines()) if a])

    def _know(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            self._known.setdefault(answer.key, answer)


def _answer(line: bytes) -> Answer | None:
    try:
        return Answer.model_validate_json(line)
    except ValidationError:  # torn
        return None


def _append(path: Path, text: str) -> None:
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        is_torn = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * is_torn + text.encode())
        file.flush()
        os.fsync(file.fileno())

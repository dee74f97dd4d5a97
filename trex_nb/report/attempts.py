"""The attempts of runs that did not get through at the first: how each ended, and what the next did about it."""

from __future__ import annotations

from collections.abc import Iterator

from trex_nb.core.node import Attempt, Node, Run
from trex_nb.core.result import Failure
from trex_nb.report import words
from trex_nb.report.blocks import Block, Table
from trex_nb.search.tree import attempt_of

_COLUMNS = ("run", "attempt", "why", "from step", "ended", "at step", "time", "because")


def attempts_table(n: Node) -> tuple[Block, ...]:
    """A row for each attempt of the runs that had more than one; empty where none had."""
    rows = tuple(row for r in n.runs if r.attempts for row in _rows(r))
    return (Table(_COLUMNS, rows),) if rows else ()


def attempt_words(r: Run) -> str:
    """Which attempt this is and why it is made: "attempt 2, retry 1 of 3 after lost"; empty for the first."""
    if r.attempt <= 1 or not r.attempts:
        return ""
    return f"attempt {r.attempt}" + (f", {words.one_line(r.why, 200)}" if r.why else "")


def waiting_words(r: Run) -> str:
    """The same of an attempt that may not have begun yet; empty where it need not wait."""
    is_waiting = r.wait > 0 and r.pid is None and not r.waits_for
    return f"waits {words.duration(r.wait)} before {attempt_words(r)}" if is_waiting else ""


def _rows(r: Run) -> Iterator[tuple[str, ...]]:
    yield from (_row(r, a, _ended(a.failure)) for a in r.attempts)
    if not r.is_queued:
        last = attempt_of(r, r.failure, r.cost.seconds)
        yield _row(r, last, "" if r.is_training else _ended(r.failure) or "trained")


def _row(r: Run, a: Attempt, ended: str) -> tuple[str, ...]:
    because = words.one_line(a.failure.message, 200) if a.failure else ""
    time = words.duration(a.seconds) if a.seconds else ""
    return (
        r.id, str(a.number), words.one_line(a.why, 200), _from(a.resumed), ended, str(a.step or ""), time, because
    )  # fmt: skip


def _from(step: int) -> str:
    return str(step) if step else "its beginning"


def _ended(failure: Failure | None) -> str:
    return failure.kind.replace("_", " ") if failure else ""

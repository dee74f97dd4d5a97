"""The event log in memory: the fake of the `Store` seam, and a study that leaves no trace."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence

from trex_nb.core.events import Actor, Event, Stamped
from trex_nb.core.ids import StudyId
from trex_nb.errors import StaleError


class MemoryStore:
    """A `Store` that lives as long as the object. Usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logs: dict[StudyId, list[Stamped]] = defaultdict(list)

    def append(
        self, study: StudyId, events: Sequence[Event], *, actor: Actor, time: float, expected_seq: int
    ) -> tuple[Stamped, ...]:
        """See `core.protocols.Store.append`."""
        with self._lock:
            log = self._logs[study]
            if len(log) != expected_seq:
                raise StaleError(f"{study} has moved on to event {len(log)}.", "read the new events and decide again")
            stamped = tuple(
                Stamped(seq=expected_seq + i, time=time, actor=actor, event=e) for i, e in enumerate(events, 1)
            )
            log.extend(stamped)
        return stamped

    def read(self, study: StudyId, *, after: int = 0) -> Iterator[Stamped]:
        """See `core.protocols.Store.read`."""
        with self._lock:
            log = tuple(self._logs[study][after:])
        yield from log

    def close(self) -> None:
        """Nothing to close."""

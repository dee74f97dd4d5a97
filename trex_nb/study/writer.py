"""The one writer of a study in this process: it holds the tree, appends events, and reads what others appended.

Several notebooks may have one study open. Each appends under the sequence number it has seen; who was too late reads
on and
decides again. The process that holds the leader lock is the one that carries out instructions; the lock goes with the
process, however it dies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from filelock import FileLock, Timeout

from trex_nb.core.events import Actor, Event
from trex_nb.core.ids import StudyId
from trex_nb.core.protocols import Store
from trex_nb.errors import StaleError
from trex_nb.search.tree import Tree
from trex_nb.store.artifacts import StudyFolder


class Lead(Protocol):
    """The right to carry out instructions."""

    def take(self) -> bool:
        """Whether this process leads; tries to when it does not."""
        ...

    def give_back(self) -> None:
        """Let another process lead."""
        ...


class FileLead:
    """Leadership by a lock on a file in the study's folder."""

    def __init__(self, folder: StudyFolder) -> None:
        self._lock = FileLock(folder.lock, thread_local=False)

    def take(self) -> bool:
        """See `Lead.take`."""
        if self._lock.is_locked:
            return True
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    def give_back(self) -> None:
        """See `Lead.give_back`."""
        self._lock.release()


class SoleLead:
    """Leadership where nobody else can be: a study in memory."""

    def take(self) -> bool:
        """Always."""
        return True

    def give_back(self) -> None:
        """Nothing to give back."""


class Writer:
    """The tree with its log. Not thread-safe: all calls come from the study's own thread."""

    def __init__(self, study: StudyId, store: Store, clock: Callable[[], float]) -> None:
        self.study = study
        self._store = store
        self._clock = clock
        self.tree = Tree.replay(store.read(study))

    def refresh(self) -> bool:
        """Read what other processes appended; whether there was anything."""
        before = self.tree.seq
        for stamped in self._store.read(self.study, after=before):
            self.tree = self.tree.apply(stamped)
        return self.tree.seq != before

    def append(self, make: Callable[[Tree], Sequence[Event]], actor: Actor) -> tuple[Event, ...]:
        """Append the events that `make` gives for the newest tree; made anew when somebody was quicker."""
        while True:
            events = tuple(make(self.tree))
            if not events:
                return ()
            try:
                stamped = self._store.append(
                    self.study, events, actor=actor, time=self._clock(), expected_seq=self.tree.seq
                )
            except StaleError:
                self.refresh()
                continue
            tree = self.tree
            for s in stamped:
                tree = tree.apply(s)
            self.tree = tree  # at once: other threads never see a half of what belongs together
            return events

"""The ledger: which jobs of one user wait for a place on this machine, and which hold one. A folder on a local disk.

    book                      three numbers: tickets issued, places given, changes made; its lock guards decisions
    000000000007.waits        a ticket, locked by the process it belongs to for as long as that lives
    000000000005.holds        one that was granted

Locks are flock(2)s, so nothing here can be stale: the system lets go of a lock however its owner dies, and whoever
looks next sweeps the ticket away. Every waiting process decides for itself, by the same rules (`fair`) under the same
lock; nobody is in charge whose death would matter. The folder may be removed at any time: tickets are written anew
(`Place.keep`).

Limits: processes of one user on one machine that agree on the folder for temporary files (`TMPDIR`); not the
evaluation of checkpoints, which is short, nor what else the person runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from trex_nb.core.job import JobSpec
from trex_nb.launch.fair import Machine, Ticket, granted
from trex_nb.launch.locks import is_locked

WAITS, HOLDS = ".waits", ".holds"
_BOOK = "{:020d} {:020d} {:020d}\n"


class LedgerError(Exception):
    """The ledger cannot be used; says why, in a few words."""


class LedgerBusyError(Exception):
    """Somebody else decides just now; ask again in a moment."""


def ledger_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where the ledger is: `TREX_SLOTS`, or a private folder among the temporary files (a home may be on a network,
    where locks are no good); None when the person turned it off (`TREX_SLOTS=off`)."""
    said = environ.get("TREX_SLOTS", "")
    if said == "off":
        return None
    return Path(said).absolute() if said else Path(tempfile.gettempdir()) / f"trex-slots-{os.getuid()}"


@dataclass(slots=True)
class Book:
    """The ledger's three numbers."""

    issued: int = 0
    given: int = 0
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Who waits and who holds a place, by arrival."""

    waiting: tuple[Ticket, ...]
    holding: tuple[Ticket, ...]
    given: int = 0


@dataclass(slots=True, weakref_slot=True)
class Place:
    """A job's ticket in the ledger, waiting or holding: an open, locked file. Not thread-safe."""

    ledger: Ledger
    ticket: Ticket
    descriptor: int
    is_held: bool = False
    seen: int = -1
    holders: tuple[Path, ...] = field(default=())

    @property
    def path(self) -> Path:
        """Where the ticket lies."""
        return self.ledger.folder / f"{self.ticket.number:012d}{HOLDS if self.is_held else WAITS}"

    def is_news(self) -> bool:
        """Whether the ledger changed since this place last looked, or a holder of one died since. Costs microseconds,
        and takes no lock."""
        return self.ledger.changes() != self.seen or any(is_dead(p) for p in self.holders)

    def look(self, machine: Machine) -> Standing:
        """Take the place if it is due, and say how things stand."""
        with self.ledger.open() as book:
            if not self._is_there():
                self._renew(book)
            now = self.ledger.swept(book)
            mine = (t for t in granted(now.waiting, now.holding, machine, book.given) if t.number == self.ticket.number)
            for ticket in mine:
                waited = self.path
                self.ticket, self.is_held = ticket, True
                self.write()
                waited.rename(self.path)
                book.given += 1
                book.changes += 1
            self.seen = book.changes
            self.holders = tuple(self.ledger.folder / f"{t.number:012d}{HOLDS}" for t in now.holding)
        return now

    def keep(self) -> None:
        """See to it that the ticket is in the ledger: somebody may have removed the folder. Costs microseconds while
        it is."""
        if not self._is_there():
            with self.ledger.open() as book:
                self._renew(book)

    def release(self) -> None:
        """Give the place back."""
        with contextlib.suppress(OSError, LedgerError, LedgerBusyError), self.ledger.open() as book:
            if self._is_there():
                self.path.unlink()
            book.changes += 1
        self.close()

    def close(self) -> None:
        """Let go of the lock: the ticket is dead then."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)
        _PLACES.discard(self)

    def _is_there(self) -> bool:
        try:
            found, mine = self.path.stat(), os.fstat(self.descriptor)
        except OSError:
            return False
        return (found.st_ino, found.st_dev) == (mine.st_ino, mine.st_dev)

    def _renew(self, book: Book) -> None:
        book.issued += 1
        update = {"number": book.issued} if self.is_held else {"number": book.issued, "came": book.given}
        self.ticket = self.ticket.model_copy(update=update)
        os.close(self.descriptor)
        self.descriptor = _locked_file(self.path)
        self.write()
        book.changes += 1

    def write(self) -> None:
        """Put the ticket as it is now into its file; the ledger is open."""
        data = self.ticket.model_dump_json().encode()
        os.pwrite(self.descriptor, data, 0)
        os.ftruncate(self.descriptor, len(data))

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass(frozen=True, slots=True)
class Ledger:
    """The folder. Methods raise `LedgerError` where it cannot be used (OSError for a disk that fails meanwhile) and
    `LedgerBusyError` where somebody else decides just now."""

    folder: Path

    @contextlib.contextmanager
    def open(self) -> Iterator[Book]:
        """The book, to decide alone; written back at the end."""
        descriptor = self._book()
        try:
            book = _read(descriptor)
            if not book.issued:  # a new book, perhaps in place of one that was lost: numbers go on after those there
                self.swept(book)
            yield book
            os.pwrite(descriptor, _BOOK.format(book.issued, book.given, book.changes).encode(), 0)
        finally:
            os.close(descriptor)

    def enter(self, spec: JobSpec, devices: tuple[str, ...] = ()) -> Place:
        """A ticket for a job, at the end of the line."""
        with self.open() as book:
            book.issued += 1
            ticket = Ticket(
                number=book.issued, run=spec.run, study=spec.study, priority=spec.priority, resources=spec.resources,
                came=book.given, devices=devices,
            )  # fmt: skip
            path = self.folder / f"{ticket.number:012d}{WAITS}"
            place = Place(self, ticket, _locked_file(path))
            _PLACES.add(place)
            place.write()
            book.changes += 1
        if is_dead(place.path):
            place.release()
            raise LedgerError(f"{self.folder} is on a file system without locks")
        return place

    def changes(self) -> int:
        """How many changes were made so far; -1 when the book is gone or torn."""
        try:
            return int((self.folder / "book").read_text().split()[2])
        except (OSError, ValueError, IndexError):
            return -1

    def standing(self) -> Standing:
        """How things stand, for somebody who only looks: takes no lock and changes nothing."""
        live = [p for p in self._tickets() if not is_dead(p)]
        return _standing(live, 0)

    def swept(self, book: Book) -> Standing:
        """How things stand, when the tickets of the dead are removed."""
        live = []
        for path in self._tickets():
            if is_dead(path):
                path.unlink(missing_ok=True)
                book.changes += 1
            else:
                live.append(path)
        now = _standing(live, book.given)
        book.issued = max([book.issued, *(t.number for t in (*now.waiting, *now.holding))])
        return now

    def _tickets(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("*.*s") if p.suffix in (WAITS, HOLDS))

    def _book(self) -> int:
        """The book, open and locked. It may be removed between the two, with its folder: then there is a new one."""
        self._prepare()
        path = self.folder / "book"
        for _ in range(10):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                raise LedgerBusyError from None
            except FileNotFoundError:
                self._prepare()
            except OSError as error:
                os.close(descriptor)
                raise LedgerError(f"{self.folder} cannot be locked ({error.strerror})") from error
            os.close(descriptor)
        raise LedgerBusyError

    def _prepare(self) -> None:
        """The folder, there and private: what lies in it decides who runs."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.folder.lstat()
        except OSError as error:
            raise LedgerError(f"{self.folder} cannot be made ({error.strerror})") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise LedgerError(f"{self.folder} is not a folder that only you can write")


def is_dead(path: Path) -> bool:
    """Whether nobody has the lock of a ticket; False when the ticket is gone."""
    return is_locked(path) is False


def _locked_file(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _read(descriptor: int) -> Book:
    """What the book says; nothing of a new one, or of one that a full disk or a stranger spoiled."""
    try:
        return Book(*map(int, os.pread(descriptor, 100, 0).split()))
    except (ValueError, TypeError):
        return Book()


def _standing(live: Sequence[Path], given: int) -> Standing:
    found = [(p.suffix, t) for p in live if (t := _ticket(p)) is not None]
    return Standing(
        tuple(t for suffix, t in found if suffix == WAITS), tuple(t for suffix, t in found if suffix == HOLDS), given
    )


def _ticket(path: Path) -> Ticket | None:
    try:
        return Ticket.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


_PLACES: weakref.WeakSet[Place] = weakref.WeakSet()


def _not_mine() -> None:
    """A forked child shares its parent's locks as long as it has them open: a place must end with its owner."""
    for place in list(_PLACES):
        place.close()


os.register_at_fork(after_in_child=_not_mine)

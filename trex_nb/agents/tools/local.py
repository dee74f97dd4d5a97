"""Local files: what lies in the folders that a person named, and the head of a file. Nothing else of the disk.

A path is resolved first and must then lie below one of the folders, so neither `..` nor a link leads out. Hidden files,
studies (with their sealed splits) and the files of the task's own data are not there for a model: where the splits
were drawn from one file, it has rows of the sealed test split in it. A copy of such rows under another name is
recognised by their words (`Sealed`), and refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field

from trex_nb.agents.tools.base import MOST_CHARS, BadArguments, Found, TypedTool, line
from trex_nb.agents.tools.sealed import Sealed
from trex_nb.core.base import Frozen
from trex_nb.core.plan import Source
from trex_nb.errors import TrexError
from trex_nb.store.row_files import READERS, Line, read_file

KINDS = (".csv", ".jsonl", ".md", ".parquet", ".txt")
_MOST_FILES = 200
_MOST_SEEN = 5_000
_MOST_BYTES = 200_000
_MOST_ROWS = 5


@dataclass(frozen=True, slots=True)
class Shelf:
    """Which files a model may look into: below `folders`, none of `hidden` (files, or folders with all in them), none
    with rows that are `sealed` (None where there is no study yet)."""

    folders: tuple[Path, ...]
    hidden: tuple[Path, ...] = ()
    sealed: Sealed | None = None

    def files(self) -> Iterator[tuple[str, Path]]:
        """Names (relative to their folder) and paths, in order, without end."""
        for folder in self.folders:
            root = folder.resolve()
            for path in sorted(islice(_walk(root), _MOST_SEEN)):
                if path.suffix in KINDS and self._is_open(path.resolve()):
                    yield path.relative_to(root).as_posix(), path

    def path(self, name: str) -> Path:
        """The file called `name`; raises `BadArguments` for what a model may not look into."""
        if "\0" not in name and not Path(name).is_absolute():
            for folder in self.folders:
                found = (folder.resolve() / name).resolve()
                if found.suffix in KINDS and self._is_open(found) and found.is_file():
                    return found
        raise BadArguments(f"There is no file {line(name, 100)!r} to look into.", "a name that list_files gives")

    def _is_open(self, path: Path) -> bool:
        roots = [f.resolve() for f in self.folders]
        inside = next((path.relative_to(r) for r in roots if path.is_relative_to(r)), None)
        if inside is None or any(part.startswith(".") for part in inside.parts):
            return False
        return not any(_is_of(path, h.resolve()) for h in self.hidden)


class Everything(Frozen):
    """No arguments."""


class FileName(Frozen):
    """Which file."""

    name: str = Field(min_length=1, max_length=300, description="as list_files gives it")


class ListFiles(TypedTool[Everything]):
    """The files a person has beside the notebook."""

    name = "list_files"
    about = "List the data and text files of the person's working folder, with their sizes."
    asks = Everything
    is_lasting = False

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def look(self, _: Everything) -> Found:
        """Names and sizes."""
        files = list(islice(self._shelf.files(), _MOST_FILES))
        listed = [f"{line(name, 200)}  {path.stat().st_size:,} bytes" for name, path in files]
        return Found("\n".join(listed)[:MOST_CHARS] or "There are no files to look into.")


class ReadFile(TypedTool[FileName]):
    """The head of one of them."""

    name = "read_file"
    about = "The head of a file: columns and a few rows of .csv and .jsonl, columns of .parquet, the start of a text."
    asks = FileName
    is_lasting = False

    def __init__(self, shelf: Shelf, clock: Callable[[], float] = time.time) -> None:
        self._shelf, self._clock = shelf, clock

    async def look(self, asked: FileName) -> Found:
        """What its kind shows of itself."""
        path = self._shelf.path(asked.name)
        try:
            text, rows = _head(path)
        except TrexError as error:
            raise BadArguments(f"{line(asked.name, 100)} cannot be read: {error.what}", "another file") from error
        if self._shelf.sealed and self._shelf.sealed.has(text, [r.row for r in rows]):
            what = f"{line(asked.name, 100)} has rows of the evaluation splits, which no plan may rest on."
            raise BadArguments(what, "another file")
        source = Source(kind="file", name=line(asked.name, 500), said=line(text, 1000), query=asked.name[:1000],
                        time=self._clock())  # fmt: skip
        return Found(text, (source,))


def _is_of(path: Path, hidden: Path) -> bool:
    """Whether `path` is the hidden file under whatever name, or lies in the hidden folder."""
    is_same = path.exists() and hidden.exists() and path.samefile(hidden)
    return is_same or path == hidden or path.is_relative_to(hidden)


def _walk(folder: Path) -> Iterator[Path]:
    """Files below `folder`, hidden ones and links aside."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:  # not ours to read: then it is not there
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _walk(entry)
        elif entry.is_file():
            yield entry


def _head(path: Path) -> tuple[str, list[Line]]:
    if path.suffix == ".parquet":
        return _columns(path), []
    if path.suffix in READERS:
        rows = list(islice(read_file(path), _MOST_ROWS)) if _is_bounded(path) else []
        return _rows(rows) if rows else "It has no rows that can be shown.", rows
    with path.open("rb") as file:
        return file.read(4 * MOST_CHARS).decode("utf-8", "replace")[:MOST_CHARS], []


def _is_bounded(path: Path) -> bool:
    """Whether the first lines end before they fill the memory."""
    with path.open("rb") as file:
        return path.stat().st_size <= _MOST_BYTES or b"\n" in file.read(_MOST_BYTES)


def _rows(rows: Sequence[Line]) -> str:
    columns = ", ".join(line(n, 60) for n in list(rows[0].row)[:50])
    shown = [
        "\n".join(f"  {line(n, 60)}: {line(v, 300)}" for n, v in list(row.row.items())[:50]) for row in rows
    ]  # fmt: skip
    told = "\n".join(f"line {row.number}\n{text}" for row, text in zip(rows, shown, strict=True))
    return f"columns: {columns}\n{told}"[:MOST_CHARS]


def _columns(path: Path) -> str:
    from importlib import import_module  # noqa: PLC0415

    try:
        file: Any = import_module("pyarrow.parquet").ParquetFile(path)
    except ImportError:
        return "Its columns cannot be read here: pyarrow is not installed."
    except (OSError, ValueError) as error:
        raise BadArguments(f"It is not a Parquet file ({line(error, 100)}).", "another file") from error
    with file:
        columns = "\n".join(f"  {line(f.name, 60)}: {line(f.type, 60)}" for f in list(file.schema_arrow)[:50])
        return f"{file.metadata.num_rows:,} rows; columns:\n{columns}"[:MOST_CHARS]

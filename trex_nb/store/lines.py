"""A file of JSON lines that is only appended to: each line whole on disk when it is said to be, a line that a crash cut
short passed over when it is read. One process at a time writes, from any of its threads."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from trex_nb.core.base import Frozen
from trex_nb.errors import StoreError

F = TypeVar("F", bound=Frozen)


class Lines(Generic[F]):
    """The file `path` of values of one `kind`."""

    def __init__(self, path: Path, kind: type[F]) -> None:
        self.path = path
        self._kind = kind
        self._lock = threading.Lock()

    def append(self, value: F) -> None:
        """One more line, on disk when this returns. Raises `StoreError`."""
        # Half a surrogate pair, which a model may say and a file of rows may hold, becomes a question mark.
        said = json.dumps(value.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
        line = said.encode("utf-8", "replace") + b"\n"
        try:
            with self._lock:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("ab") as file:
                    file.write(b"\n" * self._is_torn() + line)
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error}.", "free disk space, then repeat") from error

    def read(self, wanted: Callable[[bytes], bool] | None = None) -> Iterator[F]:
        """The values, oldest first, of the lines that are `wanted`; one line in memory at a time. Raises
        `StoreError`."""
        try:
            if not self.path.exists():
                return
            with self.path.open("rb") as file:
                for line in file:
                    if (wanted is None or wanted(line)) and (value := self._value(line)):
                        yield value
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error}.", "check the disk, or restore a copy") from error

    def _value(self, line: bytes) -> F | None:
        try:
            return self._kind.model_validate_json(line)
        except ValidationError:
            return None

    def _is_torn(self) -> bool:
        """Whether the last line has no end."""
        if not self.path.exists() or not self.path.stat().st_size:
            return False
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"

"""The data that a task is made of, as it lies outside the study: nothing a model may look into or train on again. Where
the splits were drawn from one file, that file has the rows of the sealed test split in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trex_nb.core.task import DataFiles
from trex_nb.store.row_files import READERS


@dataclass(frozen=True, slots=True)
class OwnData:
    """The `files` and the hub ids (`sets`, in small letters, without a config) that a task's rows came from."""

    files: tuple[Path, ...] = ()
    sets: frozenset[str] = frozenset()

    @classmethod
    def of(cls, origin: str | DataFiles) -> OwnData:
        """Of a study's origin; an embedded task brings its rows along."""
        named = [v for v in origin.model_dump().values() if v] if isinstance(origin, DataFiles) else []
        files = tuple(Path(v).resolve() for v in named if Path(v).suffix in READERS)
        sets = frozenset(v.partition(":")[0].casefold() for v in named if Path(v).suffix not in READERS)
        return cls(files, sets)

    def has_file(self, path: Path) -> bool:
        """Whether `path` is one of the files, under whatever name."""
        return any(path.resolve() == f or (path.exists() and f.exists() and path.samefile(f)) for f in self.files)

    def has_set(self, name: str) -> bool:
        """Whether a hub id is one of the data sets, whatever its config."""
        return name.partition(":")[0].casefold() in self.sets

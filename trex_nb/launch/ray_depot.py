"""How a job's files travel between the submitter and a node that share no disk: what goes, under which names, and
through what.

A depot holds the files of one job by name. With a storage (any fsspec URL: a shared path, s3://, gs://, …) it is a
folder there; without, the job's keeper is one, which spools the files on the disk of its node (`ray_keeper`). Names
are relative: to the study's folder on the way in (`in/data/train.jsonl`), so that the notebook's relative paths hold
on the node; to the job's folder on the way out (`out/adapter/…`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from trex_nb.core.job import JobSpec
from trex_nb.errors import LaunchError

CHUNK = 4 << 20
MOST_WITHOUT_STORAGE = 2 << 30
"""Bytes of one message to a keeper, and of all that may travel at a time where there is no storage."""
_STORAGE_HINT = "set TREX_STORAGE to a folder or bucket that every node reaches, such as s3://bucket/trex"


class Depot(Protocol):
    """The files of one job, by name. Methods raise what the disk or the network raises."""

    def put(self, name: str, path: Path) -> None:
        """Keep the file at `path`."""
        ...

    def get(self, name: str, path: Path) -> None:
        """Write a file to `path`."""
        ...

    def names(self, prefix: str) -> list[str]:
        """The files in the folder `prefix`, or the one file of that name."""
        ...

    def clear(self) -> None:
        """Remove all of the job's files."""
        ...


class StorageDepot:
    """A folder below `url`, which submitter and nodes reach alike. Raises `LaunchError` for a URL that cannot be."""

    def __init__(self, url: str, job: str) -> None:
        import fsspec  # noqa: PLC0415  comes with the extra

        try:
            self._files, root = fsspec.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise LaunchError(f"The storage {url} cannot be used: {error}.", _STORAGE_HINT) from error
        if "memory" in self._files.protocol:
            raise LaunchError(f"The storage {url} is of one process alone.", _STORAGE_HINT)
        self._root = f"{root.rstrip('/')}/trex_nb/{job}"

    def put(self, name: str, path: Path) -> None:
        """Keep the file at `path`."""
        there = f"{self._root}/{name}"
        self._files.makedirs(there.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(path), there)

    def get(self, name: str, path: Path) -> None:
        """Write a file to `path`."""
        self._files.get_file(f"{self._root}/{name}", str(path))

    def names(self, prefix: str) -> list[str]:
        """The files whose name begins with the folder `prefix`."""
        self._files.invalidate_cache()
        found = self._files.find(f"{self._root}/{prefix}")
        return [str(f).partition(f"{self._root.lstrip('/')}/")[2] for f in found]

    def clear(self) -> None:
        """Remove all of the job's files."""
        self._files.invalidate_cache()
        if self._files.exists(self._root):
            self._files.rm(self._root, recursive=True)


class KeeperDepot:
    """The spool of the job's keeper; `call` calls a method of its and waits for the answer."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def put(self, name: str, path: Path) -> None:
        """Keep the file at `path`."""
        with path.open("rb") as file:
            offset = 0
            while (data := file.read(CHUNK)) or offset == 0:
                self._call("put", name, offset, data)
                offset += len(data)
                if not data:
                    return

    def get(self, name: str, path: Path) -> None:
        """Write a file to `path`."""
        with path.open("wb") as file:
            while data := self._call("get", name, file.tell(), CHUNK):
                file.write(data)

    def names(self, prefix: str) -> list[str]:
        """The files whose name begins with the folder `prefix`."""
        names: list[str] = self._call("names", prefix)
        return names

    def clear(self) -> None:
        """Nothing to do: the spool goes with the keeper."""


def depot_of(storage: str | None, job: str, call: Callable[..., Any]) -> Depot:
    """The depot of a job."""
    return StorageDepot(storage, job) if storage else KeeperDepot(call)


def study_of(folder: Path) -> Path:
    """The study's folder, seen from that of a run (`runs/<run>` in it): what lies below it travels."""
    return folder.parents[1] if len(folder.parents) > 1 else folder.parent


def inputs_of(spec: JobSpec) -> list[Path]:
    """What the job reads and brings along: its notebook, and what lies in the study's folder."""
    folder = Path(spec.folder)
    return [folder / "experiment.ipynb", *(p for p in map(Path, spec.reads) if p.is_relative_to(study_of(folder)))]


def here(spec: JobSpec, work: Path) -> JobSpec:
    """The spec on a node whose working folder `work` stands for the study's."""
    study = study_of(Path(spec.folder))

    def moved(path: str) -> str:
        known = Path(path)
        return str(work / known.relative_to(study)) if known.is_relative_to(study) else path

    paths = {"folder": moved(spec.folder), "reads": tuple(map(moved, spec.reads))}
    return spec.model_copy(update={**paths, "writes": tuple(map(moved, spec.writes))})


def send(depot: Depot, prefix: str, base: Path, paths: Iterable[Path], *, most: float = float("inf")) -> None:
    """Put files and whole folders below `base` into the depot. Raises `LaunchError` for more than `most` bytes."""
    files = [f for p in paths for f in _files(p)]
    size = sum(f.stat().st_size for f in files)
    if size > most:
        raise LaunchError(f"{size / 2**30:.1f} GiB are too much to go through the cluster's head node.", _STORAGE_HINT)
    for file in files:
        depot.put(f"{prefix}/{file.relative_to(base).as_posix()}", file)


def fetch(depot: Depot, prefix: str, target: Path) -> None:
    """Write all files below `prefix` into the folder `target`."""
    for name in depot.names(prefix):
        path = target / name.removeprefix(f"{prefix}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        depot.get(name, path)


def fetch_folder(depot: Depot, prefix: str, target: Path) -> None:
    """Write the folder `prefix` to `target`, whole or not at all; one that is there already is left as it is."""
    if target.exists():
        return
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    fetch(depot, prefix, part)
    if part.exists():  # an empty folder has no files to travel
        part.rename(target)


def inside(folder: Path, name: str) -> Path:
    """The path `name` in `folder`. Raises ValueError where it leads out of it: what a notebook says is not trusted."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or path == folder.resolve():
        raise ValueError(f"{name} is not in the job's folder")
    return folder / name


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(p for p in path.rglob("*") if p.is_file())
    elif path.exists():
        yield path

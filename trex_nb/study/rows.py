"""Reading a person's rows: JSON lines, CSV, Parquet, or a hub dataset. Everything becomes text, with its line number.

What cannot be read is a two-line `TaskError` that names the file, the line and the field. Hub datasets are fetched by a
process of their own, so the notebook never imports the training stack.
"""

from __future__ import annotations

import csv
import importlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trex_nb.core.task import Row
from trex_nb.errors import MissingExtraError, TaskError

_HUB = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")
_FORMATS = ".jsonl, .csv or .parquet"
_HUB_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Line:
    """A row with where it stands: `number` counts lines of the file from 1."""

    number: int
    row: Row


def read_lines(source: str, split: str) -> list[Line]:
    """All rows of a path or hub id; raises `TaskError`."""
    path = Path(source)
    if path.suffix in _READERS:
        if not path.is_file():
            raise TaskError(f"{path} does not exist.", "check the path; it is relative to the task file")
        try:
            return list(_READERS[path.suffix](path))
        except OSError as error:
            raise TaskError(f"{path} cannot be read: {error.strerror or error}.", "check the file") from error
    if _HUB.fullmatch(source) and not path.exists():
        return _from_hub(source, split)
    raise TaskError(f"{source} is not a data file.", f"a {_FORMATS} file, or a hub id such as owner/name:config")


def _text_lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                byte = raw[error.start]
                raise TaskError(
                    f"{path.name}, line {number}: byte 0x{byte:02x} is not UTF-8.", "save the file as UTF-8"
                ) from error


def _jsonl(path: Path) -> Iterator[Line]:
    for number, text in _text_lines(path):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            raise TaskError(
                f"{path.name}, line {number}: not JSON ({error.msg}).", "one JSON object per line"
            ) from error
        if not isinstance(row, dict):
            raise TaskError(f"{path.name}, line {number}: not a JSON object.", 'lines like {"text": "…", "label": "…"}')
        texts = {str(k): _as_text(v) for k, v in row.items()}
        for name, value in texts.items():
            if not _is_unicode(name + value):
                raise TaskError(
                    f"{path.name}, line {number}: {name!a} has half a surrogate pair, which is not text.",
                    "write the file again from its source, or leave the row out",
                )
        yield Line(number, texts)


def _csv(path: Path) -> Iterator[Line]:
    reader = csv.reader((text for _, text in _text_lines(path)), strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise TaskError(f"{path.name} has no header line.", "name the columns in the first line")
        twice = next((name for i, name in enumerate(header) if name in header[:i]), None)
        if twice is not None:
            raise TaskError(
                f"{path.name}, line 1: two columns are called {twice!r}.", "a name of its own for each column"
            )
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise TaskError(
                    f"{path.name}, line {reader.line_num}: {len(cells)} fields where the header has {len(header)}.",
                    "quote fields that contain commas or line breaks",
                )
            yield Line(reader.line_num, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise TaskError(f"{path.name}, line {reader.line_num}: {error}.", "quote fields as CSV does") from error


def _parquet(path: Path) -> Iterator[Line]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "train") from error
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise TaskError(f"{path.name} is not a Parquet file: {error}.", f"a {_FORMATS} file") from error
    for number, row in enumerate(rows, 1):
        yield Line(number, {k: _as_text(v) for k, v in row.items()})


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _from_hub(source: str, split: str) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.jsonl"
        command = [sys.executable, "-m", "trex_nb.train.hub", source, split, str(out)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_HUB_SECONDS, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise TaskError(
                f"{source} did not arrive in {_HUB_SECONDS} s.", "download it and name the files"
            ) from error
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise TaskError(f"{source} cannot be loaded: {reason[:300]}", "check the id and the network, or name files")
        return list(_jsonl(out))


_READERS = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}

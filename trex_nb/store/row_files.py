"""Reading a person's data files: JSON lines, CSV, Parquet. Everything becomes text, with its line number.

What cannot be read is a two-line `TaskError` that names the file, the line and the field.
"""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trex_nb.core.task import Row
from trex_nb.errors import MissingExtraError, TaskError

FORMATS = ".jsonl, .csv or .parquet"


@dataclass(frozen=True, slots=True)
class Line:
    """A row with where it stands: `number` counts lines of the file from 1."""

    number: int
    row: Row


def read_file(path: Path) -> Iterator[Line]:
    """The rows of a data file, one after the other; raises `TaskError`, at the row it is about."""
    if path.suffix not in READERS:
        raise TaskError(f"{path} is not a data file.", f"a {FORMATS} file")
    if not path.is_file():
        raise TaskError(f"{path} does not exist.", "check the path; it is relative to the task file")
    try:
        yield from READERS[path.suffix](path)
    except OSError as error:
        raise TaskError(f"{path} cannot be read: {error.strerror or error}.", "check the file") from error


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
        texts = {str(k): as_text(v) for k, v in row.items()}
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
        with parquet.ParquetFile(path) as file:
            rows = (row for batch in file.iter_batches() for row in batch.to_pylist())
            for number, row in enumerate(rows, 1):
                yield Line(number, {k: as_text(v) for k, v in row.items()})
    except (OSError, ValueError) as error:
        raise TaskError(f"{path.name} is not a Parquet file: {error}.", f"a {FORMATS} file") from error


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def as_text(value: Any) -> str:
    """A cell as text: nothing for none, JSON for what is no text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


READERS = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}

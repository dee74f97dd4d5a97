"""Rows from elsewhere: a file or a hub dataset, its columns turned into prompts and answers a batch at a time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset

from trex_nb.core.base import content_hash
from trex_nb.core.recipe import Convert, Load, Shape, Template
from trex_nb.core.task import Example
from trex_nb.core.templates import parse_template
from trex_nb.errors import TaskError
from trex_nb.train.failure import bad_data
from trex_nb.train.operators.rows import BATCH, arrow_file, as_batch, written

Raw = Mapping[str, Any]
Pair = tuple[str, str]

_FORMATS = {".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}
_ROLES = {"human": "user", "gpt": "assistant", "system": "system", "user": "user", "assistant": "assistant"}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def loaded(op: Load, beside: Path) -> Dataset:
    """The rows of another source as prepared rows, memory-mapped. Raises `TrainingFailed` where it cannot be had."""
    try:
        raw = _source(op, beside)
        reader = reader_of(op.rows)
    except TaskError as error:
        raise bad_data(error.what, error.hint or "another source") from error
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        said = " ".join(str(error).split())[:300]
        raise bad_data(f"{op.source} cannot be loaded: {said}", "check the name, the split and the network.") from error
    copy = arrow_file(beside, f"load-{content_hash(op, raw._fingerprint)}")  # noqa: SLF001  (no public name for it)
    return Dataset.from_file(str(copy)) if copy.exists() else written(_batches(op, raw, reader), copy)


def _source(op: Load, beside: Path) -> Dataset:
    path = Path(op.source) if Path(op.source).is_absolute() else beside / op.source
    if path.suffix in _FORMATS:
        _check_file(path, op.revision)
        return datasets.load_dataset(_FORMATS[path.suffix], data_files=str(path), split="train")
    name, _, config = op.source.partition(":")
    return datasets.load_dataset(name, config or None, split=op.split, revision=op.revision)


def _check_file(path: Path, revision: str | None) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if revision is not None and not found.startswith(revision.lower()):
        raise TaskError(f"{path.name} is not the file of the recipe: its sha256 is {found[:16]}…", "the file of then")


def _batches(op: Load, raw: Dataset, reader: Callable[[Raw], Pair]) -> Iterator[Any]:
    stop = min(op.most, len(raw))
    for start in range(0, stop, BATCH):
        columns = raw[start : min(stop, start + BATCH)]
        count = len(next(iter(columns.values()), []))
        examples = [_example(op, {k: v[i] for k, v in columns.items()}, start + i, reader) for i in range(count)]
        yield as_batch([e for e in examples if e is not None])


def _example(op: Load, row: Raw, number: int, reader: Callable[[Raw], Pair]) -> Example | None:
    try:
        prompt, answer = reader(row)
        label = op.name if op.rows.slice is None else as_text(row[op.rows.slice])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        what = f"{op.source}, row {number + 1} is not as the recipe says ({type(error).__name__}: {error})."
        raise bad_data(what, f"it has the columns {', '.join(list(row)[:12])}.") from error
    if not prompt.strip() or not answer.strip():
        return None
    return Example(id=f"{op.name}-{number}", prompt=prompt, answer=answer.strip(), slice=label)


def reader_of(how: Convert | Template) -> Callable[[Raw], Pair]:
    """What turns a raw row into prompt and answer; raises `TaskError` for a template that is none."""
    if isinstance(how, Convert):
        return _SHAPES[how.shape]
    prompt, answer = parse_template(how.prompt, "prompt"), parse_template(how.answer, "answer")

    def filled(row: Raw) -> Pair:
        texts = {name: as_text(row[name]) for name in (*prompt.fields, *answer.fields)}
        return prompt.filled(texts), answer.filled(texts)

    return filled


def as_text(value: Any) -> str:
    """A cell as text: nothing for none, JSON for what is nested."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _first(row: Raw, names: Sequence[str]) -> Any:
    for name in names:
        if row.get(name) is not None:
            return row[name]
    raise KeyError(" or ".join(names))


def _alpaca(row: Raw) -> Pair:
    given = as_text(row.get("input")).strip()
    return as_text(row["instruction"]) + (f"\n\n{given}" if given else ""), as_text(row["output"])


def _pair(row: Raw) -> Pair:
    asked = _first(row, ("prompt", "question", "input"))
    return as_text(asked), as_text(_first(row, ("answer", "completion", "response", "output")))


def _conversation(row: Raw) -> Pair:
    """All turns before the last of the assistant are the prompt; named by role where there is more than one of the
    user's."""
    turns = _first(row, ("messages", "conversations"))
    said = [(_role(turn), as_text(turn["content"] if "content" in turn else turn["value"])) for turn in turns]
    last = max((i for i, (role, _) in enumerate(said) if role == "assistant"), default=0)
    before = said[:last]
    if not any(role == "user" for role, _ in before):
        return "", ""
    is_plain = sum(role != "system" for role, _ in before) == 1
    lines = [text if is_plain or role == "system" else f"{role.title()}: {text}" for role, text in before]
    return "\n\n".join(lines), said[last][1]


def _role(turn: Raw) -> str:
    role = str(turn["role"] if "role" in turn else turn["from"])
    return _ROLES.get(role, role)


def _choices(row: Raw) -> Pair:
    choices = _first(row, ("choices", "options"))
    texts = [as_text(text) for text in (choices["text"] if isinstance(choices, Mapping) else choices)]
    marks = choices["label"] if isinstance(choices, Mapping) else list(_LETTERS[: len(texts)])
    answer = _first(row, ("answer", "answerKey", "label"))
    listed = "\n".join(f"{_LETTERS[i]}. {text}" for i, text in enumerate(texts))
    return f"{as_text(row['question'])}\n{listed}", _LETTERS[_right(answer, list(marks), texts)]


def _right(answer: Any, marks: list[str], texts: list[str]) -> int:
    if isinstance(answer, int) or (re.fullmatch(r"\d+", str(answer)) and str(answer) not in marks):
        return range(len(texts))[int(answer)]
    return marks.index(answer) if answer in marks else texts.index(answer)


_SHAPES: Mapping[Shape, Callable[[Raw], Pair]] = {
    "alpaca": _alpaca, "pair": _pair, "conversation": _conversation, "choices": _choices,
}  # fmt: skip

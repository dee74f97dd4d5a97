"""A task file as text: written from a draft, with its open questions as comments, and changed a field at a time so that
a person's own lines and comments stay as they are. Pure.

    # ? metric: accuracy, or macro_f1? (until you answer: accuracy)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from trex_nb.agents.requirements import Draft, Question

_QUESTION = re.compile(r"# \? (?P<field>[\w.]+): (?P<text>.*) \(until you answer: (?P<default>.*)\)")


class _Dumper(yaml.SafeDumper):
    """Text of several lines stands in double quotes, so that its line breaks can be seen."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if "\n" in value else None)


_Dumper.add_representer(str, _text)


def written(made: Draft, about: str) -> str:
    """The whole file; `about` is a line on where it comes from."""
    comments = [f"# {_one_line(about)}", *(_asked(q) for q in made.questions)]
    return "\n".join([*comments, ""]) + "".join(dumped(name, value) for name, value in made.fields.items())


def open_questions(text: str) -> tuple[Question, ...]:
    """The questions that still stand in a file."""
    found = (_QUESTION.fullmatch(row.strip()) for row in text.splitlines())
    return tuple(Question(m["field"], m["text"], m["default"]) for m in found if m)


def changed(text: str, fields: Mapping[str, Any], answered: Sequence[str]) -> str:
    """The file with other values in some top-level fields, and without the questions that `answered` answers."""
    lines = [row for row in text.splitlines() if not _is_answered(row, answered)]
    for name, value in fields.items():
        start = next((i for i, row in enumerate(lines) if re.match(rf"{re.escape(name)}\s*:", row)), len(lines))
        end = min(len(lines), start + 1)
        while end < len(lines) and re.match(r"\s+\S|-|\s*$", lines[end]):
            end += 1
        while end > start + 1 and not lines[end - 1].strip():
            end -= 1
        lines[start:end] = dumped(name, value).splitlines() if value is not None else []
    return "\n".join(lines) + "\n"


def dumped(name: str, value: object) -> str:
    """A field as YAML."""
    return yaml.dump({name: value}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)


def _is_answered(row: str, answered: Sequence[str]) -> bool:
    asked = _QUESTION.fullmatch(row.strip())
    return asked is not None and any(a == asked["field"] or a.startswith(f"{asked['field']}.") for a in answered)


def _asked(question: Question) -> str:
    text, default = _one_line(question.text), _one_line(question.default.replace("\n", "\\n"))
    return f"# ? {question.field}: {text} (until you answer: {default})"


def _one_line(text: str) -> str:
    """Printable text on one line: a comment that could end would be a field."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))

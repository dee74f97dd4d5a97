"""What a recipe did, as the executed notebook shows it: a line for each operator, and a few of the rows it removed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from datasets import Dataset

from trex_nb.core.task import Example
from trex_nb.train.operators.carry import Step
from trex_nb.train.operators.rows import counted

_SLICES = 12
_REMOVED_SLICES = 5


def summary(rows: Dataset, available: int, steps: Sequence[Step]) -> tuple[str, str]:
    """HTML and plain text; everything that comes from the data is escaped."""
    slices = counted(rows, np.arange(len(rows))).most_common(_SLICES)
    head = f"{len(rows)} rows of {available}"
    lines = [f"{head}: " + ", ".join(f"{name} {count}" for name, count in slices)]
    lines += [
        f"  {told(step)}: {step.before} → {step.after}{_removed(step, ' · removed ')}{_said(step)}" for step in steps
    ]
    html = f"<p>{head}</p>{_steps_table(steps)}{_table(('slice', 'rows'), slices)}{_first_row(rows[0])}"
    return html, "\n".join(lines)


def told(step: Step) -> str:
    """An operator as it is written in a recipe: its name, and the settings that are not what they are by default."""
    fields = type(step.op).model_fields
    values = step.op.model_dump(mode="json")
    set_ = [f"{n}={_short(v)}" for n, v in values.items() if n != "op" and v != fields[n].default]
    return f"{step.op.op} {' '.join(set_)}".strip()


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _removed(step: Step, before: str = "") -> str:
    if not step.removed:
        return ""
    named = [f"{name[:80]} {count}" for name, count in step.removed[:_REMOVED_SLICES]]
    more = len(step.removed) - _REMOVED_SLICES
    return before + ", ".join(named) + (f", {more} more slices" if more > 0 else "")


def _said(step: Step) -> str:
    return f" · {step.said}" if step.said else ""


def _steps_table(steps: Sequence[Step]) -> str:
    if not steps:
        return ""
    cells = [(told(s), s.before, s.after, _removed(s)) for s in steps]
    shown = "".join(f"<p>{escape(told(s))}: {escape(s.said)}</p>" for s in steps if s.said)
    shown += "".join(_examples(step) for step in steps if step.shown)
    return _table(("operator", "rows before", "after", "removed, by slice"), cells) + shown


def _examples(step: Step) -> str:
    rows = [(e.id, e.slice, e.prompt[:200], e.answer[:200]) for e in step.shown]
    head = f"Rows that {step.op.op} removed: {len(rows)} of {sum(n for _, n in step.removed)}"
    return f"<details><summary>{head}</summary>{_table(('row', 'slice', 'prompt', 'answer'), rows)}</details>"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    titles = "".join(f"<th scope='col'>{title}</th>" for title in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell)[:200])}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _first_row(row: dict[str, str]) -> str:
    example = Example.model_validate(row)
    return (
        f"<details><summary>First row</summary><pre>{escape(example.prompt[:500])}</pre>"
        f"<pre>{escape(example.answer[:500])}</pre></details>"
    )

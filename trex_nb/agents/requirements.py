"""Requirement analysis by rules (TREX section 3.1): a look at the rows becomes a task, with a question for everything
that was assumed. Pure.

Nothing is guessed silently: each question says what is used until it is answered. Where a language model is set it goes
over the draft (`agents.requirements_model`); a person has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from trex_nb.agents.look import Column, Look
from trex_nb.agents.tools.base import line
from trex_nb.core.task import MetricName
from trex_nb.core.templates import parse_template
from trex_nb.errors import TaskError

_ANSWERS = (
    "label", "labels", "answer", "output", "completion", "response", "target", "summary", "class", "category",
    "sentiment", "intent", "translation", "topic", "y",
)  # fmt: skip
_PROMPTS = (
    "prompt", "question", "instruction", "text", "sentence", "input", "review", "document", "article", "message",
    "query", "source", "content", "title", "name", "context", "body", "description", "x",
)  # fmt: skip
_FEWEST = 30
_UNEVEN = 0.7
_SHORT_WORDS = 4
_MOST_PROMPTS = 3
_MOST_SLICES = 20
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Question:
    """What a person should say about a field of the task, and what is used until they do (`default`, in words)."""

    field: str
    text: str
    default: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A task as it would be written: `fields` in their order, `questions`, and `notes` on what is odd in the data."""

    fields: Mapping[str, object]
    questions: tuple[Question, ...]
    notes: tuple[str, ...] = ()

    def with_fields(self, **fields: object) -> Draft:
        """The draft with other values in some fields."""
        return replace(self, fields={**self.fields, **fields})


def draft(seen: Look, name: str, goal: str, data: Mapping[str, str]) -> Draft:
    """The task that the rows suggest; `data` are the files by split, as they would be written. Raises `TaskError`
    where no column can be the answer to another."""
    usable = [c for c in seen.columns if c.filled and _can_be_named(c.name)]
    answer = _answer_of(usable, seen.rows)
    prompts = _prompts_of([c for c in usable if answer is None or c.name != answer.name])
    if answer is None or not prompts:
        have = _listed(seen.columns, 12) or "none"
        raise TaskError(f"No column of {data['train']} answers another (columns: {have}).", "a prompt and an answer")
    metric = _metric(answer)
    fields: dict[str, object] = {
        "name": name, "goal": goal.strip() or _goal(answer, prompts), "base_model": "tiny", "data": dict(data),
        "prompt": _template(prompts, answer), "answer": f"{{{answer.name}}}", "metric": metric,
    }  # fmt: skip
    fields["budget"] = {"rounds": 8, "minutes": 60.0}
    return Draft(fields, tuple(_questions(seen, fields, goal, answer, prompts)), tuple(_notes(seen, answer, prompts)))


def columns_missing(templates: Sequence[str], columns: Sequence[str]) -> str:
    """The first column that a template names and that is not there; empty where all are. Raises `TaskError`."""
    named = [f for t in templates for f in parse_template(t, "the template").fields]
    return next((f for f in named if f not in columns), "")


def _can_be_named(name: str) -> bool:
    """Whether a template can name the column, and a person read that on one line."""
    try:
        return name.isprintable() and parse_template(f"{{{name}}}", "a column").fields == [name]
    except TaskError:
        return False


def _answer_of(columns: Sequence[Column], rows: int) -> Column | None:
    """The column with the answers: by its name, else the last with labels, else the last that is no id."""
    by_name = {c.name.casefold(): c for c in columns}
    named = next((by_name[n] for n in _ANSWERS if n in by_name and by_name[n].distinct > 1), None)
    with_labels = [c for c in columns if c.labels and c.filled > rows / 2]
    rest = [c for c in columns if not c.is_id and c.distinct > 1]
    return named or (with_labels[-1] if with_labels else None) or (rest[-1] if len(rest) > 1 else None)


def _prompts_of(columns: Sequence[Column]) -> list[Column]:
    """The columns with what is asked: those named so, in their order, else the one with the longest texts."""
    named = [c for c in columns if c.name.casefold() in _PROMPTS and not c.is_id]
    texts = sorted((c for c in columns if not c.is_id), key=lambda c: -c.mean_chars)
    return named[:_MOST_PROMPTS] or texts[:1]


def _template(prompts: Sequence[Column], answer: Column) -> str:
    """Each column under its name, and the answer's name to be gone on from."""
    asked = "\n".join(f"{_titled(c.name)}: {{{c.name}}}" for c in prompts)
    return f"{asked}\n{_titled(answer.name)}:"


def _titled(name: str) -> str:
    words = re.sub(r"[_\W]+", " ", name).strip()
    return (words[:1].upper() + words[1:]) or "Text"


def _metric(answer: Column) -> MetricName:
    if answer.labels:
        most = answer.labels[0][1] / answer.filled
        return "macro_f1" if most >= _UNEVEN else "accuracy"
    words = max((len(e.split()) for e in answer.examples), default=0)
    return "exact_match" if words <= _SHORT_WORDS else "rougeL"


def _goal(answer: Column, prompts: Sequence[Column]) -> str:
    """A goal in the columns' names, as long as they are names: a goal is told to models as the person's own word."""
    names = [answer.name, *(c.name for c in prompts)]
    if not all(re.fullmatch(r"\w+([ .-]\w+){0,2}", n) and len(n) <= _LONGEST_NAME for n in names):
        return "Give the right answer for each row."
    return f"Give the {names[0]} for the {' and '.join(names[1:])}."


def _listed(columns: Sequence[Column], most: int = 5) -> str:
    return ", ".join(line(c.name, _LONGEST_NAME) for c in columns[:most])


def _questions(
    seen: Look, fields: Mapping[str, object], goal: str, answer: Column, prompts: Sequence[Column]
) -> list[Question]:  # fmt: skip
    data = fields["data"]
    assert isinstance(data, dict)
    asked = [
        Question("goal", "What is the model to be good at, and what for?", str(fields["goal"])),
        Question("answer", _which_answer(seen, answer), str(fields["answer"])),
        Question("prompt", _which_prompt(seen, answer, prompts), str(fields["prompt"])),
        Question("metric", _which_metric(answer), str(fields["metric"])),
        Question("base_model", "Which model is to be tuned (a folder, or an id of the hub)?",
                 "tiny, which ships with the package and is for trying things out"),
        Question("slice", _which_slice(seen, answer, prompts), "the answer itself where it has few values"),
        Question("budget", "How much may it cost?", "8 rounds and 60 compute minutes"),
        Question("licence", "Under which licence are the rows?", "not stated"),
    ]  # fmt: skip
    for split in ("search", "test"):
        found = data.get(split)
        default = f"{found}, which lies beside it" if found else "15% of the rows, drawn from the training file"
        asked.append(Question(f"data.{split}", f"Which file holds the {split} split?", default))
    return [q for q in asked if not (q.field == "goal" and goal.strip())]


def _which_answer(seen: Look, answer: Column) -> str:
    others = [c for c in seen.columns if c.labels and c.name != answer.name]
    return "Which column is the answer?" + (f" It could be {_listed(others)} as well." if others else "")


def _which_prompt(seen: Look, answer: Column, prompts: Sequence[Column]) -> str:
    left = [c for c in seen.columns if c not in (answer, *prompts) and not c.is_id]
    return "Is this how a row is asked?" + (f" Columns it leaves out: {_listed(left, 12)}." if left else "")


def _which_metric(answer: Column) -> str:
    if not answer.labels:
        return "How are free answers scored: exact_match, rouge1 or rougeL?"
    most, count = answer.labels[0]
    uneven = (
        f" {line(most, 40)!r} is {count / answer.filled:.0%} of the rows." if count / answer.filled >= _UNEVEN else ""
    )
    kinds = f"The answer is one of {len(answer.labels)} labels"
    return f"{kinds}: accuracy, or macro_f1 where rare ones count as much?{uneven}"


def _which_slice(seen: Look, answer: Column, prompts: Sequence[Column]) -> str:
    used = {answer.name, *(c.name for c in prompts)}
    kinds = [c for c in seen.columns if c.labels and len(c.labels) <= _MOST_SLICES and c.name not in used]
    could = f" It could be {_listed(kinds)}." if kinds else ""
    return f"By which column are scores to be reported separately?{could}"


def _notes(seen: Look, answer: Column, prompts: Sequence[Column]) -> list[str]:
    empty = seen.rows - min(answer.filled, max(c.filled for c in prompts))
    few = seen.rows < _FEWEST
    rare = [line(label, 40) for label, n in answer.labels if n < 5]
    odd = [c for c in seen.columns if not _can_be_named(c.name)]
    return [
        *([f"{seen.rows} rows are too few to draw splits from: {_FEWEST} at least, or name files."] if few else []),
        *([f"{seen.copies:,} rows are copies of another."] if seen.copies else []),
        *([f"{empty:,} rows have no prompt or no answer and will be left out."] if empty else []),
        *([f"{len(rare)} labels have fewer than 5 rows: {', '.join(rare[:5])}."] if rare else []),
        *([f"Columns that a template cannot name are left aside: {_listed(odd)}."] if odd else []),
        *([f"The texts look like {', '.join(seen.languages)}."] if seen.languages else []),
    ]

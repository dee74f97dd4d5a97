"""A look at a person's rows: what columns there are, what is in them, and what is odd. Pure.

Languages are told by script, and for a few that share the Latin one by their commonest words; a guess, and said as one.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from trex_nb.core.ngrams import normalised
from trex_nb.core.task import Row

MOST_LABELS = 100
_LONG = 60
_EXAMPLES = 3
_LOOKED_AT = 400
_COMMON: Mapping[str, frozenset[str]] = {
    "English": frozenset("the and is of to in that it was for".split()),
    "German": frozenset("der die das und ist nicht ein zu den mit".split()),
    "French": frozenset("le la les et est des une pas que dans".split()),
    "Spanish": frozenset("el los las que es una por con para del".split()),
    "Italian": frozenset("il che di e un per non sono con della".split()),
    "Portuguese": frozenset("o os que de um uma para com não do".split()),
    "Dutch": frozenset("de het een van en dat niet op te is".split()),
}
_SCRIPTS = {
    "CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "CYRILLIC": "Cyrillic script",
    "ARABIC": "Arabic script", "HEBREW": "Hebrew", "GREEK": "Greek", "DEVANAGARI": "Devanagari script", "THAI": "Thai",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how many rows have something there, how many different things, how long they are in characters, and
    a few of them. `labels` are all values with their counts, most common first, where they repeat enough to be labels.
    """

    name: str
    filled: int
    distinct: int
    mean_chars: float
    longest: int
    is_number: bool
    examples: tuple[str, ...]
    labels: tuple[tuple[str, int], ...] = ()

    @property
    def is_id(self) -> bool:
        """Whether it looks like a number or a name of the row that says nothing of it."""
        named = self.name.casefold() in ("id", "idx", "index", "uuid", "guid", "key", "row", "") or (
            self.name.casefold().endswith("_id")
        )
        return named or (self.is_number and self.distinct == self.filled > 2)


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of the rows; `copies` are rows equal to an earlier one, `languages` the likeliest, most common
    first."""

    rows: int
    columns: tuple[Column, ...]
    copies: int = 0
    languages: tuple[str, ...] = ()
    by_name: Mapping[str, Column] = field(default_factory=dict)


def look(rows: Sequence[Row]) -> Look:
    """Look at rows that have the columns of the first."""
    names = list(rows[0]) if rows else []
    columns = tuple(_column(name, [r.get(name, "") for r in rows]) for name in names)
    seen = Counter(tuple(normalised(v) for v in r.values()) for r in rows)
    text = max(columns, key=lambda c: c.mean_chars, default=None)
    languages = _languages([r.get(text.name, "") for r in rows[:_LOOKED_AT]]) if text else ()
    return Look(len(rows), columns, len(rows) - len(seen), languages, {c.name: c for c in columns})


def _column(name: str, values: Sequence[str]) -> Column:
    filled = [v for v in values if v.strip()]
    counts = Counter(v.strip() for v in filled)
    longest = max(map(len, filled), default=0)
    are_labels = 1 < len(counts) <= min(MOST_LABELS, len(filled) / 3) and longest <= _LONG
    return Column(
        name=name, filled=len(filled), distinct=len(counts), longest=longest,
        mean_chars=sum(map(len, filled)) / max(1, len(filled)), is_number=bool(filled) and all(map(_is_number, filled)),
        examples=tuple(islice(counts, _EXAMPLES)), labels=tuple(counts.most_common()) if are_labels else (),
    )  # fmt: skip


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _languages(texts: Sequence[str]) -> tuple[str, ...]:
    votes = Counter(found for t in texts if (found := _language(t)))
    return tuple(name for name, n in votes.most_common(3) if n >= max(1, 0.05 * len(texts)))


def _language(text: str) -> str:
    """The likeliest language of a text; empty where nothing speaks for one."""
    scripts = Counter(unicodedata.name(c, "").split(" ")[0].split("-")[0] for c in text[:200] if c.isalpha())
    kana = next((s for s in ("HIRAGANA", "KATAKANA") if s in scripts), None)
    main = kana or (scripts.most_common(1)[0][0] if scripts else "")
    if main != "LATIN":
        return _SCRIPTS.get(main, "")
    words = set(text.casefold().split())
    best = max(_COMMON, key=lambda name: len(_COMMON[name] & words))
    return best if _COMMON[best] & words else ""

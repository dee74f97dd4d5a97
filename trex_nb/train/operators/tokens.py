"""A row as a set of tokens, for telling how much alike two rows are."""

from __future__ import annotations

import re
from itertools import pairwise

from trex_nb.core.ngrams import normalised

_SHORT_ANSWER = 3  # words
_NO_SPACES = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(f"[{_NO_SPACES}]|[^\\W_{_NO_SPACES}]+|[^\\w\\s]")
_APART = {c: " " if chr(c) == "_" else f" {chr(c)} " for c in range(33, 127) if not chr(c).isalnum()}


def tokens(prompt: str, answer: str) -> list[str]:
    """Words, punctuation marks and pairs of neighbours. A short answer marks every token: rows that differ in it have
    nothing in common."""
    found, replied = _split(prompt), _split(answer)
    mark = ""
    if len(replied) <= _SHORT_ANSWER:
        mark = normalised(answer) + "\0"
    else:
        found += ["\0", *replied]
    pairs = [f"{mark}{one} {two}" for one, two in pairwise(found)]
    return [mark + word for word in found or [normalised(prompt)]] + pairs


def _split(text: str) -> list[str]:
    folded = text.casefold()
    return folded.translate(_APART).split() if folded.isascii() else _TOKEN.findall(folded)

"""What it takes to have a recipe's rows written and scored by a language model, told before it is approved. Pure.

An upper bound where every row counts once: operators that leave rows out are taken to leave none out, and what is on
record from earlier is not known here. Rows that a source without a limit brings are not counted (`is_least`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trex_nb.core.chat import Usage
from trex_nb.core.recipe import DataRecipe, Generate, Judge, Load, Sample, Select

ROWS_AT_ONCE = 12
"""Rows of one question to a language model, at most."""
CHARS_AT_ONCE = 12_000
"""Characters of these rows together, except where one has more alone."""
_CHARS_PER_TOKEN = 3.0
_PER_QUESTION = 450  # tokens of what is said beside the rows, their shape included
_PER_ROW, _PER_SCORE = 25, 15  # tokens of a row's frame, and of a score
_NO_LIMIT = Load.model_fields["most"].default


@dataclass(frozen=True, slots=True)
class RowCost:
    """Questions, and the tokens to be read and written; more than that where `is_least`."""

    calls: int
    usage: Usage
    is_least: bool


def row_cost(recipe: DataRecipe, rows: int, mean_chars: float) -> RowCost:
    """What `recipe` asks for, of `rows` rows with `mean_chars` characters of prompt and answer on average."""
    calls = prompt = completion = 0
    is_open = is_least = False
    each = mean_chars / _CHARS_PER_TOKEN + _PER_ROW
    at_once = max(1, min(ROWS_AT_ONCE, int(CHARS_AT_ONCE / max(1.0, mean_chars))))
    for op in recipe.ops:
        if isinstance(op, Generate | Judge):
            asked = op.n if isinstance(op, Generate) else rows
            questions = math.ceil(asked / at_once)
            calls += questions
            prompt += round(questions * _PER_QUESTION + asked * each)
            completion += round(asked * (each if isinstance(op, Generate) else _PER_SCORE))
            is_least = is_least or (is_open and isinstance(op, Judge))
        match op:
            case Load():
                is_open = is_open or op.most == _NO_LIMIT
                rows += 0 if op.most == _NO_LIMIT else op.most
            case Generate():
                rows += op.n
            case Sample() | Select():
                rows, is_open = min(rows, op.n) if not is_open else op.n, False
            case _:
                pass
    return RowCost(calls, Usage(prompt=prompt, completion=completion, is_estimated=True), is_least)

"""What having rows written takes, before anybody is asked."""

from __future__ import annotations

import pytest

from trex_nb.core.recipe import DataRecipe, Dedup, Generate, Judge, Load, Op, Sample, Template
from trex_nb.core.row_cost import row_cost

READ = Template(prompt="{a}", answer="{b}")


@pytest.mark.parametrize(("ops", "calls", "is_least"), [
    ((Dedup(),), 0, False),
    ((Generate(instruction="More.", n=24),), 2, False),
    ((Judge(question="Good?"),), 100, False),
    ((Sample(n=24), Judge(question="Good?")), 2, False),
    ((Sample(n=24), Generate(instruction="More.", n=12), Judge(question="Good?")), 4, False),
    ((Load(source="x.csv", rows=READ, most=12), Judge(question="Good?")), 101, False),
    ((Load(source="x.csv", rows=READ), Judge(question="Good?")), 100, True),
    ((Load(source="x.csv", rows=READ), Sample(n=12), Judge(question="Good?")), 1, False),
])  # fmt: skip
def test_questions_are_counted_by_the_dozen(ops: tuple[Op, ...], calls: int, is_least: bool) -> None:
    cost = row_cost(DataRecipe(ops=ops), 1200, 40)
    assert (cost.calls, cost.is_least) == (calls, is_least)
    assert bool(cost.usage.total) == bool(calls)


def test_long_rows_make_more_questions_and_more_tokens() -> None:
    recipe = DataRecipe(ops=(Generate(instruction="More.", n=24),))
    short, long = row_cost(recipe, 1200, 40), row_cost(recipe, 1200, 6000)
    assert long.calls == 12
    assert long.usage.total > 10 * short.usage.total

"""Walking a recipe: one operator after the other, and what each did, for the person to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import Dataset, concatenate_datasets

from trex_nb.core import recipe as ops
from trex_nb.core.row_model import RowModel
from trex_nb.core.task import Example
from trex_nb.train.operators.ask import generated, judged, selected
from trex_nb.train.operators.keep import deduplicated, filtered, matched, sampled, split
from trex_nb.train.operators.load import loaded
from trex_nb.train.operators.overlap import decontaminated
from trex_nb.train.operators.resample import balanced, mixed
from trex_nb.train.operators.rows import Rows, counted, examples_of

_SHOWN = 5
_WITH_A_REASON = (ops.Dedup, ops.NearDedup, ops.Decontaminate, ops.Filter, ops.Match, ops.Judge)


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows at hand, and the numbers of those that are kept: sorted, a number twice where a row is resampled."""

    data: Dataset
    rows: Rows


@dataclass(frozen=True, slots=True)
class Step:
    """What one operator did. `removed` counts distinct rows by slice, most first; `shown` are a few of them, and `said`
    is what else there is to say."""

    op: ops.Op
    before: int
    after: int
    removed: tuple[tuple[str, int], ...]
    shown: tuple[Example, ...]
    said: str = ""


@dataclass(frozen=True, slots=True)
class Carrier:
    """Carries recipes out on one train file."""

    train_file: Path
    model: RowModel | None = None

    def walk(self, recipe: ops.DataRecipe, pool: Pool) -> tuple[Pool, list[Step]]:
        """The pool after the last operator, and what each did. The one at position p draws from its own generator,
        seeded by (recipe.seed, p): changing one operator leaves the draws of the others alone."""
        steps = []
        for position, op in enumerate(recipe.ops):
            after, said = self._applied(op, pool, np.random.default_rng([recipe.seed, position]))
            steps.append(_step(op, pool, after, said))
            pool = after
        return pool, steps

    def _applied(self, op: ops.Op, pool: Pool, rng: np.random.Generator) -> tuple[Pool, str]:
        match op:
            case ops.Load():
                return _grown(pool, loaded(op, self.train_file.parent)), ""
            case ops.Generate():
                new = generated(op, pool.data, pool.rows, self.model, rng)
                grown = _grown(pool, new.data)
                # rensa is imported for the recipes that need it
                from trex_nb.train.operators.fresh import fresh  # noqa: PLC0415

                rows, said = fresh(grown.data, grown.rows, new, self.train_file)
                return Pool(grown.data, rows), said
            case _:
                return Pool(pool.data, self._kept(op, pool.data, pool.rows, rng)), ""

    def _kept(self, op: ops.Keeping, data: Dataset, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: C901, PLR0911
        match op:
            case ops.Dedup():
                return deduplicated(data, rows)
            case ops.NearDedup():
                # rensa is imported for the recipes that need it
                from trex_nb.train.operators.near import without_near_copies  # noqa: PLC0415

                return without_near_copies(op, data, rows)
            case ops.Decontaminate():
                return decontaminated(op, data, rows, self.train_file)
            case ops.Filter():
                return filtered(op, data, rows)
            case ops.Match():
                return matched(op, data, rows)
            case ops.Split():
                return split(op, data, rows, rng)
            case ops.Sample():
                return sampled(op, rows, rng)
            case ops.Balance():
                return balanced(op, data, rows, rng)
            case ops.Mix():
                return mixed(op, data, rows, rng)
            case ops.Judge():
                return judged(op, data, rows, self.model)
            case ops.Select():
                return selected(op, data, rows, self.model, rng)


def _grown(pool: Pool, more: Dataset) -> Pool:
    added = len(pool.data) + np.arange(len(more))
    return Pool(concatenate_datasets([pool.data, more]), np.concatenate([pool.rows, added]))


def _step(op: ops.Op, before: Pool, after: Pool, said: str) -> Step:
    gone = np.setdiff1d(before.rows, after.rows)
    by_slice = counted(before.data, gone)
    shown = examples_of(before.data, gone[:_SHOWN]) if isinstance(op, _WITH_A_REASON) else []
    return Step(op, len(before.rows), len(after.rows), tuple(by_slice.most_common()), tuple(shown), said)

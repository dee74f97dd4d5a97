"""A DataRecipe: which rows a run trains on, as data. Operators apply in order; equal recipes have equal hashes, so
runs that share a recipe share the prepared rows.

Operators act on prepared `Example`s (prompt, answer, slice). They are carried out in `trex_nb.train.data`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trex_nb.core.base import Frozen, content_hash


class Dedup(Frozen):
    """Keep the first of rows with equal prompt and answer."""

    op: Literal["dedup"] = "dedup"


class Filter(Frozen):
    """Keep rows whose `field` has between `min_chars` and `max_chars` characters."""

    op: Literal["filter"] = "filter"
    field: Literal["prompt", "answer"]
    min_chars: int = Field(0, ge=0)
    max_chars: int = Field(1_000_000, ge=1)


class Sample(Frozen):
    """Keep `n` rows drawn without replacement (all of them when there are fewer)."""

    op: Literal["sample"] = "sample"
    n: int = Field(ge=1)


class Balance(Frozen):
    """Resample so that a class of c rows has a share proportional to c^(1 - strength); the number of rows stays.

    0 leaves the data as it is, 1 makes classes equal. A class is an answer or a slice.
    """

    op: Literal["balance"] = "balance"
    by: Literal["answer", "slice"] = "answer"
    strength: float = Field(ge=0, le=1)


class SliceWeight(Frozen):
    """How often rows of a slice are drawn, relative to 1."""

    slice: str
    weight: float = Field(gt=0, le=20)


class Mix(Frozen):
    """Resample so that slices are drawn in proportion to rows times weight (unnamed slices weigh 1); the number of
    rows stays."""

    op: Literal["mix"] = "mix"
    weights: tuple[SliceWeight, ...] = Field(min_length=1)


Op = Annotated[Dedup | Filter | Sample | Balance | Mix, Field(discriminator="op")]


class DataRecipe(Frozen):
    """Operators applied in order to the study's train split, with the seed of every random draw."""

    ops: tuple[Op, ...] = ()
    seed: int = Field(0, ge=0)

    @property
    def hash(self) -> str:
        """Identity of the recipe: equal recipes give equal rows from equal data."""
        return content_hash(self)

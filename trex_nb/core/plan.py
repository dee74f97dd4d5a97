"""Plans and proposals: what a Researcher hands to a person.

A Plan is a hypothesis with the DataRecipe and the 1–5 TrainingConfigs that test it (TREX section 3: one round is
several parallel runs). A Proposal is the plans with the reason for them and the very context they came from.
"""

from __future__ import annotations

from pydantic import Field

from trex_nb.core.base import Frozen, content_hash
from trex_nb.core.ids import NodeId
from trex_nb.core.recipe import DataRecipe
from trex_nb.core.result import Start
from trex_nb.core.training import TrainingConfig


class Change(Frozen):
    """One difference from the parent's plan, in words fit for a person: field, before, after."""

    field: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.field}: {self.before} → {self.after}"


class Expectation(Frozen):
    """What the Researcher expects, said before the run so that it can be checked after it.

    `score` and `stderr` are the predicted search score and its standard deviation, None while nothing is known;
    `gain` is against the parent. `minutes` and `memory_mb` are for one run; four of five runs should end between
    `minutes_low` and `minutes_high`, None where nothing was said of it.
    """

    score: float | None = None
    stderr: float | None = Field(None, ge=0)
    gain: float | None = None
    minutes: float = Field(ge=0)
    minutes_low: float | None = Field(None, ge=0)
    minutes_high: float | None = Field(None, ge=0)
    memory_mb: float = Field(ge=0)
    risk: str = ""


class Plan(Frozen):
    """One experiment. `fidelity` is the share of the prepared rows that is used: 1 is a full run, less a probe. Its
    runs start from the base model, or from another run's weights (`start`) with a fresh optimiser and schedule."""

    title: str = Field(min_length=1, max_length=200)
    hypothesis: str = Field(min_length=1)
    recipe: DataRecipe
    configs: tuple[TrainingConfig, ...] = Field(min_length=1, max_length=5)
    fidelity: float = Field(1.0, gt=0, le=1)
    changes: tuple[Change, ...] = ()
    expected: Expectation
    start: Start | None = None

    @property
    def hash(self) -> str:
        """Identity of what would be run, whatever is said about it."""
        configs = [c.model_dump(mode="json") for c in self.configs]
        return content_hash(self.recipe, configs, self.fidelity, *([self.start] if self.start else []))


class Proposal(Frozen):
    """What a Researcher returns: plans for children of `parent`, why, the `context` text it saw, and `remarks` to
    the person (such as words it did not understand)."""

    parent: NodeId
    plans: tuple[Plan, ...]
    rationale: str
    context: str
    remarks: tuple[str, ...] = ()


def run_key(data: str, base: str, plan: Plan, config: TrainingConfig) -> str:
    """Content hash of one run of `plan`: equal keys mean equal data, base model, recipe, config (with its seed),
    fidelity and start, so the result of one serves for the other. `data` and `base` are content hashes."""
    start = [plan.start] if plan.start else []
    return content_hash(data, base, plan.recipe, config, plan.fidelity, *start)

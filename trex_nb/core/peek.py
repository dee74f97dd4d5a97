"""What a look into a live job brings back: plain data, so that a launcher can fetch it from another machine.

Everything here was said by a process that may run code an LLM wrote: texts are untrusted, and are cut to length.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from trex_nb.core.base import Frozen

MOST_CHARS = 2000
"""Characters that are shown of one value, at most."""

MOST_VALUES = 100
"""Values in one look, at most."""


def _cut(text: object) -> object:
    if not isinstance(text, str):
        return text
    short = text if len(text) <= MOST_CHARS else text[: MOST_CHARS - 1] + "…"
    return short.encode("utf-8", "replace").decode()  # half a surrogate pair could not be stored or shown


Text = Annotated[str, BeforeValidator(_cut)]


class PeekedValue(Frozen):
    """The value of an expression (or of the variable `name`) as text, with its type; or `error`, one line that says why
    there is none."""

    name: Text
    type: Text = ""
    text: Text = ""
    error: Text = ""


class PeekedTraining(Frozen):
    """Where a training stands: the newest known of each number, None for what is not known."""

    step: int
    total: int
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    seconds_per_step: float | None = None
    rows_per_second: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """What is left at the speed so far."""
        return None if self.seconds_per_step is None else self.seconds_per_step * (self.total - self.step)


class Peek(Frozen):
    """One look into a job's process: `memory_mb` is what it holds now, where the system tells, `gpu_memory_mb` of the
    GPU where it uses one; `training` is None while nothing is being trained. `values` are the expressions asked for, or
    the notebook's variables, of which `left_out` more were not told."""

    pid: int
    memory_mb: float | None = None
    gpu_memory_mb: float | None = None
    training: PeekedTraining | None = None
    values: tuple[PeekedValue, ...] = Field((), max_length=MOST_VALUES)
    left_out: int = 0

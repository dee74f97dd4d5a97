"""What goes between a study and the process that has rows written: an `Ask` on its stdin, `Said`s on its stdout."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from trex_nb.chat.purse import Allowance
from trex_nb.core.base import Frozen
from trex_nb.core.chat import CallRecord
from trex_nb.core.ids import NodeId
from trex_nb.core.recipe import DataRecipe
from trex_nb.core.result import Failure
from trex_nb.errors import ChatTrouble
from trex_nb.settings import Endpoint, ModelPrice


class Ask(Frozen):
    """Carry out `recipe` on `train_file` up to its last operator that asks a language model, and leave every answer in
    the file `answers`. `base` embeds (a folder or a hub id), `labels` are the only answers a row may have (any, where
    there are none), `allowance` is the most that may be used up. `replay` is a file of recorded calls that answers
    instead of the endpoint; in `rungs` it is kept what the endpoint can do. Paths are absolute."""

    recipe: DataRecipe
    train_file: str
    answers: str
    base: str
    labels: tuple[str, ...] = ()
    endpoint: Endpoint
    prices: dict[str, ModelPrice] = Field(default_factory=dict)
    allowance: Allowance = Allowance()
    rungs: str | None = None
    replay: str | None = None
    node: NodeId | None = None


class Called(Frozen):
    """The language model was asked."""

    kind: Literal["called"] = "called"
    record: CallRecord
    seconds: float


class Went(Frozen):
    """`done` of the `of` answers that the operator `op` needs are there."""

    kind: Literal["went"] = "went"
    op: Literal["generate", "judge"]
    done: int
    of: int


class Ended(Frozen):
    """The last line: all answers are there, or `failure` says why not, with `trouble` where nobody could be asked."""

    kind: Literal["ended"] = "ended"
    failure: Failure | None = None
    trouble: ChatTrouble | None = None


Said = Annotated[Called | Went | Ended, Field(discriminator="kind")]
said_adapter: TypeAdapter[Said] = TypeAdapter(Said)

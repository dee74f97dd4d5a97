"""What the browser may ask beside giving commands: each is answered once, and changes nothing."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trex_nb.core.base import Frozen
from trex_nb.core.commands import Command
from trex_nb.core.ids import NodeId, RunId


class All(Frozen):
    """The whole drawing: a patch was missed."""

    ask: Literal["all"] = "all"


class Details(Frozen):
    """Everything there is to know about some nodes."""

    ask: Literal["details"] = "details"
    nodes: tuple[NodeId, ...] = Field(min_length=1, max_length=20)


class Comparison(Frozen):
    """Two nodes side by side."""

    ask: Literal["comparison"] = "comparison"
    one: NodeId
    two: NodeId


class Weigh(Frozen):
    """What a command would come to."""

    ask: Literal["weigh"] = "weigh"
    command: Command


class Notebook(Frozen):
    """The executed notebook of a run."""

    ask: Literal["notebook"] = "notebook"
    run: RunId


AboutStudy = Details | Comparison | Weigh | Notebook
"""What a desk answers; the rest is the explorer's own."""

Question = Annotated[All | AboutStudy, Field(discriminator="ask")]


class Message(Frozen):
    """One message from the browser: a command or a question. A command that a person should be asked about once more
    is carried out only when it is `confirmed`. What an edit's fields hold is text, as it was typed."""

    id: str = Field(max_length=100)
    command: Command | None = None
    question: Question | None = None
    confirmed: bool = False

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.command is None) == (self.question is None):
            raise ValueError("a message is either a command or a question")
        return self

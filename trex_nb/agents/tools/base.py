"""What a research tool is: a description a model reads, a check of the arguments it wrote, and what was found.

A tool only reads. Its text is untrusted; the tool loop quotes it (`core.fence`), so no tool does that itself.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import ValidationError

from trex_nb.core.base import Frozen
from trex_nb.core.chat import Tool
from trex_nb.core.fence import visible
from trex_nb.core.plan import Source
from trex_nb.errors import TrexError

MOST_CHARS = 6_000
"""Of one answer, in a prompt."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool found: text for the prompt, and the sources a plan may rest on."""

    text: str
    sources: tuple[Source, ...] = ()


class Unavailable(TrexError):  # noqa: N818  (a state of the world, noted and gone on from)
    """A source cannot be asked now. `reason` is half a sentence."""

    def __init__(self, source: str, reason: str, hint: str) -> None:
        super().__init__(f"{source} was not consulted: {reason}.", hint)
        self.source = source
        self.reason = reason


class BadArguments(TrexError):  # noqa: N818  (a model's slip, told to the model)
    """A model called a tool in a way that it cannot be called, or asked it for what it must not give."""


class ResearchTool(Protocol):
    """What a model may call while it looks into things."""

    @property
    def described(self) -> Tool:
        """Name, description and schema of the arguments."""
        ...

    @property
    def is_lasting(self) -> bool:
        """Whether an answer of earlier serves again in the same study: of papers, but not of files."""
        ...

    async def run(self, arguments: str) -> Found:
        """Carry out a call with the arguments as a model wrote them. Raises `BadArguments` and `Unavailable`."""
        ...


Asked = TypeVar("Asked", bound=Frozen)


class TypedTool(ABC, Generic[Asked]):
    """A tool whose arguments are a pydantic model."""

    name: ClassVar[str]
    about: ClassVar[str]
    asks: type[Asked]
    is_lasting = True

    @property
    def described(self) -> Tool:
        """Name, description and schema."""
        return Tool(name=self.name, description=self.about, parameters=_untitled(self.asks.model_json_schema()))

    async def run(self, arguments: str) -> Found:
        """Check the arguments, then look."""
        return await self.look(checked(self.asks, arguments))

    @abstractmethod
    async def look(self, asked: Asked) -> Found:
        """What there is to find."""


def checked(kind: type[Asked], arguments: str) -> Asked:
    """The arguments as a model wrote them; raises `BadArguments` that says what to mend."""
    try:
        return kind.model_validate_json(arguments or "{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the arguments"
        wanted = ", ".join(kind.model_fields) or "none"
        raise BadArguments(f"{line(where, 80)}: {first['msg']}.", f"arguments: {wanted}") from error


def line(text: object, most: int = 200) -> str:
    """Text from outside on one line, without what no reader sees, cut short."""
    plain = " ".join(visible(str(text)[: 4 * most]).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def web_address(text: object) -> str:
    """A web address, or nothing where the text is none that may be shown as a link."""
    found = str(text or "")
    return found if len(found) <= 2000 and re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[!-;=?-~]*)?", found) else ""


def _untitled(schema: Any) -> Any:
    """A schema without the titles pydantic makes up."""
    if isinstance(schema, dict):
        return {k: _untitled(v) for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
    return [_untitled(v) for v in schema] if isinstance(schema, list) else schema

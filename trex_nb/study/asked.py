"""What a person asks by way of Python, as a command: names told apart, values checked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from trex_nb.core.base import Frozen
from trex_nb.core.ids import NodeId, RunId
from trex_nb.errors import CommandError

C = TypeVar("C", bound=Frozen)


def nodes_and_runs(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names of nodes ("n4") and of runs ("n4.2") as fields of a command."""
    return {
        "nodes": tuple(NodeId(n) for n in names if "." not in n),
        "runs": tuple(RunId(n) for n in names if "." in n),
    }


def made(kind: type[C], **fields: Any) -> C:
    """A command of the person's values; raises `CommandError` where they are out of range."""
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        raise CommandError(f"{where}{first['msg']}.", "another value") from error

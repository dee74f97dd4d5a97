"""Prompt files: short Markdown texts that ship with the package, with a version that is put on record with each call.

A file is plain text with `$name` where something is filled in (`$$` is a dollar sign). Its version is the hash of what
is in the file, so a changed prompt is another one, wherever it was changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

from trex_nb.core.base import content_hash


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file: its name and text."""

    name: str
    text: str

    @property
    def tag(self) -> str:
        """Name and version, as they are put on record: "plan.md@1a2b3c4d"."""
        return f"{self.name}@{content_hash(self.text)[:8]}"

    def filled(self, **fields: str) -> str:
        """The text with every `$name` filled in. Raises `KeyError` where one is missing."""
        return Template(self.text).substitute(fields).strip()


@cache
def prompt(name: str, package: str = "trex_nb.agents") -> Prompt:
    """The prompt file `name` in the folder `prompts` of a package of ours."""
    return Prompt(name, (files(package) / "prompts" / name).read_text(encoding="utf-8"))

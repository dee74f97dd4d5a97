"""Something to show: the same thing as text and as HTML. Notebooks show the HTML, terminals and tests the text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """Plain text and self-contained HTML (no scripts, no styles) of one thing."""

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html

"""Something to show: the same thing as text and as HTML. Notebooks show the HTML, terminals and tests the text."""

from __future__ import annotations

from dataclasses import dataclass

from trex_nb.report.html import said_html


@dataclass(frozen=True, slots=True)
class Page:
    """Plain text and self-contained HTML (no scripts, no styles) of one thing."""

    text: str
    html: str

    def with_note(self, note: str) -> Page:
        """The page with a note under it; itself when there is nothing to note."""
        return Page(f"{self.text}\n{note}", f"{self.html}\n{said_html(note)}") if note else self

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html

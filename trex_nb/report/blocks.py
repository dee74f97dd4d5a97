"""A document in six kinds of block. What is said is built once (`sections`); text, HTML and Markdown only draw it.

Texts in blocks are plain and untrusted: a renderer escapes every one of them.
"""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A title over the blocks that follow: level 2 a part of a report, 3 a node, 4 a section of one."""

    text: str
    level: int = 4


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; line ends in it are kept."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column headings; the first cell of a row names it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text whose spacing matters: a log, a config."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A complete SVG document, and the same in words."""

    svg: str
    alt: str

    @property
    def img(self) -> str:
        """As an HTML `<img>` that needs no file and no network."""
        data = base64.b64encode(self.svg.encode()).decode()
        alt = html.escape(" ".join(self.alt.split())).replace("$", "&#36;")
        return f'<img src="data:image/svg+xml;base64,{data}" alt="{alt}" style="max-width:100%">'


Block = Heading | Paragraph | Bullets | Table | Verbatim | Picture

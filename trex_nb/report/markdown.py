"""The report as Markdown, for the cells of a frozen notebook: plain headings, lists and pipe tables, which GitHub,
JupyterLab, nbviewer and VS Code all draw.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from trex_nb.core.markdown import escape, paragraph
from trex_nb.report.blocks import Block, Bullets, Heading, Paragraph, Picture, Table, Verbatim

_UNBROKEN = 14
_AFTER_NUMBER = re.compile(r"(?<=[^a-zA-Z,;:]) ")


def render_markdown(blocks: Iterable[Block]) -> str:
    """Blocks as Markdown, an empty line between them."""
    return "\n\n".join(map(_draw, blocks))


def _draw(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {escape(text)}"
        case Paragraph(text):
            return paragraph(text)
        case Bullets(items):
            return "\n".join(f"- {paragraph(item)}" for item in items)
        case Picture():
            return block.img
        case Verbatim(text):
            return _fenced(text)
        case Table(columns, rows):
            rule = " | ".join("---" for _ in columns)
            lines = [" | ".join(_cell(cell) for cell in row) for row in (columns, *rows)]
            return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))


def _cell(text: str) -> str:
    """A short cell ("0.835 ± 0.019", "≈ 21 s", "● succeeded") does not break after a number or sign."""
    return escape(_AFTER_NUMBER.sub("\u00a0", text) if len(text) <= _UNBROKEN else text)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"

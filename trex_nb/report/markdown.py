"""The report as Markdown, for the cells of a frozen notebook: plain headings, lists and pipe tables, which GitHub,
JupyterLab, nbviewer and VS Code all draw.

Every character of a text that Markdown or MathJax could take for its own is written as an entity; at the start of a
line a word joiner (no width) stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from trex_nb.report.blocks import Block, Bullets, Heading, Paragraph, Picture, Table, Verbatim

_SPECIAL = str.maketrans({c: f"&#{ord(c)};" for c in "&<>*_[]|~`@"} | {c: f"<span>&#{ord(c)};</span>" for c in "$\\"})
_UNBROKEN = 14
_AFTER_NUMBER = re.compile(r"(?<=[^a-zA-Z,;:]) ")
_LINK = re.compile(r"://|www\.", re.IGNORECASE)
_BLOCK_START = re.compile(r"^[ \t]*([-+=#]|\d+(?=[.)]))?", re.MULTILINE)


def escape(text: str) -> str:
    """`text` as Markdown that shows just this text within a line; line ends become breaks."""
    plain = _LINK.sub(lambda found: found[0].replace(":", "&#58;").replace(".", "&#46;"), text.translate(_SPECIAL))
    return "<br>".join(plain.splitlines())


def _paragraph(text: str) -> str:
    """`text` where a block could begin: nothing at the start of a line reads as a list, a heading or code."""
    return escape(_BLOCK_START.sub(lambda found: f"\u2060{found[1]}" if found[1] else "", text))


def render_markdown(blocks: Iterable[Block]) -> str:
    """Blocks as Markdown, an empty line between them."""
    return "\n\n".join(map(_draw, blocks))


def _draw(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {escape(text)}"
        case Paragraph(text):
            return _paragraph(text)
        case Bullets(items):
            return "\n".join(f"- {_paragraph(item)}" for item in items)
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

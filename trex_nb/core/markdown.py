"""Any text as Markdown that shows just this text: for cells of notebooks, where JupyterLab, GitHub, nbviewer and
VS Code draw what models and data said.

Every character that Markdown or MathJax could take for its own is written as an entity; at the start of a line a word
joiner (no width) stands before it. Pure.
"""

from __future__ import annotations

import re

_SPECIAL = str.maketrans({c: f"&#{ord(c)};" for c in "&<>*_[]|~`@"} | {c: f"<span>&#{ord(c)};</span>" for c in "$\\"})
_LINK = re.compile(r"://|www\.", re.IGNORECASE)
_BLOCK_START = re.compile(r"^[ \t]*([-+=#]|\d+(?=[.)]))?", re.MULTILINE)


def escape(text: str) -> str:
    """`text` as Markdown that shows just this text within a line; line ends become breaks."""
    plain = _LINK.sub(lambda found: found[0].replace(":", "&#58;").replace(".", "&#46;"), text.translate(_SPECIAL))
    return "<br>".join(plain.splitlines())


def paragraph(text: str) -> str:
    """`text` where a block could begin: nothing at the start of a line reads as a list, a heading or code."""
    return escape(_BLOCK_START.sub(lambda found: f"\u2060{found[1]}" if found[1] else "", text))

"""Completion of `%trex`: subcommands, options, node ids. Never raises, never touches disk or network."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

_LINE = re.compile(r"(?:^|=|\n)\s*%%?trex[ \t]+(?P<rest>[^\n]*)$")
_NO_NODES = ("start", "run", "auto", "pause", "resume", "budget", "status", "tree", "best", "report", "doctor", "debug")


def candidates(text: str, nodes: Callable[[], list[str]]) -> list[str] | None:
    """What may follow `text`, or None when it is not a `%trex` line. `text` ends at the cursor."""
    match = _LINE.search(text)
    if match is None:
        return None
    from trex_nb.magics.grammar import PARSERS  # noqa: PLC0415  (keeps %load_ext light)

    words = match["rest"].split(" ")
    last = words[-1]
    if len(words) == 1 or words[0] == "help":
        return [n for n in PARSERS if n.startswith(last)]
    parser = PARSERS.get(words[0])
    if parser is None:
        return []
    if last.startswith("-"):
        options = [o for a in parser._actions for o in a.option_strings]  # noqa: SLF001  (argparse has no public list)
        return [o for o in options if o.startswith(last)]
    return [] if words[0] in _NO_NODES else [n for n in nodes() if n.startswith(last)]


def matcher(nodes: Callable[[], list[str]]) -> Any:
    """A version-2 matcher for IPython's completer."""

    @context_matcher()
    def trex_matcher(context: Any) -> Any:
        before = context.full_text[: _offset(context)]
        found = candidates(before, nodes)
        if found is None:
            return {"completions": [], "suppress": False}
        fragment = re.split(r"[ \n]", before)[-1]
        completions = [SimpleCompletion(text=f, type="trex") for f in found]
        return {"completions": completions, "suppress": True, "matched_fragment": fragment}

    return trex_matcher


def _offset(context: Any) -> int:
    lines = context.full_text.split("\n")
    return sum(len(line) + 1 for line in lines[: context.cursor_line]) + int(context.cursor_position)

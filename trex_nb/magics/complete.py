"""Completion of `%trex`: subcommands, options, nodes, runs, things to start. Never raises, never uses a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

_LINE = re.compile(r"(?:^|=|\n)\s*%%?trex[ \t]+(?P<rest>[^\n]*)$")
_NODES = ("node", "nodes", "other", "--under", "what")
_WITH_RUNS = ("attach", "peek", "redirect", "resume", "stop")

Names = Callable[[], list[str]]


def candidates(text: str, nodes: Names, tasks: Names = list, runs: Names = list) -> list[str] | None:
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
    actions = parser._actions  # noqa: SLF001  (argparse has no public list)
    options = [o for a in actions for o in a.option_strings if o.startswith(last)]
    if last.startswith("-"):
        return options
    places = [words[-2], *(a.dest for a in actions if not a.option_strings)]
    found = nodes() if any(p in _NODES for p in places) else tasks() if words[0] == "start" else []
    found = found + runs() if words[0] in _WITH_RUNS else found
    # with nothing to say, say the options: IPython would list every magic there is
    return [n for n in found if n.startswith(last)] or options


def matcher(nodes: Names, tasks: Names, runs: Names) -> Any:
    """A version-2 matcher for IPython's completer."""

    @context_matcher()
    def trex_matcher(context: Any) -> Any:
        before = context.full_text[: _offset(context)]
        found = candidates(before, nodes, tasks, runs)
        if found is None:
            return {"completions": [], "suppress": False}
        fragment = re.split(r"[ \n]", before)[-1]
        completions = [SimpleCompletion(text=f, type="trex") for f in found]
        return {"completions": completions, "suppress": True, "matched_fragment": fragment}

    return trex_matcher


def _offset(context: Any) -> int:
    lines = context.full_text.split("\n")
    return sum(len(line) + 1 for line in lines[: context.cursor_line]) + int(context.cursor_position)

"""Looking into the live jobs of a node or a run, all at once, through whatever launched them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from trex_nb.core.node import Run
from trex_nb.core.peek import Peek
from trex_nb.core.protocols import Job, Peekable
from trex_nb.errors import CommandError
from trex_nb.report.html import render_html
from trex_nb.report.peek import peek_section, unseen_section
from trex_nb.report.text import render_text
from trex_nb.search.tree import Tree
from trex_nb.study.live import live_runs
from trex_nb.study.page import Page

FindJob = Callable[[str], Coroutine[Any, Any, Job | None]]


async def looked(tree: Tree, name: str, expressions: Sequence[str], find: FindJob) -> Page:
    """A page with each live run of `name`; `find` gives the job in a run's folder. Raises `CommandError` where no run
    can be looked into."""
    runs = live_runs(tree, name)
    looks = await asyncio.gather(*(_look(r, expressions, find) for r in runs))
    if all(isinstance(seen, CommandError) for seen in looks):
        raise next(seen for seen in looks if isinstance(seen, CommandError))
    blocks = [
        block
        for run, seen in zip(runs, looks, strict=True)
        for block in (
            unseen_section(run.id, seen.what, seen.hint)
            if isinstance(seen, CommandError)
            else peek_section(run.id, seen, is_listed=not expressions)
        )
    ]
    return Page(render_text(blocks), render_html(blocks))


async def _look(run: Run, expressions: Sequence[str], find: FindJob) -> Peek | CommandError:
    job = await find(run.folder)
    if job is None:
        return CommandError(f"{run.id} was not started yet.", f"%trex peek {run.id} again in a second")
    if not isinstance(job, Peekable):
        return CommandError(f"{run.id} cannot be looked into: its launcher cannot do that.", f"%trex logs {run.id}")
    try:
        return await job.peek(tuple(expressions))
    except CommandError as error:
        return error

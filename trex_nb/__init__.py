"""trex_nb: a research assistant that lives in a notebook.

    %load_ext trex_nb          # then %trex help
    study = trex_nb.start("tiny-intent")

Importing this package is light: no torch, and nothing of the training stack, ever comes into the notebook's process.
Public names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from trex_nb.core.task import Budget, EmbeddedTask, Splits, Task
    from trex_nb.errors import TrexError
    from trex_nb.settings import Settings
    from trex_nb.study.requirements import task_of
    from trex_nb.study.start import start
    from trex_nb.study.study import Study
    from trex_nb.widget.live import explorer_of

__version__ = "0.1.0"

__all__ = [
    "Budget",
    "EmbeddedTask",
    "Settings",
    "Splits",
    "Study",
    "Task",
    "TrexError",
    "explorer_of",
    "start",
    "task_of",
]

_HOMES = {
    "Budget": "trex_nb.core.task",
    "EmbeddedTask": "trex_nb.core.task",
    "Settings": "trex_nb.settings",
    "Splits": "trex_nb.core.task",
    "Study": "trex_nb.study.study",
    "Task": "trex_nb.core.task",
    "TrexError": "trex_nb.errors",
    "explorer_of": "trex_nb.widget.live",
    "start": "trex_nb.study.start",
    "task_of": "trex_nb.study.requirements",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'trex_nb' has no attribute {name!r}")
    import importlib  # noqa: PLC0415  (only when a name is first used)

    return getattr(importlib.import_module(_HOMES[name]), name)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """`%load_ext trex_nb`: register `%trex` and `%%trex`."""
    from trex_nb.magics import register  # noqa: PLC0415  (light, but of no use outside IPython)

    register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """`%unload_ext trex_nb`: let go of the open study; its jobs run on."""
    from trex_nb.magics import unregister  # noqa: PLC0415

    unregister(shell)

"""The notebook's face: `%trex` and `%%trex`. Registering is light; the rest is imported at the first use."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from trex_nb.magics.session import Session

_SESSIONS: dict[int, Session] = {}
_MATCHERS: dict[int, Any] = {}
_QUESTION = re.compile(r"%trex\s+((?:ask|note|redirect)\s.*\?)\s*")


def register(shell: InteractiveShell) -> None:
    """Register the magics and their completion with an IPython shell; a second time changes nothing."""

    def trex(line: str, cell: str | None = None) -> object:
        return _session(shell).call(line, cell)

    if id(shell) in _SESSIONS or "trex" in shell.magics_manager.magics["line"]:
        return
    trex.__doc__ = "Steer a tree of fine-tuning experiments: `%trex help` lists the subcommands."
    trex._ipython_magic_no_var_expand = True  # type: ignore[attr-defined]  # noqa: SLF001  (IPython's own switch)
    shell.magics_manager.register_function(trex, magic_kind="line_cell", magic_name="trex")
    shell.input_transformers_cleanup.append(keep_question_marks)
    _register_completion(shell)


def keep_question_marks(lines: list[str]) -> list[str]:
    """A line of words for `%trex` that ends in a question mark is no request for help, as IPython would take it."""
    return [f"get_ipython().run_line_magic('trex', {m[1]!r})\n" if (m := _QUESTION.fullmatch(x)) else x for x in lines]


def unregister(shell: InteractiveShell) -> None:
    """Close the open study, if any, and take the magics away."""
    session = _SESSIONS.pop(id(shell), None)
    if session is not None:
        session.close()
    if keep_question_marks in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(keep_question_marks)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("trex", None)
    if id(shell) in _MATCHERS:
        shell.Completer.custom_matchers.remove(_MATCHERS.pop(id(shell)))


def _session(shell: InteractiveShell) -> Session:
    if id(shell) not in _SESSIONS:
        from trex_nb.magics.session import Session  # noqa: PLC0415  (heavy: pydantic, ipywidgets)

        _SESSIONS[id(shell)] = Session(shell)
    return _SESSIONS[id(shell)]


def _register_completion(shell: InteractiveShell) -> None:
    completer = getattr(shell, "Completer", None)
    if completer is None:
        return
    from trex_nb.magics.complete import matcher  # noqa: PLC0415

    def nodes() -> list[str]:
        session = _SESSIONS.get(id(shell))
        return session.node_ids() if session else []

    def runs() -> list[str]:
        session = _SESSIONS.get(id(shell))
        return session.run_ids() if session else []

    _MATCHERS[id(shell)] = matcher(nodes, _startable, runs)
    completer.custom_matchers.append(_MATCHERS[id(shell)])


def _startable() -> list[str]:
    """What `%trex start` can take here: embedded tasks, studies, task files."""
    from importlib.metadata import entry_points  # noqa: PLC0415

    from trex_nb.errors import SettingsError  # noqa: PLC0415
    from trex_nb.settings import Settings  # noqa: PLC0415
    from trex_nb.store.artifacts import studies_in  # noqa: PLC0415

    names = [e.name for e in entry_points(group="trex_nb.tasks")]
    with suppress(OSError, SettingsError):  # a broken trex.toml is told by commands
        names += studies_in(Settings.from_environment().root)
        names += [p.name for p in Path().iterdir() if p.suffix in (".yaml", ".yml")]
    return sorted(set(names))

"""The tree explorer as an anywidget: shows a view model, turns clicks into commands, answers every one of them.

In:   {"id": "...", "command": {"do": "approve", "nodes": ["n1"]}}
Out:  {"id": "...", "ok": true, "text": "approved n1"}      the same id, always an answer

A message may be handled on any thread, and Jupyter shows nobody an exception raised there. So the handler only hands
the command on, and whatever goes wrong becomes an answer. The answer is sent from the thread that did the work.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from pydantic import ValidationError

from trex_nb.core.commands import Command, command_adapter
from trex_nb.errors import TrexError
from trex_nb.report.words import clean
from trex_nb.search.tree import Tree
from trex_nb.widget.view import view

STATIC = Path(__file__).parent / "static"

Send = Callable[[Command], "Future[str]"]
"""Takes a command at once; the future's text says what was done, a `TrexError` in it why not."""


class Explorer(anywidget.AnyWidget):  # type: ignore[misc]
    """A live view of one study. Without `send` it is read-only."""

    _esm = STATIC / "explorer.js"
    _css = STATIC / "explorer.css"

    view = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    read_only = traitlets.Bool().tag(sync=True)

    def __init__(self, tree: Tree, send: Send | None = None) -> None:
        super().__init__(view=view(tree).wire, read_only=send is None)
        self._deliver = send
        self.on_msg(_receive)

    def show(self, tree: Tree) -> None:
        """Show `tree`; from any thread. Holding back when trees come fast is the caller's part."""
        self.view = view(tree).wire

    def show_error(self, text: str) -> None:
        """Show `text` over the tree until it is replaced; "" takes it away."""
        self.error = clean(text)

    def receive(self, content: object) -> None:
        """Handle one message from the browser; never raises."""
        ident = content.get("id") if isinstance(content, dict) else None
        try:
            self._accept(content, lambda future: self._answer_with(ident, future))
        except ValidationError as error:
            self._answer(ident, ok=False, text=f"That is not a command: {_first_problem(error)}")
        except TrexError as error:
            self._answer(ident, ok=False, text=_two_lines(error))
        except Exception as error:  # noqa: BLE001  (nobody sees what a comm handler raises: it is stated in the answer)
            self._answer(ident, ok=False, text=_unforeseen(error))

    def _accept(self, content: object, when_done: Callable[[Future[str]], None]) -> None:
        command = command_adapter.validate_python(content.get("command") if isinstance(content, dict) else None)
        if self._deliver is None:
            raise TrexError("This is a read-only copy.", "open the study with %trex start and decide there")
        self._deliver(command).add_done_callback(when_done)

    def _answer_with(self, ident: object, future: Future[str]) -> None:
        if future.cancelled():
            self._answer(ident, ok=False, text="The study was closed before it came to this.")
            return
        match future.exception():
            case None:
                self._answer(ident, ok=True, text=future.result())
            case TrexError() as error:
                self._answer(ident, ok=False, text=_two_lines(error))
            case error:
                self._answer(ident, ok=False, text=_unforeseen(error))

    def _answer(self, ident: object, *, ok: bool, text: str) -> None:
        self.send({"id": ident if isinstance(ident, str) else None, "ok": ok, "text": clean(text)})

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live view with one line beside it for hosts that cannot show it."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        line = f"trex_nb explorer of {self.view['study']}: see the static copy beside it, or %trex tree"
        return {**data, "text/plain": line, "text/html": f"<p>{escape(line)}</p>"}, metadata


def _receive(explorer: Explorer, content: object, _buffers: object) -> None:
    explorer.receive(content)


def _two_lines(error: TrexError) -> str:
    return f"{error.what} — {error.hint}"


def _unforeseen(error: BaseException) -> str:
    return f"{type(error).__name__}: {error} — a fault in trex_nb; %trex debug has the trace"


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]

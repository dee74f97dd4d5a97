"""The tree explorer as an anywidget: shows a tree, turns clicks into commands, answers every message.

In:   {"id": "…", "command": {"do": "approve", "nodes": ["n1"]}, "confirmed": true}
      {"id": "…", "question": {"ask": "details", "nodes": ["n1"]}}
Out:  {"id": "…", "ok": true, "text": "Approved n1.", "code": "%trex approve n1"}    the same id, always one answer
      {"id": "…", "ok": true, "text": "", "asks": "Would approve n1, n2: …"}         nothing was done: confirm it
      {"id": "…", "ok": true, "text": "", "answer": {…}}
      {"patch": {"revision": 7, "rows": […], "places": […]}}   the rows that changed since revision 6

The whole drawing is the trait `tree`. It is kept current, so that a page that comes (again) gets it, but it is not sent
when it changes: pages that are there get patches, and ask for all of it when they find that they missed one.

A message may be handled on any thread, and Jupyter shows nobody an exception raised there. So commands are only handed
on, questions (which may read files) go to a thread of their own, and whatever goes wrong becomes an answer.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from html import escape
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import anywidget
import traitlets
from pydantic import ValidationError

from trex_nb.core.commands import Command
from trex_nb.errors import TrexError
from trex_nb.report.words import clean
from trex_nb.search.tree import Tree
from trex_nb.study.spelling import spelled
from trex_nb.widget.forms import forms
from trex_nb.widget.questions import AboutStudy, All, Message, Question
from trex_nb.widget.view import Drawn, Wire, drawn, view

STATIC = Path(__file__).parent / "static"
_QUESTIONS = ThreadPoolExecutor(1, "trex questions")  # one thread for all explorers, made for the first question


class Desk(Protocol):
    """Who takes what the browser says. Every method may raise a `TrexError`."""

    def send(self, command: Command) -> Future[str]:
        """Take a command at once; the future's text says what was done, a `TrexError` in it why not."""

    def asks(self, command: Command) -> str:
        """What a command would come to, if a person should be asked once more before it; or an empty string."""

    def answer(self, question: AboutStudy) -> Wire:
        """Answer a question; may take a while."""


class Explorer(anywidget.AnyWidget):  # type: ignore[misc]
    """A live view of one study. Without a `desk` it is read-only. `trace` is that of the last fault of ours, if any."""

    _esm = STATIC / "explorer.js"
    _css = STATIC / "explorer.css"

    view = traitlets.Dict().tag(sync=True)
    tree = traitlets.Dict().tag(sync=True)
    forms = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    read_only = traitlets.Bool().tag(sync=True)

    def __init__(self, tree: Tree, desk: Desk | None = None) -> None:
        self.desk = desk
        self.trace = ""
        self._drawing = drawn(tree)
        self._showing = Lock()
        super().__init__(
            view=view(tree, self._drawing.revision).wire, tree=self._drawing.wire, forms=forms(), read_only=desk is None
        )
        self.on_msg(_receive)
        _forget_route(self.comm)

    def show(self, tree: Tree, thinking: str = "") -> None:
        """Show `tree`, and what is being thought; from any thread. Holding back when trees come fast is the caller's
        part."""
        with self._showing:
            fresh = drawn(tree, self._drawing)
            if fresh.changed:
                self._draw(fresh)
            self.view = view(tree, fresh.revision, thinking).wire

    def show_error(self, text: str) -> None:
        """Show `text` over the tree until it is replaced; "" takes it away."""
        self.error = clean(text)

    def receive(self, content: object) -> None:
        """Handle one message from the browser; never raises."""
        ident = content.get("id") if isinstance(content, dict) else None
        self._guarded(ident, lambda: self._accept(Message.model_validate(content)))

    def _draw(self, fresh: Drawn) -> None:
        self._drawing = fresh
        self.tree = fresh.wire
        self.send({"patch": fresh.patch})

    def _send(self, msg: Any, buffers: Any = None) -> None:
        super()._send(msg, buffers)
        _forget_route(self.comm)

    def _should_send_property(self, key: str, value: Any) -> bool:
        return key != "tree" and super()._should_send_property(key, value)

    def _accept(self, message: Message) -> None:
        if message.question is not None:
            question = message.question
            _QUESTIONS.submit(self._guarded, message.id, lambda: self._look(message.id, question))
        elif message.command is not None:
            told, ident = {"code": spelled(message.command)}, message.id
            self._guarded(ident, lambda: self._take(message, told), **told)

    def _take(self, message: Message, told: Wire) -> None:
        ident, command = message.id, message.command
        assert command is not None
        if self.desk is None or self.read_only:
            raise TrexError("This is a read-only copy.", "open the study with %trex start and decide there")
        asks = "" if message.confirmed else self.desk.asks(command)
        if asks:
            self._answer(ident, asks=clean(asks), **told)
        else:
            self.desk.send(command).add_done_callback(lambda done: self._answer_with(ident, done, told))

    def _look(self, ident: str, question: Question) -> None:
        if isinstance(question, All):
            self._answer(ident, answer=self._drawing.wire)
        elif self.desk is None:
            raise TrexError("This is a read-only copy.", "open the study with %trex start and look there")
        else:
            self._answer(ident, answer=self.desk.answer(question))

    def _guarded(self, ident: object, work: Callable[[], None], **told: Any) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  (nobody sees what is raised here: it is stated in the answer)
            self._answer(ident, ok=False, text=self._said(error), **told)

    def _answer_with(self, ident: str, future: Future[str], told: Wire) -> None:
        if future.cancelled():
            self._answer(ident, ok=False, text="The study was closed before it came to this.", **told)
        elif error := future.exception():
            self._answer(ident, ok=False, text=self._said(error), **told)
        else:
            self._answer(ident, text=future.result(), **told)

    def _said(self, error: BaseException) -> str:
        """What went wrong, for the person; a fault of ours is kept for `%trex debug`."""
        if isinstance(error, TrexError):
            return f"{error.what} — {error.hint}"
        if isinstance(error, ValidationError):
            return f"{_first_problem(error)} — another value"
        self.trace = "".join(traceback.format_exception(error))
        return f"{type(error).__name__}: {error} — a fault in trex_nb; %trex debug has the trace"

    def _answer(self, ident: object, *, ok: bool = True, text: str = "", **more: Any) -> None:
        self.send({"id": clean(ident) if isinstance(ident, str) else None, "ok": ok, "text": clean(text), **more})

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live view with one line beside it for hosts that cannot show it."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        line = f"trex_nb explorer of {self.view['study']}: see the static copy beside it, or %trex tree"
        return {**data, "text/plain": line, "text/html": f"<p>{escape(line)}</p>"}, metadata


def _receive(explorer: Explorer, content: object, _buffers: object) -> None:
    explorer.receive(content)


def _forget_route(comm: object) -> None:
    """Ipykernel 7.4 hands what a page says to the subshell in whose name the comm last published, not to the one that
    the page asked for. That one may be busy with a cell; or it went with a tab that was closed, and then every click is
    lost. Where nothing is remembered the page's own subshell is asked, which is free while a cell runs."""
    if comm is not None:
        remembered = getattr(comm, "__dict__", {})
        remembered.pop("_reply_subshell_id", None)
        remembered.get("_reply_subshell_ids", {}).clear()


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = [str(part) for part in first["loc"]][-1:]
    return ": ".join([*where, first["msg"]])

"""Real kernels for tests of the magics: a cell goes in, what a person would see comes out. No port is opened."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupyter_client
import nbformat
from nbclient import NotebookClient

PATIENCE = 120
"""Seconds after which a silent kernel is a failure; a busy machine is slow, not broken."""

QUIET = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TREX_JOBS": "2"}


@dataclass
class Seen:
    """What one cell showed: each output's plain text, the HTML beside it, streams, and an error's lines."""

    status: str = ""
    texts: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    printed: str = ""
    error: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All plain text, in order."""
        return "\n".join([*self.texts, self.printed])

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """Add one message (or output of a notebook file)."""
        if kind in ("display_data", "execute_result"):
            self.texts.append(content["data"].get("text/plain", ""))
            self.pages.append(content["data"].get("text/html", ""))
        elif kind == "stream":
            self.printed += content["text"]
        elif kind == "error":
            self.error = list(content["traceback"])


class Kernel:
    """A live kernel and its client."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._client = manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)

    def run(self, code: str) -> Seen:
        """Run a cell to its end."""
        seen = Seen()
        reply = self._client.execute_interactive(
            code, timeout=PATIENCE, output_hook=lambda m: seen.take(m["msg_type"], m["content"])
        )
        seen.status = reply["content"]["status"]
        return seen

    def value(self, expression: str) -> Any:
        """The value of an expression of plain literals."""
        reply = self._client.execute_interactive(
            "", user_expressions={"it": expression}, timeout=PATIENCE, output_hook=lambda _: None
        )
        answer = reply["content"]["user_expressions"]["it"]
        assert answer["status"] == "ok", answer
        return eval(answer["data"]["text/plain"], {})

    def complete(self, code: str) -> list[str]:
        """What Tab offers at the end of `code`."""
        return list(self._client.complete(code, reply=True, timeout=PATIENCE)["content"]["matches"])

    def kill(self) -> None:
        """As `kill -9` would."""
        self._manager.signal_kernel(signal.SIGKILL)

    def close(self) -> None:
        """Let the client go."""
        self._client.stop_channels()


@contextmanager
def kernel_in(folder: Path) -> Iterator[Kernel]:
    """A fresh kernel whose working directory is `folder`."""
    with _manager(jupyter_client.KernelManager) as manager:
        manager.start_kernel(cwd=str(folder), env=_environment())
        kernel = Kernel(manager)
        try:
            yield kernel
        finally:
            kernel.close()
            manager.shutdown_kernel(now=True)


def execute(cells: list[str], folder: Path, *, allow_errors: bool = False) -> list[Seen]:
    """Run a notebook of `cells` from top to bottom in a kernel of its own, as "Run All" does; outputs per cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    with _manager(jupyter_client.AsyncKernelManager) as manager:
        client = NotebookClient(
            notebook, km=manager, timeout=PATIENCE, allow_errors=allow_errors, store_widget_state=False,
            resources={"metadata": {"path": str(folder)}},
        )  # fmt: skip
        client.execute(cleanup_kc=True, env=_environment())  # nbclient leaves a manager it was given alone
    return [seen_in(cell) for cell in notebook.cells]


def seen_in(cell: Any) -> Seen:
    """What an executed cell of a notebook file shows."""
    seen = Seen()
    for output in cell.outputs:
        seen.take(output["output_type"], output)
    return seen


@contextmanager
def _manager(kind: Any) -> Iterator[Any]:
    sockets = tempfile.mkdtemp(prefix="trex-")  # a unix socket's path is short, pytest's folders are long
    try:
        yield kind(kernel_name="python3", transport="ipc", ip=f"{sockets}/k")
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("TREX_", "JPY_"))} | QUIET

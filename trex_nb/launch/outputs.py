"""Executing a notebook's cells while keeping its outputs small and listening to what they state."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from nbclient import NotebookClient
from nbformat.v4 import new_output

from trex_nb.launch.account import MIMES

HEAD = TAIL = 100_000
"""Characters of a cell's printed text that are kept, from its beginning and its end."""
MOST_DISPLAYS = 500
"""Displays kept in one cell; statements to the launcher are always kept."""

STARTUP, BACKLOG = 300, 120
"""Seconds a kernel has to come up (Python may have to be read over a slow network), and that a cell's displays may
still be on their way after its end."""

READY_POLL = 0.005
"""Seconds between two looks whether the kernel has answered; each takes a few microseconds."""


class CappedText:
    """Text of any length in bounded memory: its head, its tail, and a line that says how much is left out."""

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._room, self._tail_size = head, tail
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._kept = self._dropped = 0

    def add(self, text: str) -> None:
        """Append `text`."""
        if self._room > 0:
            self._head.append(text[: self._room])
            text, self._room = text[self._room :], self._room - len(text)
        if text:
            self._tail.append(text)
            self._kept += len(text)
            self._shrink()

    def _shrink(self) -> None:
        while self._kept - len(self._tail[0]) >= self._tail_size:
            self._drop(len(self._tail.popleft()))
        surplus = self._kept - self._tail_size
        if surplus > self._tail_size:  # one huge chunk: copying it is worth it only now and then
            self._tail[0] = self._tail[0][surplus:]
            self._drop(surplus)

    def _drop(self, count: int) -> None:
        self._kept -= count
        self._dropped += count

    def __str__(self) -> str:
        tail = "".join(self._tail)
        surplus = max(0, len(tail) - self._tail_size)
        left_out = self._dropped + surplus
        gap = f"\n… {left_out} characters left out …\n" if left_out else ""
        return "".join(self._head) + gap + tail[surplus:]


class CellRunner(NotebookClient):  # type: ignore[misc]  # nbclient's types do not pass strict checks
    """An nbclient that tells `displayed` of every display and caps what cells print."""

    def __init__(self, notebook: Any, manager: Any, displayed: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(
            notebook, km=manager, timeout=None, startup_timeout=STARTUP, iopub_timeout=BACKLOG,
            store_widget_state=False, coalesce_streams=True, on_cell_executed=lambda **_: self.settle(),
        )  # fmt: skip
        self._displayed = displayed
        self.running: Any = None  # the cell that was begun last
        self._streams: list[tuple[Any, CappedText]] = []
        self.reset_execution_trackers()

    async def connect(self) -> None:
        """Connect to the kernel that the manager started. Raises `RuntimeError` when it dies or takes too long.

        nbclient's own way then waits another 0.2 s for displays of nobody's cell; a subscription is known to be there
        by its first message, which ipykernel sends as a welcome.
        """
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.allow_stdin = False
        deadline = time.monotonic() + STARTUP
        self.kc.kernel_info()
        while not (await self.kc.shell_channel.msg_ready() and await self.kc.iopub_channel.msg_ready()):
            if not await self.km.is_alive():
                raise RuntimeError("Kernel died before it answered")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel did not answer in {STARTUP} seconds")
            await asyncio.sleep(READY_POLL)
        await self.kc.shell_channel.get_msg()

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Listen to displays on their way into the notebook."""
        if msg["msg_type"] in {"display_data", "update_display_data"}:
            self._displayed(msg["content"]["data"])
        return super().process_message(msg, cell, cell_index)

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Keep an output, unless the cell says too much; printed text goes through `CappedText`."""
        if msg["msg_type"] == "stream" and not self.clear_before_next_output:
            return self._print(outs, msg["content"]["name"], msg["content"]["text"])
        if len(outs) >= MOST_DISPLAYS and msg["msg_type"] == "display_data" and not _is_statement(msg):
            return None
        return super().output(outs, msg, display_id, cell_index)

    def settle(self) -> None:
        """Put the printed text of the running cell into its outputs."""
        for node, text in self._streams:
            node.text = str(text)

    async def run(self, index: int) -> None:
        """Execute the cell at `index`. Raises nbclient's errors."""
        self._streams.clear()
        self.running = self.nb.cells[index]
        await self.async_execute_cell(self.running, index, execution_count=self.code_cells_executed + 1)
        self._streams.clear()

    def _print(self, outs: list[Any], name: str, text: str) -> Any:
        for node, capped in self._streams:
            if node.name == name and any(node is out for out in outs):
                capped.add(text)
                return node
        node, capped = new_output("stream", name=name, text=""), CappedText()
        capped.add(text)
        self._streams.append((node, capped))
        outs.append(node)
        return node


def _is_statement(message: Mapping[str, Any]) -> bool:
    return any(mime in message["content"]["data"] for mime in MIMES)

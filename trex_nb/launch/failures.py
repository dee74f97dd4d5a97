"""The failures a launcher itself states, and the text that goes with them. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import Any

from trex_nb.core.job import WRITTEN
from trex_nb.core.result import Failure

LOG_CHARS = 4000
_MESSAGE_CHARS = 500
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")

CANCELLED = Failure(stage="infra", kind="stopped", message="The job was cancelled.")
STOPPED_EARLY = Failure(stage="infra", kind="stopped", message="The job was stopped before it trained.")
UNHEEDED = Failure(
    stage="infra", kind="stopped", message="The job was asked to stop, did not in good time, and was cancelled."
)
TERMINATED = Failure(
    stage="infra", kind="stopped", message="The system ended the job's runner (SIGTERM).", retryable=True
)
VANISHED = Failure(
    stage="infra", kind="lost", message="The job's runner is gone without a last word; it was killed.", retryable=True
)


def timed_out(seconds: float) -> Failure:
    """The job used up its `seconds` of wall time."""
    return Failure(stage="train", kind="timeout", message=f"The job took longer than {seconds:g} seconds.")


def no_kernel(error: str, log: str) -> Failure:
    """The kernel did not come up."""
    message = f"The job's kernel did not start: {error}"
    return Failure(stage="infra", kind="error", message=message[:_MESSAGE_CHARS], log=log)


def crashed(error: Exception) -> Failure:
    """The launcher itself went wrong, by a broken notebook or a full disk; `runner.log` may say more."""
    message = f"The job's runner failed: {type(error).__name__}: {error}"
    return Failure(stage="infra", kind="error", message=message[:_MESSAGE_CHARS])


def kernel_died(exit_code: int | None) -> Failure:
    """The kernel ended on its own; `exit_code` as of subprocess (negative: the number of a signal)."""
    how = f" with exit code {exit_code}" if exit_code is not None else ""
    if exit_code is not None and exit_code < 0:
        how = f": {signal.strsignal(-exit_code) or exit_code}"
    if exit_code in {-signal.SIGKILL, 128 + signal.SIGKILL}:
        how += " (out of memory, perhaps)"
    message = f"The job's kernel died{how}."
    return Failure(stage="infra", kind="lost", message=message, retryable=True)


def cell_failed(name: str, value: str, log: str, metadata: Mapping[str, Any]) -> Failure:
    """A cell with such `metadata` raised exception `name` with text `value`."""
    lines = plain(f"{name}: {value}" if value.strip() else name).strip().splitlines()
    message = lines[-1] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"
    stage = metadata.get(WRITTEN)
    if stage in ("data", "train"):
        return Failure(stage=stage, kind="bad_code", message=message[:_MESSAGE_CHARS], log=log)
    return Failure(stage="train", kind="error", message=message[:_MESSAGE_CHARS], log=log)


def plain(text: str) -> str:
    """`text` without terminal colours and other escape sequences."""
    return _ANSI.sub("", text)


def log_tail(notebook: Any) -> str:
    """The last LOG_CHARS characters of what the cells of `notebook` printed and raised, as plain text."""
    said = [_said(out) for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    tail = "\n".join(text.strip("\n") for text in said[-50:] if text)
    return plain(tail[-4 * LOG_CHARS :])[-LOG_CHARS:]


def _said(output: Any) -> str:
    if output.output_type == "stream":
        return str(output.text)
    return "\n".join(output.traceback) if output.output_type == "error" else ""

"""The exception tree of trex_nb: every error a person can cause or meet, in two lines.

    TrexError            what happened, what to try
    ├── SettingsError    trex.toml or a setting cannot be used
    ├── TaskError        the task file or its data cannot be used
    ├── CommandError     a command names something that is not there, or comes too late
    ├── StoreError       the event log cannot be read or written
    │   └── StaleError   somebody else appended first; read again and decide again
    ├── LaunchError      a job could not be started
    ├── EvaluationError  a checkpoint could not be scored
    ├── ChatError        a language model could not be asked, or gave nothing usable
    └── MissingExtraError  an optional dependency is not installed

The failure of an *experiment* is not an exception: it is a `core.result.Failure`, a value kept in the tree.
"""

from __future__ import annotations

from typing import Literal


class TrexError(Exception):
    """Base of all. `what` says what happened, `hint` what to try; both are one line of plain text."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\nTry: {self.hint}"

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of a stack trace; `%trex debug` has the trace."""
        return [f"{type(self).__name__}: {self.what}", f"Try: {self.hint}"]


class SettingsError(TrexError):
    """`trex.toml`, an environment variable or a setting cannot be used."""


class TaskError(TrexError):
    """The task file or its data cannot be used; nothing was created."""


class CommandError(TrexError):
    """A command names something that is not there, or comes too late; nothing was changed."""


class StoreError(TrexError):
    """The event log cannot be read or written."""


class StaleError(StoreError):
    """Another writer appended first: read the new events and decide again."""


class LaunchError(TrexError):
    """A job could not be started."""


class EvaluationError(TrexError):
    """A checkpoint could not be scored. `is_retryable` says that it was not the checkpoint's fault: whoever scores died
    or was killed."""

    def __init__(self, what: str, hint: str, *, is_retryable: bool = False) -> None:
        super().__init__(what, hint)
        self.is_retryable = is_retryable


ChatTrouble = Literal[
    "unset",
    "no_key",
    "unreachable",
    "timeout",
    "rate_limited",
    "server",
    "rejected",
    "refused",
    "too_long",
    "bad_reply",
    "budget",
    "stopped",
    "not_recorded",
]
"""Why a call came to nothing: no model is set, no key is there, nobody answers, in time, or without an error; the
request is rejected (a wrong key or model, too long a prompt), the model refuses, its reply was cut off at the limit of
tokens or is not what was asked for; the budget forbids it, a person stopped it, a replay does not know it."""


class ChatError(TrexError):
    """A language model could not be asked, or gave nothing usable. `spent` are the tokens it read and wrote
    nonetheless, as far as they are known."""

    def __init__(self, what: str, hint: str, *, trouble: ChatTrouble, spent: tuple[int, int] = (0, 0)) -> None:
        super().__init__(what, hint)
        self.trouble = trouble
        self.spent = spent


class MissingExtraError(TrexError):
    """An optional dependency is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module} is not installed here.", f'pip install "trex-nb[{extra}]"')

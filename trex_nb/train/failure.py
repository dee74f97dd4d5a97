"""Failures that the training code itself recognises: bad data, a diverged loss, memory that ran out.

A recognised failure is displayed as a `core.result.Failure` and then raised, which stops the notebook. Any other
exception passes through as it is; whoever runs the notebook states it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trex_nb.core.job import FAILURE_MIME
from trex_nb.core.result import Failure, Stage
from trex_nb.errors import TrexError
from trex_nb.train.show import show


class TrainingFailed(TrexError):  # noqa: N818  (a failure in the project's words, not an error of the code)
    """A recognised failure of the experiment; `failure` is the value that is kept."""

    def __init__(self, failure: Failure, hint: str) -> None:
        super().__init__(str(failure), hint)
        self.failure = failure


def bad_data(message: str, hint: str) -> TrainingFailed:
    """The rows cannot be trained on."""
    return TrainingFailed(Failure(stage="data", kind="bad_data", message=message), hint)


@contextmanager
def stating_failures(stage: Stage) -> Iterator[None]:
    """Display a recognised failure before it leaves; running out of memory becomes one."""
    try:
        yield
    except TrainingFailed as failed:
        _state(failed)
        raise
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        first_line = str(error).strip().split("\n")[0]
        failure = Failure(stage=stage, kind="out_of_memory", message=f"Memory ran out: {first_line}"[:500])
        stated = TrainingFailed(failure, "a smaller batch with more gradient accumulation, or a shorter max_length.")
        _state(stated)
        raise stated from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of whatever kind."""
    # By name: this module must not be what imports torch.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "DefaultCPUAllocator" in str(error)
    )


def _state(failed: TrainingFailed) -> None:
    show({FAILURE_MIME: failed.failure.model_dump(mode="json")}, str(failed))

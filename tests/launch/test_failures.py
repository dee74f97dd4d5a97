"""The words a failed job leaves behind."""

from __future__ import annotations

import signal

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from trex_nb.core.job import WRITTEN
from trex_nb.launch.failures import LOG_CHARS, cell_failed, kernel_died, log_tail, plain


@pytest.mark.parametrize(
    ("coloured", "text"),
    [("\x1b[31mred\x1b[0m", "red"), ("\x1b[1;38;5;208mx\x1b[K", "x"), ("\x1b]8;;http://a\x1b\\link", "link")],
)
def test_terminal_colours_are_taken_off(coloured: str, text: str) -> None:
    assert plain(coloured) == text


def test_a_killed_kernel_suggests_memory_and_may_be_tried_again() -> None:
    failure = kernel_died(-signal.SIGKILL)
    assert "Killed (out of memory, perhaps)" in failure.message
    assert failure.retryable


def test_an_exit_code_is_named() -> None:
    assert kernel_died(3).message == "The job's kernel died with exit code 3."


def test_a_long_message_keeps_its_first_and_last_line() -> None:
    failure = cell_failed("ValueError", "first\nsecond\nthird", "", {})
    assert (failure.kind, failure.message) == ("error", "ValueError: first … third")


def test_what_a_model_wrote_is_blamed_on_it() -> None:
    failure = cell_failed("NameError", "name 'pd' is not defined", "the log", {WRITTEN: "data"})
    assert (failure.stage, failure.kind, failure.log) == ("data", "bad_code", "the log")


def test_the_log_ends_with_the_traceback_and_is_bounded() -> None:
    outputs = [
        new_output("stream", name="stdout", text="x" * 10_000),
        new_output("display_data", data={"text/plain": "not said"}),
        new_output("error", ename="E", evalue="v", traceback=["\x1b[31mTraceback", "E: v"]),
    ]
    log = log_tail(new_notebook(cells=[new_code_cell("…", outputs=outputs)]))
    assert len(log) == LOG_CHARS
    assert log.endswith("xx\nTraceback\nE: v")

from __future__ import annotations

from trex_nb.core.ids import RunId
from trex_nb.core.peek import Peek, PeekedTraining, PeekedValue
from trex_nb.report.html import render_html
from trex_nb.report.peek import peek_section, unseen_section
from trex_nb.report.text import render_text

RUN = RunId("n4.2")
TRAINING = PeekedTraining(
    step=30, total=120, loss=0.51234, learning_rate=3e-4, seconds_per_step=2.0, rows_per_second=8.0
)
EVIL = PeekedValue(name="<b>x</b>", type="<i>", text="<script>alert(1)</script>\x1b[31m\u202e$x$")


def test_where_a_training_stands_is_told_with_what_is_known() -> None:
    peek = Peek(pid=7, memory_mb=512.3, gpu_memory_mb=1024, training=TRAINING)
    said = render_text(peek_section(RUN, peek, is_listed=True))
    for words in ("30 of 120", "0.5123", "0.0003", "2 s", "≈ 3.0 min", "512 MB", "1024 MB", "7"):
        assert words in said
    assert "gradient norm" not in said
    assert "No variables yet." in said


def test_before_and_after_training_that_is_said() -> None:
    said = render_text(peek_section(RUN, Peek(pid=7, left_out=3), is_listed=True))
    assert "training  no: another cell is at work" in said
    assert "3 more variables" in said


def test_what_a_job_says_is_shown_harmless() -> None:
    for is_listed in (True, False):
        page = render_html(peek_section(RUN, Peek(pid=7, values=(EVIL,)), is_listed=is_listed))
        assert "<script" not in page
        assert "<b>" not in page
        text = render_text(peek_section(RUN, Peek(pid=7, values=(EVIL,)), is_listed=is_listed))
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_long_value_stands_under_its_name_and_an_error_on_one_line() -> None:
    values = (PeekedValue(name="rows", type="list", text="x" * 500), PeekedValue(name="nope", error="NameError:\n no"))
    said = render_text(peek_section(RUN, Peek(pid=7, values=values), is_listed=False))
    assert "rows (list):" in said
    assert "nope: NameError: no" in said


def test_a_number_that_is_none_is_told_as_such() -> None:
    worse = TRAINING.model_copy(update={"loss": float("nan"), "step": 500})
    said = render_text(peek_section(RUN, Peek(pid=7, training=worse), is_listed=True))
    assert "nan" in said
    assert "≈ 0.0 s" in said


def test_a_run_that_did_not_answer_is_told_with_what_to_try() -> None:
    assert "Try: again" in render_text(unseen_section(RUN, "It sleeps.", "again"))

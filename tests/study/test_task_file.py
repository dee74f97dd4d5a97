"""A task file as text: questions are comments, and what a person wrote stays."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from trex_nb.agents.requirements import Draft, Question
from trex_nb.study.task_file import changed, open_questions, written

MADE = Draft(
    {"name": "mine", "goal": "A goal.", "prompt": "Text: {text}\nLabel:", "budget": {"rounds": 8}},
    (Question("goal", "What for?", "A goal."), Question("prompt", "Is this it?", "Text: {text}\nLabel:"),
     Question("budget", "How much?", "8 rounds")),
)  # fmt: skip


def test_what_is_written_reads_back() -> None:
    text = written(MADE, "Drafted from x.csv")
    assert yaml.safe_load(text) == MADE.fields
    assert [q.field for q in open_questions(text)] == ["goal", "prompt", "budget"]
    assert 'prompt: "Text: {text}\\nLabel:"' in text


def test_an_answer_changes_one_field_and_takes_its_question_away() -> None:
    text = written(MADE, "Drafted") + "# my own comment\nseed: 3  # mine, too\n"
    now = changed(text, {"budget": {"rounds": 3}, "slice": "kind"}, ["budget.rounds", "slice"])
    assert yaml.safe_load(now) == {**MADE.fields, "budget": {"rounds": 3}, "seed": 3, "slice": "kind"}
    assert [q.field for q in open_questions(now)] == ["goal", "prompt"]
    assert "# my own comment" in now
    assert "seed: 3  # mine, too" in now


def test_a_field_that_is_taken_away_is_gone() -> None:
    now = changed("a: 1\nslice: kind\n\nb: 2\n", {"slice": None}, ["slice"])
    assert yaml.safe_load(now) == {"a": 1, "b": 2}


def test_a_value_of_several_lines_is_replaced_whole() -> None:
    text = "goal: |\n  one\n\n  two\ndata:\n- x\n- y\nb: 2\n"
    assert yaml.safe_load(changed(text, {"goal": "new", "data": {"train": "t"}}, [])) == {
        "goal": "new", "data": {"train": "t"}, "b": 2,
    }  # fmt: skip


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_text_of_a_question_becomes_a_field(asked: str, default: str, about: str) -> None:
    made = Draft({"name": "mine"}, (Question("goal", asked, default),))
    assert yaml.safe_load(written(made, about)) == {"name": "mine"}


@given(st.text(max_size=80).filter(lambda t: t.isprintable() or "\n" in t).map(lambda t: t.replace("\r", "")))
def test_any_value_reads_back(value: str) -> None:
    plain = "".join(c for c in value if c.isprintable() or c == "\n")
    text = written(Draft({"name": "mine", "goal": "x"}, ()), "Drafted")
    assert yaml.safe_load(changed(text, {"goal": plain}, ["goal"]))["goal"] == plain

"""From a look at the rows to a task with questions: nothing is assumed that is not said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trex_nb.agents.look import look
from trex_nb.agents.requirements import Draft, draft
from trex_nb.core.task import TaskFile
from trex_nb.core.templates import parse_template
from trex_nb.errors import TaskError

Rows = list[dict[str, str]]


def made(rows: Rows, goal: str = "", **data: str) -> Draft:
    return draft(look(rows), "mine", goal, {"train": "mine.csv", **data})


def sentiment(n: int = 60, rare: int = 2) -> Rows:
    return [{"idx": str(i), "sentence": f"It was number {i}", "label": "yes" if i % rare else "no"} for i in range(n)]


def questions(found: Draft) -> dict[str, str]:
    return {q.field: q.default for q in found.questions}


def test_labels_are_answers_and_texts_are_asked() -> None:
    fields = made(sentiment()).fields
    assert fields["prompt"] == "Sentence: {sentence}\nLabel:"
    assert (fields["answer"], fields["metric"]) == ("{label}", "accuracy")
    assert TaskFile.model_validate(fields).data.train == "mine.csv"


def test_uneven_labels_are_scored_each_as_much() -> None:
    assert made(sentiment(rare=10)).fields["metric"] == "macro_f1"


def test_long_answers_are_scored_by_overlap_and_short_ones_by_equality() -> None:
    long = [{"article": f"A text {i}", "summary": f"It tells at some length of number {i}"} for i in range(40)]
    short = [{"question": f"What is {i} and {i}?", "answer": str(2 * i)} for i in range(40)]
    assert made(long).fields["metric"] == "rougeL"
    assert made(short).fields["metric"] == "exact_match"


def test_columns_with_no_telling_names_are_taken_by_what_is_in_them() -> None:
    rows = [{"a": f"some longer text {i}", "b": "xy"[i % 2], "c": str(i)} for i in range(60)]
    assert made(rows).fields["prompt"] == "A: {a}\nB:"
    assert made(rows).fields["answer"] == "{b}"


def test_every_assumption_is_a_question_with_its_default() -> None:
    asked = questions(made(sentiment()))
    assert set(asked) == {
        "goal", "answer", "prompt", "metric", "base_model", "slice", "budget", "licence", "data.search", "data.test",
    }  # fmt: skip
    assert asked["metric"] == "accuracy"
    assert asked["data.test"] == "15% of the rows, drawn from the training file"
    told = questions(made(sentiment(), "Tell yes from no.", test="test.csv"))
    assert "goal" not in told
    assert told["data.test"] == "test.csv, which lies beside it"


def test_the_person_s_goal_stays_as_it_is() -> None:
    assert made(sentiment(), "  Tell yes from no!  ").fields["goal"] == "Tell yes from no!"


def test_what_is_odd_is_noted() -> None:
    rows = [*sentiment(20), *sentiment(4), {"idx": "", "sentence": "", "label": ""}]
    notes = "\n".join(made(rows).notes)
    for said in ("25 rows are too few", "4 rows are copies", "1 rows have no prompt or no answer", "English"):
        assert said in notes


def test_columns_that_no_template_can_name_are_left_aside() -> None:
    rows = [{"te{xt": "some long text here", "body": f"b {i}", "label": "ab"[i % 2]} for i in range(40)]
    found = made(rows)
    assert found.fields["prompt"] == "Body: {body}\nLabel:"
    assert "te{xt" in "\n".join(found.notes)


@pytest.mark.parametrize("rows", [[{"only": "a"}] * 5, [{"a": "same", "b": "same"}] * 5, [{"id": "1", "n": "2"}] * 9])
def test_where_nothing_answers_anything_it_is_said(rows: Rows) -> None:
    with pytest.raises(TaskError, match="No column"):
        made(rows)


@given(st.lists(st.dictionaries(st.sampled_from(["text", "label", "a b", "x.y", "{z}", "", "id", "w!r"]),
                                st.text(max_size=20), min_size=2, max_size=5), min_size=1, max_size=40))  # fmt: skip
def test_whatever_the_rows_are_the_draft_is_a_task_or_an_error(rows: Rows) -> None:
    same = [{name: r.get(name, "") for name in rows[0]} for r in rows]
    try:
        found = made(same)
    except TaskError:
        return
    task = TaskFile.model_validate(found.fields)
    used = {*parse_template(task.prompt, "prompt").fields, *parse_template(task.answer, "answer").fields}
    assert used <= set(rows[0])
    assert not set(parse_template(task.prompt, "p").fields) & set(parse_template(task.answer, "a").fields)

"""Rows that a language model writes and scores: what is asked, what is kept of the answers, what is never asked
twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.train.writers import obliging, rows_of, shown
from trex_nb.core.chat import ChatReply, ChatRequest, Heard
from trex_nb.core.fence import RULE
from trex_nb.core.task import Example
from trex_nb.errors import ChatError, ChatTrouble
from trex_nb.testing.chats import Line, ScriptedChat
from trex_nb.train.answers import Answers
from trex_nb.train.chat_rows import ChatRows
from trex_nb.train.recorded_rows import RecordedRows
from trex_nb.train.row_questions import ROWS_AT_ONCE

Make = Callable[..., ChatRows]


@pytest.fixture
def rows_by() -> Iterator[Make]:
    made: list[ChatRows] = []

    def make(chat: Any, **options: Any) -> ChatRows:
        made.append(ChatRows(chat, "scripted", **options))
        return made[-1]

    yield make
    for rows in made:
        rows.close()


def error(trouble: ChatTrouble) -> ChatError:
    return ChatError(f"It is {trouble}.", "wait", trouble=trouble)


def written(rows_by: Make, *new: dict[str, Any], shown: Sequence[Example] | None = None, **options: Any) -> list[Any]:
    """What is kept of one reply with the new rows."""
    model = rows_by(ScriptedChat({"rows": list(new)}, *[{"rows": []}] * 9), **options)
    return [e and (e.prompt, e.answer) for e in model.write("More.", shown or rows_of(2))]


def test_a_dozen_rows_are_asked_about_at_once_and_answers_keep_their_order(rows_by: Make) -> None:
    chat = ScriptedChat(script=obliging)
    rows = rows_of(30)
    found = rows_by(chat).write("From back to front.", rows)
    assert [e and e.prompt for e in found] == [f"{r.prompt[::-1]} 1" for r in rows]
    assert [e and e.slice for e in found] == [r.slice for r in rows]
    assert [len(shown(asked)) for asked in chat.asked] == [12, 12, 6]
    assert all(len(shown(asked)) <= ROWS_AT_ONCE for asked in chat.asked)


def test_a_question_quotes_the_rows_and_says_what_to_do(rows_by: Make) -> None:
    chat = ScriptedChat(script=obliging)
    rows_by(chat).write("Make it harder.", rows_of(2))
    (asked,) = chat.asked
    system, user = asked.messages
    assert "Make it harder." in system.content
    assert RULE in system.content
    assert (asked.asker, asked.purpose, asked.prompt.split("@")[0]) == ("writer", "rows", "generate.md")
    assert user.content.startswith("[quoted ")
    assert all(line[:2] in ("| ", "[q", "[e") for line in user.content.splitlines())


def test_long_rows_are_asked_about_a_few_at_a_time(rows_by: Make) -> None:
    chat = ScriptedChat(script=obliging)
    rows = [Example(id=str(i), prompt=f"{i} " + "word " * 1000, answer="yes", slice="a") for i in range(5)]
    rows_by(chat).score("Good?", rows)
    assert [len(shown(asked)) for asked in chat.asked] == [2, 2, 1]


def test_what_is_no_row_is_left_out(rows_by: Make) -> None:
    good = {"number": 1, "prompt": "new", "answer": "new"}
    assert written(rows_by, good) == [("new", "new"), None]
    assert written(rows_by, {**good, "prompt": " \n"}, {**good, "number": 2}) == [None, ("new", "new")]
    assert written(rows_by, {**good, "answer": ""}) == [None, None]
    assert written(rows_by, {**good, "prompt": "x" * 20_001}) == [None, None]
    assert written(rows_by, {**good, "number": 3}, {**good, "number": 0}, {**good, "number": -1}) == [None, None]
    assert written(rows_by, {"number": 1, "prompt": "ROW  0 0", "answer": "Yes"}) == [None, None]


def test_of_two_rows_with_one_number_the_first_counts(rows_by: Make) -> None:
    one, two = ({"number": 1, "prompt": p, "answer": "yes"} for p in ("first", "second"))
    assert written(rows_by, one, two)[0] == ("first", "yes")


def test_an_answer_beside_the_labels_is_no_row_and_a_label_is_spelled_as_it_is(rows_by: Make) -> None:
    new = [{"number": 1, "prompt": "a", "answer": " GRÜN "}, {"number": 2, "prompt": "b", "answer": "yellow"}]
    assert written(rows_by, *new, labels=["Grün", "red"]) == [("a", "Grün"), None]


def test_the_prompt_shown_with_another_label_is_no_row(rows_by: Make) -> None:
    new = {"number": 1, "prompt": "row 0 0", "answer": "no"}
    assert written(rows_by, new, labels=["yes", "no"]) == [None, None]
    assert written(rows_by, new) == [("row 0 0", "no"), None]


def test_scores_are_between_0_and_1_and_0_where_none_came(rows_by: Make) -> None:
    said = [{"number": 1, "score": 7}, {"number": 2, "score": -1}, {"number": 3, "score": 0.25}]
    assert rows_by(ScriptedChat({"scores": said})).score("Good?", rows_of(4)) == [1, 0, 0.25, 0]
    assert rows_by(ScriptedChat('{"scores": [{"number": 1, "score": NaN}]}')).score("Good?", rows_of(1)) == [0]


def test_a_row_that_is_shown_again_is_written_after_anew(rows_by: Make) -> None:
    row = rows_of(1)[0]
    chat = ScriptedChat(script=obliging)
    model = rows_by(chat)
    found = [*model.write("More.", [row, row]), *model.write("More.", [row])]
    assert len({e.prompt for e in found if e}) == 3
    assert [r["take"] for asked in chat.asked for r in shown(asked)] == [1, 2, 3]


def test_nothing_on_record_is_asked_for_again(rows_by: Make, tmp_path: Path) -> None:
    answers, rows = Answers(tmp_path / "answers.jsonl"), rows_of(5)
    first = rows_by(ScriptedChat(script=obliging), answers=answers).write("More.", [*rows, rows[0]])
    silent = ScriptedChat()
    again = rows_by(silent, answers=Answers(answers.path)).write("More.", [*rows, rows[0]])
    assert again == first
    assert not silent.asked
    recorded = RecordedRows(path=answers.path, model="scripted")
    assert recorded.write("More.", [*rows, rows[0]]) == recorded.anew().write("More.", [*rows, rows[0]]) == first


def test_another_question_another_row_or_another_model_is_asked_anew(rows_by: Make) -> None:
    answers, rows = Answers(), rows_of(1)
    asked = [("More.", rows), ("Less.", rows), ("More.", [rows[0].model_copy(update={"answer": "no"})])]
    chat = ScriptedChat(script=obliging)
    for instruction, about in asked:
        rows_by(chat, answers=answers).write(instruction, about)
    ChatRows(chat, "other", answers=answers).close()
    other = ChatRows(chat, "other", answers=answers)
    other.write("More.", rows)
    other.close()
    assert len(chat.asked) == 4


def test_where_the_service_fails_what_was_answered_stays(rows_by: Make) -> None:
    answers, calls = Answers(), Counter[str]()

    def script(asked: ChatRequest) -> Line:
        calls["all"] += 1
        return obliging(asked) if calls["all"] < 3 else error("unreachable")

    with pytest.raises(ChatError, match="unreachable"):
        rows_by(ScriptedChat(script=script), answers=answers, at_once=1).write("More.", rows_of(48))
    assert len(answers) == 24
    chat = ScriptedChat(script=obliging)
    assert all(rows_by(chat, answers=answers).write("More.", rows_of(48)))
    assert len(chat.asked) == 2


def test_a_reply_that_became_too_long_is_asked_for_in_halves(rows_by: Make) -> None:
    def script(asked: ChatRequest) -> Line:
        return error("too_long") if len(shown(asked)) > 3 else obliging(asked)

    chat = ScriptedChat(script=script)
    assert all(rows_by(chat, at_once=1).write("More.", rows_of(12)))
    assert [len(shown(asked)) for asked in chat.asked] == [12, 6, 3, 3, 6, 3, 3]


def test_a_refusal_costs_its_rows_and_no_more(rows_by: Make) -> None:
    answers = Answers()

    def script(asked: ChatRequest) -> Line:
        return error("refused") if shown(asked)[0]["prompt"] == "row c 144" else obliging(asked)

    found = rows_by(ScriptedChat(script=script), answers=answers).write("More.", rows_of(36))
    assert [e is None for e in found] == [False] * 12 + [True] * 12 + [False] * 12
    assert len(answers) == 36


@pytest.mark.parametrize("line", ["", "no JSON", "{}", '{"rows": 3}', {"rows": []}, error("refused")])
def test_a_model_that_writes_no_rows_is_not_asked_for_ever(rows_by: Make, line: Line) -> None:
    answers = Answers()
    chat = ScriptedChat(script=lambda _: line)
    with pytest.raises(ChatError):
        rows_by(chat, answers=answers, at_once=1).write("More.", rows_of(1200))
    assert len(chat.asked) <= 9
    assert len(answers) == 0


def test_several_questions_are_open_at_a_time_and_no_more(rows_by: Make) -> None:
    chat = Busy()
    rows_by(chat, at_once=3).write("More.", rows_of(100))
    assert chat.most == 3


def test_a_budget_that_others_only_hold_back_is_waited_for(rows_by: Make) -> None:
    chat = Busy(room=1)
    assert all(rows_by(chat, at_once=4).write("More.", rows_of(60)))
    with pytest.raises(ChatError, match="budget"):
        rows_by(Busy(room=0), at_once=4).write("More.", rows_of(60))


def test_whoever_watches_is_told_how_far_it_is(rows_by: Make) -> None:
    told: list[tuple[str, int, int]] = []
    answers = Answers()
    rows_by(ScriptedChat(script=obliging), answers=answers).write("More.", rows_of(12))
    rows_by(ScriptedChat(script=obliging), answers=answers, told=lambda *t: told.append(t)).write("More.", rows_of(30))
    assert told[0] == ("generate", 12, 30)
    assert told[-1] == ("generate", 30, 30)


@pytest.mark.parametrize("text", ['東京\u2028{"number": 2}', "مرحبا\x85", "🙂\x00\t|", "[end 0000]\n[quoted 1: rows]"])
def test_any_text_stays_one_row(rows_by: Make, text: str) -> None:
    chat = ScriptedChat(script=obliging)
    rows = [Example(id="0", prompt=text, answer=text, slice="a"), *rows_of(1)]
    assert all(rows_by(chat).write("More.", rows))
    assert [r["number"] for r in shown(chat.asked[0])] == [1, 2]


class Busy:
    """A model that is asked several things at a time, and has a budget for `room` of them at once."""

    def __init__(self, room: int = 100) -> None:
        self._room = room
        self._open = 0
        self.most = 0

    async def complete(self, asked: ChatRequest, heard: Heard | None = None) -> ChatReply:
        if self._open >= self._room:
            raise error("budget")
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            return await ScriptedChat(obliging(asked)).complete(asked, heard)
        finally:
            self._open -= 1

"""A model goes over the draft: it may choose among what is there, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.agents.attacks import ATTACKS, Attack
from tests.agents.gullible import hook
from trex_nb.agents.look import look
from trex_nb.agents.requirements import Draft, draft
from trex_nb.agents.requirements_model import gone_over
from trex_nb.core.chat import ChatRequest
from trex_nb.core.task import TaskFile
from trex_nb.errors import ChatError
from trex_nb.testing.chats import Line, ScriptedChat

ROWS = [{"text": f"remark {i}", "label": "ab"[i % 2], "country": "xyz"[i % 3]} for i in range(60)]
GOOD: dict[str, Any] = {
    "goal": "Tell a from b.", "prompt": "Remark: {text}\nKind:", "answer": "{label}", "metric": "macro_f1",
    "slice": "country", "questions": [{"field": "metric", "text": "Do rare labels count as much?"}],
}  # fmt: skip


def over(*lines: Line, goal: str = "", rows: list[dict[str, str]] = ROWS) -> tuple[Draft, ScriptedChat]:
    chat = ScriptedChat(*lines)
    seen = look(rows)
    made = draft(seen, "mine", goal, {"train": "mine.csv"})
    return asyncio.run(gone_over(chat, made, seen, rows, goal)), chat


def test_its_words_and_choices_are_taken_over_and_its_questions_come_first() -> None:
    made, chat = over(GOOD)
    assert made.fields["prompt"] == "Remark: {text}\nKind:"
    assert (made.fields["metric"], made.fields["slice"], made.fields["goal"]) == (
        "macro_f1",
        "country",
        "Tell a from b.",
    )
    first = made.questions[0]
    assert (first.field, first.text, first.default) == ("metric", "Do rare labels count as much?", "macro_f1")
    assert len({q.field for q in made.questions}) == len(made.questions) == 10
    assert chat.asked[0].purpose == "task"
    assert TaskFile.model_validate(made.fields)


def test_the_person_s_own_goal_stays() -> None:
    assert over(GOOD, goal="Mine.")[0].fields["goal"] == "Mine."


def test_defaults_are_what_is_used_whatever_the_model_says() -> None:
    made, _ = over(GOOD)
    defaults = {q.field: q.default for q in made.questions}
    assert defaults["slice"] == "country"
    assert defaults["prompt"] == GOOD["prompt"]


def test_a_question_of_the_rules_is_not_asked_of_what_the_model_chose() -> None:
    made, _ = over({**GOOD, "answer": "{country}", "slice": None})
    asked = {q.field: q.text for q in made.questions}
    assert "A model chose this" in asked["answer"]
    assert "Which model" in asked["base_model"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a column that is not there": ({"prompt": "{texts}"}, "no column 'texts'"),
    "an answer that is not there": ({"answer": "{gold}"}, "no column 'gold'"),
    "a slice that is not there": ({"slice": "city"}, "no column 'city'"),
    "the answer in the prompt": ({"prompt": "{text} {label}"}, "gives the answer away"),
    "no column at all": ({"prompt": "Say it."}, "names no column"),
    "code in a template": ({"prompt": "{text.__class__}"}, "no column"),
    "a file": ({"data": {"train": "/etc/passwd"}}, "data"),
    "a model": ({"base_model": "evil/model"}, "base_model"),
    "a budget": ({"budget": {"rounds": 100}}, "budget"),
    "another metric": ({"metric": "vibes"}, "metric"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_it_may_not_say_is_sent_back(name: str) -> None:
    wrong, reason = WRONG[name]
    made, chat = over({**GOOD, **wrong}, GOOD)
    assert reason in chat.asked[1].messages[-1].content
    assert made.fields["data"] == {"train": "mine.csv"}
    assert made.fields["base_model"] == "tiny"
    with pytest.raises(ChatError):
        over(*[{**GOOD, **wrong}] * 3)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_instructions_in_the_rows_are_quoted_and_come_to_nothing(attack: Attack) -> None:
    def obeys(asked: ChatRequest) -> Line:
        for message in asked.messages:
            for line in message.content.split("\n"):
                assert hook(attack) not in " ".join(line.split()) or line.startswith("| ")
            assert not any(c in message.content for c in attack.hidden)
        words = attack.text[:250].ljust(5, ".")
        return {**GOOD, "questions": [{"field": "budget", "text": words}]}

    rows = [{**r, attack.text[:40]: "x", "text": attack.text} if i % 7 == 0 else {**r, attack.text[:40]: "x"}
            for i, r in enumerate(ROWS)]  # fmt: skip
    seen = look(rows)
    before = draft(seen, "mine", "", {"train": "mine.csv"})
    assert attack.text[:20] not in str(before.fields["goal"])
    made = asyncio.run(gone_over(ScriptedChat(script=obeys), before, seen, rows, ""))
    task = TaskFile.model_validate(made.fields)
    assert (task.base_model, task.data.model_dump(exclude_none=True)) == ("tiny", {"train": "mine.csv"})
    assert (task.budget.rounds, task.budget.minutes, task.code) == (8, 60.0, "ask")
    assert all("\n" not in q.text for q in made.questions)

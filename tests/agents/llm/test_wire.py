"""What models write a little differently than asked is taken, and what they are asked stays in the schema."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.agents.llm import replies
from trex_nb.agents.llm.wire import DirectionDraft, ReflectionDraft, plans_draft
from trex_nb.chat.schema import strict_schema


def test_words_that_are_too_long_are_cut() -> None:
    made = DirectionDraft.model_validate({**replies.DIRECTION, "direction": "x" * 5000, "evidence": ["n1"] * 20})
    assert (len(made.direction), len(made.evidence)) == (2000, 8)
    told = {"kind": "weak_slice", "message": "m" * 900, "suggests": "s" * 900}
    lesson = {"text": "t" * 900, "evidence": ["n1"], "supersedes": []}
    seen = ReflectionDraft.model_validate({"causes": [told], "lessons": [lesson]})
    assert (len(seen.causes[0].message), len(seen.lessons[0].text)) == (600, 400)


@pytest.mark.parametrize("said", ["None", "N/A", "", "null", "No code.", None])
def test_nothing_is_nothing_in_all_its_spellings(said: Any) -> None:
    drafted = {**replies.plan(title="t" * 300), "code": said, "followed": None, "risk": None}
    (made,) = plans_draft(1, 1).model_validate({"plans": [drafted]}).plans
    assert (made.code, made.followed, made.risk, len(made.title)) == (None, "", "", 120)


def test_an_empty_hypothesis_is_still_none() -> None:
    with pytest.raises(ValueError, match="hypothesis"):
        plans_draft(1, 1).model_validate({"plans": [{**replies.plan(), "hypothesis": None}]})


def test_the_bounds_stay_in_the_schema() -> None:
    asked = json.dumps(strict_schema(plans_draft(1, 1)))
    assert '"maxLength": 120' in asked
    assert '"maxLength": 2000' in asked

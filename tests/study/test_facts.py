"""What intake counts."""

from __future__ import annotations

import pytest

from trex_nb.core.events import DataFacts
from trex_nb.study.intake import prepare
from trex_nb.study.tasks import find_task
from trex_nb.testing.trees import FACTS


@pytest.mark.parametrize(("task", "is_closed"), [("unicode-category", True), ("tiny-intent", False)])
def test_answers_are_labels_where_slices_are_the_answers(task: str, is_closed: bool) -> None:
    found = find_task(task)
    facts = prepare(found.task, found.train, found.search, found.test).facts
    assert facts.closed_answers is is_closed
    assert (facts.duplicates, facts.in_search, facts.in_test, facts.in_both) == (0, 0, 0, 0)


def test_facts_of_an_older_log_are_read() -> None:
    new = ("duplicates", "in_search", "in_test", "in_both")
    old = {name: value for name, value in FACTS.model_dump(mode="json").items() if name not in new}
    assert DataFacts.model_validate(old) == FACTS

"""Prompt files and their versions."""

from __future__ import annotations

import pytest

from trex_nb.core.prompting import Prompt


def test_the_version_follows_the_text() -> None:
    first, second = Prompt("plan.md", "Plan $n."), Prompt("plan.md", "Plan $n!")
    assert first.tag.startswith("plan.md@")
    assert first.tag != second.tag == Prompt("plan.md", "Plan $n!").tag


def test_all_that_is_to_be_filled_in_must_be() -> None:
    assert Prompt("p", " Plan $n for $$5.\n").filled(n="two") == "Plan two for $5."
    with pytest.raises(KeyError):
        Prompt("p", "Plan $n.").filled()

from __future__ import annotations

import pytest

from trex_nb.core.templates import parse_template
from trex_nb.errors import TaskError


def test_columns_are_put_in_as_they_are() -> None:
    template = parse_template("{{q}} {q}: {a.b}", "prompt")
    assert template.fields == ["q", "a.b"]
    assert template.filled({"q": "{x}", "a.b": "é"}) == "{q} {x}: é"


@pytest.mark.parametrize("text", ["{", "{a!r}", "{a:>9}", "no column"])
def test_what_is_no_template_is_refused_in_two_lines(text: str) -> None:
    with pytest.raises(TaskError) as error:
        parse_template(text, "prompt")
    assert str(error.value).startswith("prompt")
    assert len(str(error.value).splitlines()) == 2

from __future__ import annotations

import json

import pytest

from trex_nb.core.commands import command_adapter
from trex_nb.widget.forms import NODE, RUN, STUDY, Form, forms

ALL = [*NODE, *RUN, *STUDY]
TYPED = {"text": "words", "number": "3", "choice": ""}
TARGETS = {"nodes": ["n1"], "node": "n1", "under": "n1", "runs": ["n1.1"], "run": "n1.1"}


@pytest.mark.parametrize("form", ALL, ids=lambda f: f"{f.label} {f.do}")
def test_what_a_form_sends_is_a_command(form: Form) -> None:
    """As widgets/src/deeds.js puts it together."""
    typed = {f.name: f.choices[0] if f.choices else TYPED[f.kind] for f in form.fields}
    target = {form.target: TARGETS[form.target]} if form.target else {}
    node = {"node": "n1"} if form.target == "run" else {}
    fields = {"fields": {"r": "32"}} if form.do == "edit" else {}
    command = command_adapter.validate_python({"do": form.do, **target, **node, **typed, **fields})
    assert command.do == form.do


def test_names_are_unique_where_they_stand_together() -> None:
    for kind in (NODE, RUN, STUDY):
        assert len({f.name for f in kind}) == len(kind)


def test_forms_are_json() -> None:
    assert json.loads(json.dumps(forms()))["node"][0]["name"] == "approve"

"""What can be asked of a study from the explorer, as data: the browser draws a button for each, and a form where there
are fields, and sends the command with what was typed.

The names in `target` and `fields` are those of the command (`trex_nb.core.commands`), which checks what is typed.
"""

from __future__ import annotations

from typing import Any, Literal

from trex_nb.core.base import Frozen
from trex_nb.search.policies import ABOUT


class Field(Frozen):
    """Something to type or choose. `hint` stands in the empty field; `wanted` ones must not be empty."""

    name: str
    label: str
    hint: str = ""
    value: str = ""
    kind: Literal["text", "number", "choice"] = "text"
    choices: tuple[str, ...] = ()
    wanted: bool = False


class Form(Frozen):
    """One action: the command `do` on what is named in its field `target`; `many` of them at once where it can. Without
    fields one click does it."""

    name: str
    label: str
    about: str
    do: str
    target: str = ""
    many: bool = False
    fields: tuple[Field, ...] = ()


def _words(label: str, hint: str) -> tuple[Field, ...]:
    return (Field(name="text", label=label, hint=hint, wanted=True),)


def _number(name: str, label: str, value: str = "") -> Field:
    return Field(name=name, label=label, kind="number", value=value, wanted=bool(value))


_PROPOSALS = (_number("n", "Proposals that should wait", "3"),)

NODE = (
    Form(name="approve", label="Approve", about="let it run", do="approve", target="nodes", many=True),
    Form(
        name="prune", label="Prune", about="take it and all below it out of the search",
        do="prune", target="nodes", many=True,
        fields=(Field(name="why", label="Why", hint="why (optional; the Researcher reads it)"),),
    ),
    Form(
        name="restore", label="Undo prune", about="take it back into the search",
        do="restore", target="nodes", many=True,
    ),
    Form(
        name="redirect", label="Redirect",
        about="have a child planned that follows your words; a proposal is set aside for it",
        do="redirect", target="node", fields=_words("What to do instead", "what to do instead, in your words"),
    ),
    Form(name="edit", label="Edit plan", about="change its plan before it runs", do="edit", target="node"),
    Form(name="stop", label="Stop", about="save its state and end its jobs", do="stop", target="nodes", many=True),
    Form(
        name="resume", label="Resume", about="go on from where it was saved", do="resume", target="nodes", many=True
    ),
    Form(
        name="repeat", label="Repeat", about="run it again under other seeds",
        do="repeat", target="node", fields=(_number("n", "Repeats in all", "2"),),
    ),
    Form(
        name="plan", label="Plan children", about="have proposals planned under it",
        do="propose", target="under", fields=_PROPOSALS,
    ),
    Form(
        name="note", label="Note", about="write something down; the Researcher reads it",
        do="note", target="node", fields=_words("Note", "what the Researcher should know"),
    ),
)  # fmt: skip

RUN = (
    Form(name="stop", label="Stop", about="save its state and end its job", do="stop", target="runs", many=True),
    Form(name="resume", label="Resume", about="go on from where it was saved", do="resume", target="runs", many=True),
    Form(
        name="fork", label="Fork", about="have a child planned that starts from its weights as they are now",
        do="redirect", target="run", fields=_words("How the fork goes on", "how the fork goes on, in your words"),
    ),
)  # fmt: skip

STUDY = (
    Form(name="run", label="Run", about="run what is approved", do="run"),
    Form(
        name="approve", label="Approve all", about="let everything run that waits for you",
        do="approve", target="nodes", many=True,
    ),
    Form(name="pause", label="Pause", about="start nothing new; running jobs go on", do="pause"),
    Form(name="resume", label="Resume", about="go on as before the pause", do="resume"),
    Form(name="stop", label="Stop all", about="save the state of all jobs, end them, and pause", do="stop"),
    Form(
        name="plan", label="Plan", about="have proposals planned, so that so many wait for you",
        do="propose", fields=_PROPOSALS,
    ),
    Form(name="withdraw", label="Stop planning", about="end the planning that is under way", do="withdraw"),
    Form(
        name="auto", label="Auto", do="auto",
        about="hand over the wheel: propose, approve and run; Pause takes it back",
        fields=(_number("rounds", "Until so many rounds in all"), _number("hours", "For so many hours")),
    ),
    Form(
        name="policy", label="Policy", about="how the tree is searched", do="choose_policy",
        fields=(Field(name="name", label="Policy", kind="choice", choices=tuple(ABOUT), wanted=True),),
    ),
    Form(
        name="budget", label="Budget", about="what may be spent in all", do="set_budget",
        fields=(_number("rounds", "Rounds"), _number("minutes", "Compute minutes")),
    ),
    Form(
        name="finalize", label="Finalize", do="finalize",
        about="repeat the finalists under fresh seeds, then score the sealed test split once",
    ),
)  # fmt: skip

KEYS = (
    ("↑ ↓ Home End PageUp PageDown", "go through the rows"),
    ("→ ←", "open, close, go to child or parent"),
    ("*", "open all siblings"),
    ("Enter", "to the first thing that can be done"),
    ("Esc", "back to the row; clears marks"),
    ("Space, Shift+↑↓, Ctrl+A", "mark rows, to decide on them together"),
    ("a p r e s u n", "to approve, prune, redirect, edit, stop, undo, note"),
    ("/", "search"),
    ("?", "this list"),
)


def forms() -> dict[str, Any]:
    """All of them, as JSON values."""
    kinds = {"node": NODE, "run": RUN, "study": STUDY}
    told = {kind: [f.model_dump(mode="json", exclude_defaults=True) for f in found] for kind, found in kinds.items()}
    return {**told, "keys": KEYS}

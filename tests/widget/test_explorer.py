from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from trex_nb.core.commands import Approve, Command
from trex_nb.core.ids import node_id
from trex_nb.errors import CommandError
from trex_nb.testing import trees
from trex_nb.widget.explorer import Explorer


class Recorded(Explorer):
    """An explorer that keeps what it sends, and a desk that keeps what it is asked."""

    def __init__(self, **options: Any) -> None:
        self.answers: list[dict[str, Any]] = []
        self.commands: list[Command] = []
        self.future: Future[str] = Future()
        super().__init__(trees.tree_of(trees.proposed(1)), **{"send": self.take, **options})

    def take(self, command: Command) -> Future[str]:
        self.commands.append(command)
        return self.future

    def send(self, content: Any, buffers: Any = None) -> None:  # noqa: ARG002
        self.answers.append(content)

    def hear(self, content: Any) -> None:
        """As a message from the browser arrives."""
        self._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


APPROVE = {"id": "a1", "command": {"do": "approve", "nodes": ["n1"]}}


@pytest.fixture
def explorer() -> Recorded:
    return Recorded()


def test_a_click_is_handed_on_at_once_and_answered_later(explorer: Recorded) -> None:
    explorer.hear(APPROVE)
    assert explorer.commands == [Approve(nodes=(node_id(1),))]
    assert explorer.answers == []
    explorer.future.set_result("approved n1")
    assert explorer.answers == [{"id": "a1", "ok": True, "text": "approved n1"}]


def test_a_refusal_says_what_to_try(explorer: Recorded) -> None:
    explorer.hear(APPROVE)
    explorer.future.set_exception(CommandError("n1 was pruned.", "approve another one"))
    assert explorer.answers == [{"id": "a1", "ok": False, "text": "n1 was pruned. — approve another one"}]


def test_a_fault_of_ours_is_an_answer_too(explorer: Recorded) -> None:
    explorer.hear(APPROVE)
    explorer.future.set_exception(ZeroDivisionError("oops"))
    assert not explorer.answers[0]["ok"]
    assert "ZeroDivisionError: oops" in explorer.answers[0]["text"]


def test_a_closed_study_is_an_answer_too(explorer: Recorded) -> None:
    explorer.hear(APPROVE)
    explorer.future.cancel()
    assert not explorer.answers[0]["ok"]


def test_a_desk_that_raises_is_an_answer_too() -> None:
    def closed(_: Command) -> Future[str]:
        raise RuntimeError("loop is closed")

    explorer = Recorded(send=closed)
    explorer.hear(APPROVE)
    assert "loop is closed" in explorer.answers[0]["text"]


@pytest.mark.parametrize(
    "content",
    [
        None, "approve", [], {}, {"id": "a"}, {"id": "a", "command": None}, {"id": "a", "command": {"do": "explode"}},
        {"id": "a", "command": {"do": "approve", "nodes": []}}, {"id": ["a"], "command": {"do": "approve"}},
        {"id": "a", "command": {"do": "approve", "nodes": ["n1"], "why": "extra"}},
    ],
)  # fmt: skip
def test_what_is_no_command_is_refused_and_not_handed_on(explorer: Recorded, content: Any) -> None:
    explorer.hear(content)
    assert explorer.commands == []
    assert [a["ok"] for a in explorer.answers] == [False]


def test_without_a_desk_it_is_read_only() -> None:
    explorer = Recorded(send=None)
    assert explorer.read_only
    explorer.hear(APPROVE)
    assert "read-only" in explorer.answers[0]["text"]


def test_showing_a_tree_replaces_the_view(explorer: Recorded) -> None:
    explorer.show(trees.tree_of(trees.proposed(1), trees.approved(1)))
    assert explorer.view["rows"][1]["status"] == "approved"


def test_an_error_is_shown_without_control_characters(explorer: Recorded) -> None:
    explorer.show_error("disk \x1b[31mfull")
    assert explorer.error == "disk [31mfull"


def test_one_line_stands_in_where_widgets_cannot_be_shown(explorer: Recorded) -> None:
    data, _ = explorer._repr_mimebundle_()
    assert data["text/html"] == f"<p>{data['text/plain']}</p>"
    assert "application/vnd.jupyter.widget-view+json" in data

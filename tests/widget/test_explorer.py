from __future__ import annotations

from concurrent.futures import Future
from threading import Event
from typing import Any

import pytest

from trex_nb.core.commands import Approve, Command
from trex_nb.core.ids import node_id
from trex_nb.errors import CommandError
from trex_nb.testing import trees
from trex_nb.widget.explorer import Desk, Explorer
from trex_nb.widget.questions import Comparison, Question
from trex_nb.widget.view import Wire


class RecordingDesk:
    """Keeps what it is asked; answers when told to."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.future: Future[str] = Future()
        self.second_word = ""

    def send(self, command: Command) -> Future[str]:
        self.commands.append(command)
        return self.future

    def asks(self, command: Command) -> str:  # noqa: ARG002
        return self.second_word

    def answer(self, question: Question) -> Wire:
        if isinstance(question, Comparison):
            raise CommandError("There is no node n9.", "%trex tree")
        return {"asked": question.ask}


class Recorded(Explorer):
    """An explorer that keeps what it sends."""

    def __init__(self, desk: Desk | None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.has_sent = Event()
        super().__init__(trees.tree_of(trees.proposed(1)), desk)

    def send(self, content: Any, buffers: Any = None) -> None:  # noqa: ARG002
        self.sent.append(content)
        self.has_sent.set()

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [m for m in self.sent if "patch" not in m]

    def hear(self, content: Any) -> None:
        """As a message from the browser arrives."""
        self._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


APPROVE = {"id": "a1", "command": {"do": "approve", "nodes": ["n1"]}}


CODE = "%trex approve n1"


@pytest.fixture
def desk() -> RecordingDesk:
    return RecordingDesk()


@pytest.fixture
def explorer(desk: RecordingDesk) -> Recorded:
    return Recorded(desk)


def test_a_click_is_handed_on_at_once_and_answered_later(explorer: Recorded, desk: RecordingDesk) -> None:
    explorer.hear(APPROVE)
    assert desk.commands == [Approve(nodes=(node_id(1),))]
    assert explorer.answers == []
    desk.future.set_result("approved n1")
    assert explorer.answers == [{"id": "a1", "ok": True, "text": "approved n1", "code": CODE}]


def test_a_refusal_says_what_to_try(explorer: Recorded, desk: RecordingDesk) -> None:
    explorer.hear(APPROVE)
    desk.future.set_exception(CommandError("n1 was pruned.", "approve another one"))
    assert explorer.answers == [{"id": "a1", "ok": False, "text": "n1 was pruned. — approve another one", "code": CODE}]


def test_a_fault_of_ours_is_an_answer_too(explorer: Recorded, desk: RecordingDesk) -> None:
    explorer.hear(APPROVE)
    desk.future.set_exception(ZeroDivisionError("oops"))
    assert not explorer.answers[0]["ok"]
    assert "ZeroDivisionError: oops" in explorer.answers[0]["text"]
    assert "ZeroDivisionError: oops" in explorer.trace


def test_a_closed_study_is_an_answer_too(explorer: Recorded, desk: RecordingDesk) -> None:
    explorer.hear(APPROVE)
    desk.future.cancel()
    assert not explorer.answers[0]["ok"]


def test_a_desk_that_raises_is_an_answer_too(explorer: Recorded, desk: RecordingDesk) -> None:
    class Closed(RecordingDesk):
        def send(self, command: Command) -> Future[str]:  # noqa: ARG002
            raise RuntimeError("loop is closed")

    explorer.desk = Closed()
    explorer.hear(APPROVE)
    assert "loop is closed" in explorer.answers[0]["text"]


def test_what_deserves_a_second_word_is_asked_first_and_done_when_confirmed(
    explorer: Recorded, desk: RecordingDesk
) -> None:
    desk.second_word = "Would approve n1: about 2 h."
    explorer.hear(APPROVE)
    assert desk.commands == []
    assert explorer.answers == [{"id": "a1", "ok": True, "text": "", "asks": desk.second_word, "code": CODE}]
    explorer.hear({**APPROVE, "confirmed": True})
    assert desk.commands == [Approve(nodes=(node_id(1),))]


def test_a_question_is_answered_from_a_thread_of_its_own(explorer: Recorded, desk: RecordingDesk) -> None:
    explorer.hear({"id": "q1", "question": {"ask": "details", "nodes": ["n1"]}})
    assert explorer.has_sent.wait(10)
    assert explorer.answers == [{"id": "q1", "ok": True, "text": "", "answer": {"asked": "details"}}]


def test_a_question_that_has_no_answer_is_answered_in_words(explorer: Recorded, desk: RecordingDesk) -> None:
    explorer.hear({"id": "q1", "question": {"ask": "comparison", "one": "n1", "two": "n9"}})
    assert explorer.has_sent.wait(10)
    assert explorer.answers == [{"id": "q1", "ok": False, "text": "There is no node n9. — %trex tree"}]


def test_the_whole_drawing_can_be_asked_for_also_of_a_copy() -> None:
    explorer = Recorded(None)
    explorer.hear({"id": "q1", "question": {"ask": "all"}})
    assert explorer.has_sent.wait(10)
    assert explorer.answers[0]["answer"] == explorer.tree


@pytest.mark.parametrize(
    "content",
    [
        None, "approve", [], {}, {"id": "a"}, {"id": "a", "command": None}, {"id": "a", "command": {"do": "explode"}},
        {"id": "a", "command": {"do": "approve", "nodes": []}}, {"id": ["a"], "command": {"do": "approve"}},
        {"id": "a", "command": {"do": "approve", "nodes": ["n1"], "why": "extra"}},
        {"id": "a", "command": {"do": "pause"}, "question": {"ask": "all"}},
        {"id": "a", "question": {"ask": "details", "nodes": []}}, {"id": "a" * 101, "command": {"do": "pause"}},
    ],
)  # fmt: skip
def test_what_is_no_command_is_refused_and_not_handed_on(explorer: Recorded, desk: RecordingDesk, content: Any) -> None:
    explorer.hear(content)
    assert desk.commands == []
    assert [a["ok"] for a in explorer.answers] == [False]


def test_without_a_desk_it_is_read_only() -> None:
    explorer = Recorded(None)
    assert explorer.read_only
    explorer.hear(APPROVE)
    assert "read-only" in explorer.answers[0]["text"]


def test_a_new_tree_is_sent_as_a_patch_and_kept_whole_for_pages_to_come(
    explorer: Recorded, desk: RecordingDesk
) -> None:
    explorer.show(trees.tree_of(trees.proposed(1), trees.approved(1)))
    assert [r["status"] for r in explorer.tree["rows"]] == ["approved", "approved"]
    patches = [m["patch"] for m in explorer.sent]
    assert [p["revision"] for p in patches] == [2]
    assert explorer.view["revision"] == explorer.tree["revision"] == 2
    assert "tree" in explorer.get_state()


def test_the_kernel_does_not_remember_where_the_last_message_came_from(explorer: Recorded, desk: RecordingDesk) -> None:
    explorer.comm._reply_subshell_id = "the subshell of a tab that was closed"
    explorer.error = "anything that is sent"
    assert not hasattr(explorer.comm, "_reply_subshell_id")


def test_the_whole_tree_is_not_sent_again_when_it_changes(explorer: Recorded, desk: RecordingDesk) -> None:
    sent = []
    explorer.send_state = lambda key=None: sent.append(key)  # what ipywidgets calls for a trait that is to be synced
    explorer.show(trees.tree_of(trees.proposed(1), trees.approved(1)))
    assert "tree" not in sent


def test_an_error_is_shown_without_control_characters(explorer: Recorded, desk: RecordingDesk) -> None:
    explorer.show_error("disk \x1b[31mfull")
    assert explorer.error == "disk [31mfull"


def test_one_line_stands_in_where_widgets_cannot_be_shown(explorer: Recorded, desk: RecordingDesk) -> None:
    data, _ = explorer._repr_mimebundle_()
    assert data["text/html"] == f"<p>{data['text/plain']}</p>"
    assert "application/vnd.jupyter.widget-view+json" in data

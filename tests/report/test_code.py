"""Code that a model wrote, as a person is shown it."""

from __future__ import annotations

from trex_nb.core import events as ev
from trex_nb.core.ids import RunId
from trex_nb.core.plan import Code
from trex_nb.report.blocks import Heading, Paragraph, Verbatim
from trex_nb.report.code import code_blocks, code_words, diff, whole
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.testing.executors import BAD_CODE, CODE

N1 = RunId("n1.1")
TRAIN = Code(
    brief="Easy rows first.", train="def train(base, rows, config, fit):\n    return fit(base, rows, config)\n"
)
MENDED = CODE.model_copy(update={"rows": "def rewrite(rows):\n    return rows[:1]\n"})


def tree(code: Code | None, *more: ev.Event) -> Tree:
    plan = trees.lora_plan().model_copy(update={"code": code})
    return trees.tree_of(trees.proposed(1, plan=plan), *more)


SUBMITTED = ev.JobSubmitted(run=N1, attempt=1, key="k", folder="runs/n1.1")
AGAIN = ev.JobSubmitted(
    run=N1, attempt=2, key="k", folder="runs/n1.1-attempt2", after=BAD_CODE, why="with mended code, 1 of 3"
)  # fmt: skip
WRITTEN = ev.CodeWritten(run=N1, attempt=2, code=MENDED, why="There is no text.")
BEGUN = (ev.NodeApproved(node=trees.node(1)), SUBMITTED, AGAIN, WRITTEN)


def test_a_diff_has_every_part_and_nothing_where_nothing_is_new() -> None:
    both = TRAIN.model_copy(update={"rows": CODE.rows})
    assert diff(None, both).count("+++ ") == 2
    assert diff(both, both) == ""
    assert diff(CODE, both).startswith("--- train(base, rows, config, fit)")


def test_a_plan_without_code_has_nothing_to_show() -> None:
    found = tree(None)
    assert code_blocks(found, found.nodes[trees.node(1)]) == ()
    assert whole(found.nodes[trees.node(1)]) == "n1 runs no code that a model wrote."
    assert code_words(found) == ""


def test_code_is_marked_as_a_model_s() -> None:
    found = tree(CODE)
    heading, notice, brief, code = code_blocks(found, found.nodes[trees.node(1)])
    assert heading == Heading("Code written by a model")
    assert isinstance(notice, Paragraph)
    assert "not by a person" in notice.text
    assert brief == Paragraph("Its brief: Say everything twice.")
    assert isinstance(code, Verbatim)
    assert "+    return rows * 2" in code.text


def test_what_was_mended_is_shown_against_what_failed() -> None:
    found = tree(CODE, *BEGUN)
    n = found.nodes[trees.node(1)]
    said, code, waits = code_blocks(found, n)[-3:]
    assert said == Paragraph("Mended by a model for attempt 2 of n1.1: There is no text.")
    assert isinstance(code, Verbatim)
    assert "-    return rows * 2" in code.text
    assert waits == Paragraph("n1.1 waits for you: %trex approve n1 --code 2 lets the mended code run.")
    assert code_words(found) == "ask; n1.1 waits for you: mended code (%trex show n1)"
    assert "# n1, as mended for n1.1." in whole(n)


def test_characters_that_nobody_sees_are_not_shown() -> None:
    found = tree(CODE.model_copy(update={"rows": "def rewrite(rows):\n    return rows  # \u202e\u200b\x1b[2J\n"}))
    assert not set("\u202e\u200b\x1b") & set(whole(found.nodes[trees.node(1)]))

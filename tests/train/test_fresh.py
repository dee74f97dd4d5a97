"""What a language model wrote is trained on when it is new, and nothing of an evaluation split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.train.pools import example, walk
from trex_nb.core.ngrams import NGRAMS_FILE, write_sealed
from trex_nb.core.recipe import Balance, DataRecipe, Decontaminate, Generate
from trex_nb.core.task import Example
from trex_nb.train.operators.rows import examples_of

SEALED = "which of the three old bridges over the river was the first to be built of stone and not of wood"
ROWS = [example(f"question {i} about {w}", label=w) for i, w in enumerate(["ants", "bees", "cats", "dogs"])]


class Writer:
    """Writes the given prompts in turn."""

    def __init__(self, *prompts: str) -> None:
        self._prompts = list(prompts)
        self.shown: list[Example] = []

    def write(self, _instruction: str, rows: Sequence[Example]) -> Sequence[Example | None]:
        self.shown += rows
        new = [self._prompts.pop(0) if self._prompts else "" for _ in rows]
        return [r.model_copy(update={"prompt": p}) if p else None for r, p in zip(rows, new, strict=True)]

    def score(self, _question: str, rows: Sequence[Example]) -> Sequence[float]:
        return [1.0] * len(rows)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 1), dtype=np.float32)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    write_sealed(tmp_path / NGRAMS_FILE, [SEALED])
    return tmp_path


def new_rows(writer: Writer, n: int, beside: Path, rows: Sequence[Example] = ROWS) -> tuple[list[str], str]:
    """The prompts of new rows that stay, and what is said."""
    pool, (step,) = walk(DataRecipe(ops=(Generate(instruction="More.", n=n),)), rows, beside=beside, model=writer)
    stays = examples_of(pool.data, pool.rows)
    assert stays[: len(rows)] == list(rows)
    return [e.prompt for e in stays[len(rows) :]], step.said


def test_new_rows_are_added_and_counted(beside: Path) -> None:
    found, said = new_rows(Writer("all new", "", "wholly other"), 3, beside)
    assert found == ["all new", "wholly other"]
    assert said == "a language model wrote 2 rows after 3; left out: 1 without a usable answer"


def test_a_new_row_with_a_passage_of_an_evaluation_prompt_is_left_out_whatever_the_recipe(beside: Path) -> None:
    found, said = new_rows(Writer(f"Tell me, {SEALED.upper()}?", "something else", SEALED), 3, beside)
    assert found == ["something else"]
    assert "with a passage of an evaluation prompt" in said


def test_the_task_s_own_frame_is_no_passage_to_be_left_out_for(beside: Path) -> None:
    """Many rows have it, though few of the new ones do."""
    frame = "please read the following report and say in a single word which department it should be sent to :"
    write_sealed(beside / NGRAMS_FILE, [f"{frame} the light is out"])
    rows = [example(f"{frame} report {i * i} of {chr(97 + i) * 5}") for i in range(20)]
    found, _ = new_rows(Writer(f"{frame} a wholly new matter of some pipes that leak at night"), 1, beside, rows)
    assert len(found) == 1


def test_copies_of_rows_shown_and_of_new_ones_are_left_out(beside: Path) -> None:
    writer = Writer("Question 0 about ANTS", "one more thing", "one more thing", "One  more thing")
    found, said = new_rows(writer, 4, beside, ROWS)
    assert set(found) <= {"one more thing", "Question 0 about ANTS"}
    assert len([p for p in found if p == "one more thing"]) == 1
    assert "near copies" in said
    copies = Writer(*(r.prompt.upper() for r in ROWS * 2))
    assert new_rows(copies, 8, beside)[0] == []


def test_rows_are_shown_in_turn_until_enough_are_asked_for(beside: Path) -> None:
    writer = Writer()
    new_rows(writer, 10, beside)
    times = sorted(writer.shown.count(row) for row in ROWS)
    assert times == [2, 2, 3, 3]


def test_a_new_row_has_the_slice_of_the_row_it_was_written_after(beside: Path) -> None:
    writer = Writer("first", "second", "third")
    recipe = DataRecipe(ops=(Generate(instruction="More.", n=3),))
    pool, _ = walk(recipe, ROWS, beside=beside, model=writer)
    new = examples_of(pool.data, pool.rows)[len(ROWS) :]
    assert [e.slice for e in new] == [e.slice for e in writer.shown]
    assert len({e.id for e in new}) == 3


def test_rows_that_were_resampled_stay_so(beside: Path) -> None:
    recipe = DataRecipe(ops=(Balance(strength=1), Generate(instruction="More.", n=1)))
    rows = [example(f"say {i} {w}", w) for i, w in enumerate(["red"] * 9 + ["blue"])]
    pool, steps = walk(recipe, rows, beside=beside, model=Writer("something new"))
    assert len(pool.rows) == 11
    assert (steps[1].before, steps[1].after) == (10, 11)


def test_no_rows_have_no_rows_after_them(beside: Path) -> None:
    assert new_rows(Writer("a"), 3, beside, [])[0] == []
    assert new_rows(Writer(), 3, beside)[0] == []


def test_where_there_is_nothing_to_compare_with_that_is_said(tmp_path: Path) -> None:
    found, said = new_rows(Writer(SEALED), 1, tmp_path)
    assert found == [SEALED]
    assert "not compared with any evaluation prompts" in said


def test_the_operator_itself_finds_no_more_of_them(beside: Path) -> None:
    ops = (Generate(instruction="More.", n=2), Decontaminate())
    _, steps = walk(DataRecipe(ops=ops), ROWS, beside=beside, model=Writer(SEALED, "new"))
    assert steps[1].before == steps[1].after == 5

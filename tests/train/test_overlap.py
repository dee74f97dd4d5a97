"""Decontamination: what shares a passage with an evaluation prompt goes, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.train.pools import example, kept
from trex_nb.core.ngrams import NGRAMS_FILE, write_sealed
from trex_nb.core.recipe import Decontaminate
from trex_nb.core.task import Example
from trex_nb.study.intake import prepare as intake
from trex_nb.study.tasks import find_task
from trex_nb.train.failure import TrainingFailed
from trex_nb.train.operators.overlap import most_common

ITEM = "which of the seven bridges of the old town was the last to be built after the great flood"
OTHER = "nobody in this quiet valley ever asked who had planted all those walnut trees along the road"


def left(rows: list[Example], sealed: list[str], folder: Path, n: int = 13) -> list[str]:
    write_sealed(folder / NGRAMS_FILE, sealed)
    return [e.prompt for e in kept(Decontaminate(n=n), rows, beside=folder)]


def test_a_passage_inside_a_longer_row_is_found(tmp_path: Path) -> None:
    inside = f"Question 7. {ITEM.title()}? Please answer."
    assert left([example(inside), example(OTHER)], [ITEM], tmp_path) == [OTHER]


def test_a_passage_in_the_answer_is_found_too(tmp_path: Path) -> None:
    assert left([example("Ask me something.", ITEM), example(OTHER)], [ITEM], tmp_path) == [OTHER]


@pytest.mark.parametrize(("shared", "n", "is_kept"), [
    (12, 13, True), (13, 13, False), (8, 8, False), (7, 8, True), (15, 16, True), (16, 16, False),
])  # fmt: skip
def test_exactly_n_words_in_a_row_count(shared: int, n: int, is_kept: bool, tmp_path: Path) -> None:
    row = "here stands " + " ".join(ITEM.split()[:shared]) + " as it were"
    assert (left([example(row)], [ITEM], tmp_path, n) == [row]) == is_kept


def test_as_many_words_with_a_gap_do_not_count(tmp_path: Path) -> None:
    parts = ITEM.split()
    row = " ".join([*parts[:9], "truly", *parts[9:]])
    assert left([example(row)], [ITEM], tmp_path) == [row]


def test_a_short_prompt_is_compared_whole(tmp_path: Path) -> None:
    rows = [example("2 + 3 ="), example("2 - 3 ="), example("what is 2 + 3 = ?"), example(" ÜBER  uns")]
    assert left(rows, ["2 + 3 =", "über uns"], tmp_path) == ["2 - 3 =", "what is 2 + 3 = ?"]


def test_what_most_rows_share_is_boilerplate_but_a_whole_prompt_never_is(tmp_path: Path) -> None:
    frame = "read the remark below with care and tell in one word what its writer felt about it then"
    rows = [example(f"{frame} : remark number {i} of mine") for i in range(40)]
    sealed = [f"{frame} : the sealed remark", rows[3].prompt]
    assert left(rows, sealed, tmp_path) == [e.prompt for e in rows if e is not rows[3]]


def test_a_passage_of_a_few_rows_counts(tmp_path: Path) -> None:
    rows = [example(f"{ITEM} {i}") for i in range(most_common(0))]
    assert left([*rows, example(OTHER)], [ITEM], tmp_path) == [OTHER]
    assert len(left([*rows, example(f"{ITEM} more"), example(OTHER)], [ITEM], tmp_path)) == len(rows) + 2


WORDS = st.lists(st.sampled_from("abcde"), max_size=14)


@settings(max_examples=40)
@given(rows=st.lists(WORDS, min_size=1, max_size=12), sealed=st.lists(WORDS, max_size=4), n=st.sampled_from([8, 9, 13]))
def test_what_shares_nothing_is_never_removed(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], sealed: list[list[str]], n: int
) -> None:
    passages = {tuple(s[i : i + 8]) for s in sealed for i in range(len(s) - 7)} | {tuple(s) for s in sealed}
    innocent = [
        " ".join(r) for r in rows
        if tuple(r) not in passages and not passages & {tuple(r[i : i + 8]) for i in range(len(r) - 7)}
    ]  # fmt: skip
    found = left([example(" ".join(r)) for r in rows], [" ".join(s) for s in sealed], tmp_path_factory.mktemp("n"), n)
    assert [p for p in found if p in set(innocent)] == innocent
    assert not {" ".join(s) for s in sealed} & set(found)


@pytest.mark.parametrize("text", ["", "not numpy at all"])
def test_a_study_without_hashes_is_one_clear_failure(text: str, tmp_path: Path) -> None:
    if text:
        (tmp_path / NGRAMS_FILE).write_text(text)
    with pytest.raises(TrainingFailed, match="hashed passages") as failed:
        kept(Decontaminate(), [example("a")], beside=tmp_path)
    assert len(str(failed.value).splitlines()) == 2


@pytest.mark.parametrize("name", ["tiny-intent", "unicode-category"])
def test_clean_embedded_tasks_lose_no_row_to_their_templates(name: str, tmp_path: Path) -> None:
    task = find_task(name)
    rows = intake(task.task, task.train, task.search, task.test)
    sealed = [e.prompt for e in (*rows.search, *rows.test)]
    assert len(left(list(rows.train), sealed, tmp_path)) == len(rows.train)
    leaked = [*rows.train, *rows.test[:20]]
    assert len(left(leaked, sealed, tmp_path)) == len(rows.train)

"""The record of answers: whole batches, the first answer holds, torn lines are passed over."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from trex_nb.train.answers import Answer, Answers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "answers.jsonl"


def test_what_was_added_is_there_for_whoever_reads(path: Path) -> None:
    said = [Answer(key="a", prompt="Grüße 語\u2028", answer="x"), Answer(key="b", score=0.5), Answer(key="c")]
    Answers(path).add(said)
    found = Answers(path)
    assert [found.get(a.key) for a in said] == said
    assert found.get("d") is None
    assert len(found) == 3


def test_the_first_answer_holds(path: Path) -> None:
    one, two = Answers(path), Answers(path)
    one.add([Answer(key="a", score=0.1)])
    two.add([Answer(key="a", score=0.9), Answer(key="b", score=0.9)])
    one.add([Answer(key="b", score=0.2), Answer(key="b", score=0.3)])
    assert [a.score for a in (two.get("a"), one.get("b")) if a] == [0.1, 0.9]
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("torn", [b'{"key": "b", "sco', b'{"key": "b"', b"\xff\xfe", b"\n\n"])
def test_a_torn_line_is_passed_over_and_the_next_is_whole(path: Path, torn: bytes) -> None:
    Answers(path).add([Answer(key="a", score=1)])
    with path.open("ab") as file:
        file.write(torn)
    found = Answers(path)
    assert len(found) == 1
    found.add([Answer(key="b", score=1), Answer(key="c")])
    again = Answers(path)
    assert [again.get(key) is not None for key in "abc"] == [True] * 3


def test_several_may_write_at_once(path: Path) -> None:
    def write(who: int) -> None:
        answers = Answers(path)
        for i in range(20):
            answers.add([Answer(key=str(i), prompt=str(who), answer="x"), Answer(key=f"{who}-{i}")])

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Answers(path)) == 20 + 80
    assert len(path.read_text().splitlines()) == 100


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    answers = Answers()
    answers.add([Answer(key="a")])
    assert answers.get("a")
    assert not list(tmp_path.iterdir())

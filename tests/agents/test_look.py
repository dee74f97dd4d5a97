"""A look at rows: labels, ids, lengths, copies, languages."""

from __future__ import annotations

import pytest

from trex_nb.agents.look import look


def rows(n: int = 60) -> list[dict[str, str]]:
    return [
        {"id": str(i), "text": f"remark number {i} of many", "kind": "ab"[i % 2], "n": str(i % 7)} for i in range(n)
    ]


def test_columns_are_told_apart() -> None:
    seen = look(rows())
    by_name = seen.by_name
    assert seen.rows == 60
    assert [c.name for c in seen.columns] == ["id", "text", "kind", "n"]
    assert [c.is_id for c in seen.columns] == [True, False, False, False]
    assert by_name["kind"].labels == (("a", 30), ("b", 30))
    assert by_name["text"].labels == ()
    assert by_name["n"].is_number
    assert (by_name["text"].distinct, by_name["text"].longest) == (60, 24)
    assert by_name["text"].examples[0] == "remark number 0 of many"


def test_copies_and_gaps_are_counted() -> None:
    seen = look([{"a": "One  thing", "b": "x"}, {"a": "one thing", "b": "X"}, {"a": " ", "b": "y"}])
    assert seen.copies == 1
    assert seen.columns[0].filled == 2


@pytest.mark.parametrize(("text", "language"), [
    ("The food was good and the room is nice", "English"), ("Das Essen ist gut und der Raum nicht", "German"),
    ("Le repas est bon et les gens dans la salle", "French"), ("La comida es buena y los platos", "Spanish"),
    ("饭菜很好吃", "Chinese"), ("とても美味しい食べ物", "Japanese"), ("Еда была хорошей", "Cyrillic script"),
    ("الطعام جيد", "Arabic script"), ("음식이 좋다", "Korean"),
])  # fmt: skip
def test_languages_are_guessed(text: str, language: str) -> None:
    assert look([{"text": text}] * 3).languages == (language,)


def test_what_speaks_for_no_language_is_none() -> None:
    assert look([{"text": "C1CCCCC1 =O"}] * 3).languages == ()
    assert look([]).languages == ()

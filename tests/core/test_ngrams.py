from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trex_nb.core.ngrams import N, ngrams, normalised, places, sealed, whole, words, write_sealed

EIGHT = "one two three four five six seven eight"


@pytest.mark.parametrize(("text", "found"), [
    ("Don't panic, ever_so!", ["don", "t", "panic", "ever", "so"]), ("STRASSE straße", ["strasse", "strasse"]),
    ("Ünï 3.14", ["ünï", "3", "14"]), ("東京 tower", ["東", "京", "tower"]), ("🙂 !?", []), ("", []),
])  # fmt: skip
def test_words_are_folded_and_without_punctuation(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text(alphabet="ab_- .,'1A\t\n", max_size=30))
def test_plain_text_is_split_as_any_other(text: str) -> None:
    assert words(text) == words(text + " é")[:-1]


def test_n_grams_do_not_cross_from_text_to_text() -> None:
    found, owner = ngrams([EIGHT, "", f"{EIGHT} nine", "one two three", EIGHT])
    assert owner.tolist() == [0, 2, 2, 4]
    assert found[0] == found[1] == found[3] != found[2]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=12).map(" ".join), max_size=6))
def test_equal_n_grams_are_equal_words(texts: list[str]) -> None:
    plain = [tuple(t.split()[i : i + N]) for t in texts for i in range(len(t.split()) - N + 1)]
    found, _ = ngrams(texts)
    assert len(found) == len(plain)
    assert len(set(found.tolist())) == len(set(plain))


def test_the_order_of_words_counts() -> None:
    one, _ = ngrams([EIGHT])
    other, _ = ngrams([EIGHT.replace("one two", "two one")])
    assert one[0] != other[0]


def test_a_whole_text_is_compared_with_its_punctuation_but_not_its_case() -> None:
    same, folded, other = whole(["2 + 3 =", " 2  + 3 =", "2 - 3 ="])
    assert same == folded != other
    assert normalised(" A \n b") == "a b"


def test_places_of_what_is_known_and_what_is_not() -> None:
    known = np.array([3, 7, 9], dtype=np.uint64)
    assert places(np.array([9, 4, 3, 10], dtype=np.uint64), known).tolist() == [2, -1, 0, -1]
    assert places(np.array([9], dtype=np.uint64), known[:0]).tolist() == [-1]


def test_what_is_kept_of_evaluation_prompts_holds_no_text(tmp_path: Path) -> None:
    secret = "the quick brown fox jumps over the lazy dog at Aachen"
    write_sealed(tmp_path / "data" / "n.npy", [secret, "short"])
    stored = (tmp_path / "data" / "n.npy").read_bytes()
    assert not [word for word in (*secret.split(), "short") if len(word) > 3 and word.encode() in stored]
    kept = np.load(tmp_path / "data" / "n.npy", allow_pickle=False)
    assert kept.dtype == np.uint64
    assert kept.tolist() == sorted({*kept.tolist()})
    assert len(kept) == 4 + 2  # n-grams of eleven words, and two wholes


def test_no_prompts_are_no_hashes() -> None:
    assert len(sealed([])) == 0

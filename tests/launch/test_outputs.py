"""What cells print is kept in bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trex_nb.launch.outputs import CappedText


@given(st.lists(st.text(alphabet="abc\n", max_size=30), max_size=20))
def test_head_and_tail_are_kept_and_the_rest_is_counted(chunks: list[str]) -> None:
    text = CappedText(head=10, tail=10)
    for chunk in chunks:
        text.add(chunk)
    whole = "".join(chunks)
    left_out = len(whole) - 20
    expected = whole if left_out <= 0 else f"{whole[:10]}\n… {left_out} characters left out …\n{whole[-10:]}"
    assert str(text) == expected


def test_a_flood_in_huge_and_tiny_pieces_stays_small() -> None:
    text = CappedText(head=1000, tail=1000)
    for _ in range(10):
        text.add("x" * 10_000_000)
    for _ in range(100_000):
        text.add("y")
    assert len(str(text)) < 2100
    assert str(text).endswith("y" * 1000)

from __future__ import annotations

from trex_nb.chat.patience import Patience


def test_waits_double_up_to_the_most_with_jitter() -> None:
    patience = Patience(first=0.5, most=3.0)
    assert [patience.wait(turn, None, 1.0) for turn in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 3.0]
    assert patience.wait(1, None, 0.0) == 0.25


def test_what_a_server_asks_for_is_waited_unless_it_is_too_long() -> None:
    assert Patience().wait(3, 0.0, 0.9) == 0.0
    assert Patience().wait(1, 60.0, 0.9) == 60.0
    assert Patience().wait(1, 61.0, 0.9) is None

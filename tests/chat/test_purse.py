from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from trex_nb.chat.purse import LEAST_REPLY, Allowance, Held, Purse


def free(_: int, __: int) -> float:
    return 0.0


def cost(prompt: int, reply: int) -> float:
    return prompt * 1e-6 + reply * 4e-6


def purse(tokens: int | None = None, money: float | None = None) -> Purse:
    return Purse(lambda: Allowance(tokens, money))


def test_without_limits_everything_goes() -> None:
    assert purse().hold(10**9, 8192, free) == (Held(10**9 + 8192, 0.0), 8192)


def test_what_is_held_is_not_there_for_another() -> None:
    ours = purse(tokens=10_000)
    held, most = ours.hold(1000, 8000, free) or (None, 0)
    assert held is not None
    assert most == 8000
    assert ours.hold(1000, 8000, free) is None
    ours.settle(held, 1500, 0.0)
    assert (ours.hold(1000, 8000, free) or (None, 0))[1] == 7500


def test_a_reply_is_shortened_to_what_is_left_as_long_as_that_is_of_use() -> None:
    assert (purse(tokens=1000 + LEAST_REPLY).hold(1000, 8000, free) or (None, 0))[1] == LEAST_REPLY
    assert purse(tokens=999 + LEAST_REPLY).hold(1000, 8000, free) is None
    assert (purse(tokens=1010).hold(1000, 10, free) or (None, 0))[1] == 10


def test_money_shortens_a_reply_too() -> None:
    held, most = purse(money=0.005).hold(1000, 8000, cost) or (Held(), 0)
    assert most == 1000
    assert held.money <= 0.005
    assert purse(money=0.0005).hold(1000, 8000, cost) is None


def test_the_limit_may_be_raised_at_any_time() -> None:
    limits = Allowance(tokens=100)
    ours = Purse(lambda: limits, tokens=100)
    assert ours.hold(10, 300, free) is None
    limits = Allowance(tokens=1000)
    assert ours.hold(10, 300, free) is not None


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3000), st.floats(0, 1)), max_size=30))
def test_whatever_is_asked_in_parallel_never_comes_to_more_than_the_limits(calls: list[tuple[int, int, float]]) -> None:
    ours, spent, dear = purse(tokens=10_000, money=0.02), 0, 0.0
    open_calls = []
    for prompt, reply, used in calls:
        if found := ours.hold(prompt, reply, cost):
            open_calls.append((prompt, found, used))
    for prompt, (held, most), used in open_calls:
        ours.settle(held, prompt + int(most * used), cost(prompt, int(most * used)))
        spent, dear = spent + prompt + int(most * used), dear + cost(prompt, int(most * used))
    assert spent <= 10_000
    assert dear <= 0.02 + 1e-9


def test_threads_share_one_purse() -> None:
    ours = purse(tokens=50_000)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ours.hold(500, 500, free), range(200)))
    assert sum(f is not None for f in found) == 50

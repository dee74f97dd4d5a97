from __future__ import annotations

import asyncio
import threading

from hypothesis import given
from hypothesis import strategies as st

from trex_nb.chat.purse import LEAST_REPLY, Allowance, Cost, Held, Purse


def free(_: int, __: int) -> float:
    return 0.0


def cost(prompt: int, reply: int) -> float:
    return prompt * 1e-6 + reply * 4e-6


def purse(tokens: int | None = None, money: float | None = None) -> Purse:
    return Purse(lambda: Allowance(tokens, money))


def held_by(ours: Purse, prompt: int, reply: int, price: Cost = free) -> tuple[Held, int] | None:
    return asyncio.run(ours.hold(prompt, reply, price))


def length(found: tuple[Held, int] | None) -> int | None:
    return found[1] if found else None


def test_without_limits_everything_goes() -> None:
    assert held_by(purse(), 10**9, 8192) == (Held(10**9 + 8192, 0.0), 8192)


def test_a_reply_is_shortened_to_what_is_left_as_long_as_that_is_of_use() -> None:
    assert length(held_by(purse(tokens=1000 + LEAST_REPLY), 1000, 8000)) == LEAST_REPLY
    assert held_by(purse(tokens=999 + LEAST_REPLY), 1000, 8000) is None
    assert length(held_by(purse(tokens=1010), 1000, 10)) == 10


def test_money_shortens_a_reply_too() -> None:
    held, most = held_by(purse(money=0.005), 1000, 8000, cost) or (Held(), 0)
    assert most == 1000
    assert held.money <= 0.005
    assert held_by(purse(money=0.0005), 1000, 8000, cost) is None


def test_what_is_held_is_not_there_for_another_who_waits_until_it_is_settled() -> None:
    async def two() -> int | None:
        ours = purse(tokens=10_000)
        held, most = await ours.hold(1000, 8000, free) or (Held(), 0)
        assert most == 8000
        assert ours.left() == Allowance(1000, None)
        second = asyncio.create_task(ours.hold(1000, 8000, free))
        await asyncio.sleep(0)
        assert not second.done()
        ours.settle(held, 1500, 0.0)
        return length(await second)

    assert asyncio.run(two()) == 7500


def test_who_stops_waiting_is_forgotten() -> None:
    async def leave() -> int | None:
        ours = purse(tokens=1000)
        held, _ = await ours.hold(0, 900, free) or (Held(), 0)
        second = asyncio.create_task(ours.hold(0, 900, free))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        ours.settle(held, 100, 0.0)
        return length(await ours.hold(0, 900, free))

    assert asyncio.run(leave()) == 900


def test_the_limit_may_be_raised_at_any_time() -> None:
    limits = Allowance(tokens=100)
    ours = Purse(lambda: limits, tokens=100)
    assert held_by(ours, 10, 300) is None
    limits = Allowance(tokens=1000)
    assert held_by(ours, 10, 300) is not None


def test_what_was_spent_elsewhere_counts() -> None:
    ours = purse(tokens=1000, money=1.0)
    ours.spend(600, 0.25)
    assert ours.left() == Allowance(400, 0.75)
    ours.spend(600, 2.0)
    assert ours.left() == Allowance(0, 0.0)


Call = tuple[int, int, float]


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3000), st.floats(0, 1)), max_size=30))
def test_whatever_is_asked_in_parallel_never_comes_to_more_than_the_limits(calls: list[Call]) -> None:
    ours = purse(tokens=10_000, money=0.02)
    spent: list[tuple[int, float]] = []

    async def one(prompt: int, reply: int, used: float) -> None:
        if found := await ours.hold(prompt, reply, cost):
            await asyncio.sleep(0)
            written = int(found[1] * used)
            spent.append((prompt + written, cost(prompt, written)))
            ours.settle(found[0], *spent[-1])

    async def everybody() -> None:
        await asyncio.gather(*(one(*call) for call in calls))

    asyncio.run(everybody())
    assert sum(tokens for tokens, _ in spent) <= 10_000
    assert sum(money for _, money in spent) <= 0.02 + 1e-9


def test_threads_with_loops_of_their_own_share_one_purse() -> None:
    ours, found = purse(tokens=50_000), list[bool]()

    async def calls() -> None:
        for _ in range(25):
            held = await ours.hold(500, 500, free)
            found.append(held is not None)
            if held:
                await asyncio.sleep(0)
                ours.settle(held[0], 1000, 0.0)

    threads = [threading.Thread(target=asyncio.run, args=(calls(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(True) == 50
    assert ours.left().tokens == 0

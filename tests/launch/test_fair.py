"""Who may start: the laws of a machine that is shared."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from trex_nb.core.ids import RunId
from trex_nb.core.job import Resources
from trex_nb.launch.fair import Machine, Ticket, granted, impossible, most

BIG = Machine(cores=4, memory_mb=1000, gpus=("0", "1"))


def ticket(number: int, study: str = "a", *, priority: int = 0, came: int = 0, **resources: float) -> Ticket:
    return Ticket(
        number=number, run=RunId(f"n{number}.1"), study=study, priority=priority, came=came, devices=BIG.gpus,
        resources=Resources.model_validate(resources),
    )  # fmt: skip


def numbers(tickets: tuple[Ticket, ...]) -> list[int]:
    return [t.number for t in tickets]


sizes = st.builds(
    Resources, cores=st.integers(1, 6), gpus=st.sampled_from([0, 0.25, 1 / 3, 0.5, 1, 2]),
    memory_mb=st.sampled_from([0, 100, 600, 2000]),
)  # fmt: skip
lines = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-1, 1), sizes), max_size=12).map(
    lambda found: [
        ticket(i, study, priority=priority).model_copy(update={"resources": size})
        for i, (study, priority, size) in enumerate(found)
    ]
)


def check_fits(holding: tuple[Ticket, ...]) -> None:
    if len(holding) > 1:
        assert sum(min(t.resources.cores, BIG.cores) for t in holding) <= BIG.cores
        assert sum(t.resources.memory_mb for t in holding) <= BIG.memory_mb
    used: Counter[str] = Counter()
    for t in holding:
        assert len(set(t.gpus)) == len(t.gpus) == -(-t.resources.gpus // 1)
        for gpu in t.gpus:
            used[gpu] += min(1, t.resources.gpus)  # type: ignore[assignment]
    assert all(share <= 1 + 1e-5 for share in used.values())


@given(lines)
def test_nobody_is_given_what_somebody_has(waiting: list[Ticket]) -> None:
    check_fits(granted(waiting, (), BIG, 0))


@given(lines, st.randoms())
def test_every_job_has_its_turn_and_all_fit_at_all_times(waiting: list[Ticket], chance: object) -> None:
    """Whoever ends next, and however many small jobs keep coming, each job of the beginning starts."""
    left, given_so_far, number = list(waiting), 0, 1000
    holding: tuple[Ticket, ...] = ()
    for _ in range(400):
        new = granted(left, holding, BIG, given_so_far)
        given_so_far += len(new)
        holding = (*holding, *new)
        check_fits(holding)
        left = [t for t in left if t.number not in numbers(new)]
        if not any(t.number < 1000 for t in left):
            return
        while len(left) < len(waiting) + 3:
            number += 1
            left.append(ticket(number, "z", priority=-1, came=given_so_far))
        gone = chance.choice(holding)  # type: ignore[attr-defined]
        holding = tuple(t for t in holding if t is not gone)
    raise AssertionError(numbers(tuple(left)))


@given(lines, lines)
def test_the_order_of_the_question_is_of_no_account(waiting: list[Ticket], others: list[Ticket]) -> None:
    holding = granted(others, (), BIG, 0)
    assert granted(waiting, holding, BIG, 5) == granted(waiting[::-1], holding[::-1], BIG, 5)


@given(lines)
def test_something_runs_while_anything_waits(waiting: list[Ticket]) -> None:
    assert bool(granted(waiting, (), BIG, 10**6)) == bool(waiting)


def test_priority_goes_before_arrival_and_arrival_decides_the_rest() -> None:
    line = [ticket(1, cores=2), ticket(2, cores=2), ticket(3, priority=1, cores=2)]
    assert numbers(granted(line, (), BIG, 0)) == [3, 1]


def test_the_study_that_holds_least_goes_first() -> None:
    line = [*(ticket(n, "a") for n in range(1, 9)), *(ticket(n, "b") for n in range(9, 12))]
    assert numbers(granted(line, (), BIG, 0)) == [1, 9, 2, 10]
    holding = (ticket(20, "a"), ticket(21, "a"))
    assert numbers(granted(line, holding, BIG, 0)) == [9, 10]


def test_a_study_with_a_gpu_holds_more_than_one_with_a_core() -> None:
    holding = (ticket(1, "a").model_copy(update={"resources": Resources(gpus=1), "gpus": ("0",)}), ticket(2, "b"))
    assert numbers(granted([ticket(3, "a"), ticket(4, "b")], holding, BIG, 0)) == [4, 3]


def test_a_big_job_is_passed_over_for_a_while_and_then_no_longer() -> None:
    big, small, busy = ticket(1, cores=4), ticket(2), (ticket(0),)
    assert numbers(granted([big, small], busy, BIG, BIG.patience - 1)) == [2]
    assert granted([big, small], busy, BIG, BIG.patience) == ()
    assert numbers(granted([big, small], (), BIG, BIG.patience)) == [1]


def test_what_asks_for_more_than_there_is_runs_alone() -> None:
    huge, small = ticket(1, cores=64, memory_mb=9000), ticket(2)
    assert numbers(granted([huge, small], (), BIG, 0)) == [1]
    assert granted([small], (huge,), BIG, 0) == ()
    assert numbers(granted([ticket(1, memory_mb=9000), small], (), BIG, 0)) == [1]


def test_shares_of_gpus_are_put_together_so_that_whole_ones_stay_free() -> None:
    line = [ticket(1, gpus=1 / 3), ticket(2, gpus=1 / 3), ticket(3, gpus=1), ticket(4, gpus=1 / 3)]
    assert [t.gpus for t in granted(line, (), BIG, 0)] == [("0",), ("0",), ("1",), ("0",)]


def test_gpus_that_are_not_there_are_refused_and_hold_up_nobody() -> None:
    never, small = ticket(1, gpus=3), ticket(2)
    assert impossible(never) == "It asks for 3 GPUs, and this machine has 2."
    assert not impossible(small)
    assert numbers(granted([never, small], (), BIG, 10**6)) == [2]


def test_a_job_sees_the_gpus_of_its_own_process_alone() -> None:
    other = ticket(1, gpus=1).model_copy(update={"devices": ("1",)})
    (placed,) = granted([other], (), BIG, 0)
    assert placed.gpus == ("1",)


def test_how_many_of_a_kind_run_at_a_time() -> None:
    assert most(Resources(), BIG) == 4
    assert most(Resources(cores=3), BIG) == 1
    assert most(Resources(cores=99), BIG) == 1
    assert most(Resources(memory_mb=300), BIG) == 3
    assert most(Resources(gpus=1), BIG) == 2
    assert most(Resources(gpus=1 / 3), BIG) == 4
    assert most(Resources(gpus=2), BIG) == 1


def test_ten_thousand_wait_and_the_choice_stays_quick_to_make() -> None:
    line = [ticket(n, f"s{n % 7}") for n in range(10_000)]
    assert numbers(granted(line, (), BIG, 0)) == [0, 1, 2, 3]

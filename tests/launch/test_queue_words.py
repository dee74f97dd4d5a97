"""What is said of a shared machine."""

from __future__ import annotations

from tests.launch.test_fair import BIG, ticket
from trex_nb.launch.fair import Machine
from trex_nb.launch.queue_words import machine_words, names, waits_for

TWO = Machine(cores=2, memory_mb=8000)
HOLDING = [ticket(1, "/home/me/.trex/tiny-intent"), ticket(2, "/home/me/.trex/qa")]


def test_who_has_the_cores_is_named() -> None:
    assert waits_for(ticket(3), [ticket(3)], HOLDING, TWO) == (
        "a free core: n1.1 of tiny-intent and n2.1 of qa hold all 2"
    )
    assert waits_for(ticket(3, cores=2), [], HOLDING[:1], TWO) == "2 free cores: n1.1 of tiny-intent holds 1 of 2"


def test_who_has_the_memory_is_named() -> None:
    big = ticket(1, "qa", memory_mb=6000)
    assert waits_for(ticket(3, memory_mb=3000), [], [big], TWO) == (
        "3.0 GB of memory: n1.1 of qa holds 6.0 GB of 8.0 GB"
    )


def test_who_has_the_gpus_is_named() -> None:
    held = ticket(1, "qa", gpus=2).model_copy(update={"gpus": ("0", "1")})
    assert waits_for(ticket(3, gpus=1), [], [held, ticket(2)], BIG) == "a free GPU: n1.1 of qa holds 2 of 2"
    assert waits_for(ticket(3, gpus=0.5), [], [held], BIG) == "0.5 of a GPU: n1.1 of qa holds 2 of 2"


def test_who_goes_first_is_named() -> None:
    me, other = ticket(3, "qa"), ticket(2, "qa", cores=2)
    assert waits_for(me, [me, other], HOLDING[:1], TWO) == "its turn: n2.1 of qa goes first"


def test_a_long_list_ends_in_a_number() -> None:
    assert names([ticket(n, "") for n in range(1, 7)]) == "n1.1, n2.1, n3.1, n4.1 and 2 more"


def test_the_machine_on_one_line() -> None:
    assert machine_words([], [], TWO) == "0 of 2 cores taken"
    assert machine_words([ticket(3, "qa")], HOLDING, TWO) == (
        "2 of 2 cores taken: n1.1 of tiny-intent and n2.1 of qa; n3.1 of qa waits"
    )
    assert machine_words([], [], BIG) == "0 of 4 cores, 0 of 2 GPUs taken"

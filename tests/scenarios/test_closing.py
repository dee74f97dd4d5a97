"""Closing: whoever waits is told, what is displayed says so, and opening again brings it back."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.scenarios.house import House, until
from trex_nb.errors import CommandError
from trex_nb.widget.explorer import Explorer
from trex_nb.widget.live import LiveTree, explorer_of


def test_waiting_ends_when_the_study_is_closed(build: Callable[..., House]) -> None:
    house = build(is_auto=False)
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run()
    until(study, lambda _: "n1.1" in house.launcher.jobs)  # a job that never ends: there is something to wait for
    refused: list[str] = []

    def wait() -> None:
        try:
            study.wait()
        except CommandError as error:
            refused.append(error.what)

    waiter = threading.Thread(target=wait)
    waiter.start()
    study.close()
    waiter.join(timeout=20)
    assert refused == ["The study colours was closed."]


def test_a_displayed_tree_says_that_its_study_was_closed_and_comes_back(build: Callable[..., House]) -> None:
    house = build()
    study = house.open()
    live = LiveTree(study)
    live.close()
    assert live._explorer.read_only
    assert "%trex start colours" in live._explorer.error
    study.close()
    live.reopen(house.open())
    assert (live._explorer.read_only, live._explorer.error) == (False, "")
    live.close()


@pytest.mark.parametrize("close", [Explorer.close, lambda explorer: explorer.comm.close()], ids=["by us", "by marimo"])
def test_an_explorer_follows_until_it_is_closed(build: Callable[..., House], close: Callable[[Explorer], None]) -> None:
    study = build(is_auto=False).open()
    explorer, closed = explorer_of(study), explorer_of(study)
    close(closed)
    told = threading.Event()
    study.subscribe(lambda tree: told.set() if "n1" in tree.nodes else None)
    study.plan(1)
    assert told.wait(20)
    assert [r["id"] for r in explorer.tree["rows"]] == ["n0", "n1"]
    assert [r["id"] for r in closed.tree["rows"]] == ["n0"]
    explorer.close()


def test_a_command_out_of_range_is_refused_in_two_lines(build: Callable[..., House]) -> None:
    study = build().open()
    for method, values in (("budget", {"rounds": 0}), ("auto", {"hours": -1}), ("note", {"node": "n0", "text": ""})):
        with pytest.raises(CommandError, match=r"(?m)^[^\n]+\nTry: [^\n]+$"):
            getattr(study, method)(**values)

"""Two notebooks have one study open: both command, one leads."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.scenarios.house import House, statuses, until
from trex_nb.core.ids import RunId
from trex_nb.store.sqlite import SqliteStore
from trex_nb.study.writer import FileLead

Build = Callable[..., House]


def _two(house: House) -> tuple[SqliteStore, SqliteStore]:
    house.store = SqliteStore(house.folder.database)
    return house.store, SqliteStore(house.folder.database)


def test_both_command_and_only_one_launches(build: Build) -> None:
    house = build(is_auto=False)
    stores = _two(house)
    one, two = (house.open(store=s, lead=FileLead(house.folder)) for s in stores)
    one.plan(2)
    until(two, lambda t: len(t.nodes) == 3)
    two.approve("n1")
    one.approve("n2")
    two.run(jobs=2)
    until(one, lambda _: len(house.launcher.jobs) == 2)
    for run in ("n1.1", "n2.1"):
        house.launcher.release(RunId(run))
    one.wait(30)
    until(two, lambda t: t == one.tree)
    assert len(house.launcher.submitted) == 2
    assert sorted(e.kind for e in house.events("node_proposed")) == ["node_proposed"] * 2


def test_when_the_leader_leaves_the_other_takes_over(build: Build) -> None:
    house = build(is_auto=False)
    stores = _two(house)
    one, two = (house.open(store=s, lead=FileLead(house.folder)) for s in stores)
    one.plan(1)
    until(two, lambda t: len(t.nodes) == 2)
    two.approve("n1")
    two.run()
    until(two, lambda _: "n1.1" in house.launcher.jobs)
    one.close()
    house.launcher.release(RunId("n1.1"))
    until(two, lambda t: statuses(t)["n1"] == "succeeded")
    assert len(house.launcher.submitted) == 1


def test_what_one_notebook_approved_the_other_finds_approved(build: Build) -> None:
    house = build(is_auto=False)
    stores = _two(house)
    one, two = (house.open(store=s, lead=FileLead(house.folder)) for s in stores)
    one.plan(1)
    one.approve("n1")
    assert re.fullmatch(r"n1 was already approved by human at \d\d:\d\d UTC\.", two.approve("n1").text)

"""Ten thousand experiments in the explorer: only what is in sight is in the page, and an update touches one row.

How long things take is printed (`pytest -s`), not judged: `python -m tests.benchmarks.explorer` has it beside a page
that draws all rows.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.shim import Shown
from tests.browser.timing import measured
from trex_nb.core import events as ev
from trex_nb.core.ids import node_id
from trex_nb.search.tree import Tree
from trex_nb.testing import trees

pytestmark = pytest.mark.browser
MANY = 10_000


@pytest.fixture(scope="module")
def large() -> Tree:
    return trees.large(MANY)


@pytest.fixture
def shown(page: Page, large: Tree) -> Shown:
    return Shown(page, large)


def test_only_rows_in_sight_are_in_the_page(page: Page, shown: Shown) -> None:
    assert page.locator(".t-rows [data-node]").count() < 60
    page.locator(".t-list").evaluate("e => e.scrollTop = 150000")
    expect(page.locator(".t-rows [aria-rowindex='5002']")).to_be_visible()
    assert page.locator(".t-rows [data-node]").count() < 60
    expect(page.locator(".t-rows [tabindex='0']")).to_have_count(1)  # the current row keeps the tab stop
    expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", str(MANY + 1))


def test_the_last_row_is_reached_by_key(page: Page, shown: Shown) -> None:
    page.locator(".t-rows [tabindex='0']").focus()
    page.keyboard.press("End")
    expect(page.locator(".t-rows [data-current]")).to_be_focused()
    expect(page.locator(".t-rows [data-current]")).to_have_attribute("aria-rowindex", str(MANY + 1))


def test_one_changed_node_is_one_row_in_the_page(page: Page, shown: Shown, large: Tree) -> None:
    page.evaluate("""() => { window.touched = new Set(); new MutationObserver((all) => all.forEach((m) => {
      const at = (m.target.closest ? m.target : m.target.parentElement)?.closest("[data-node]");
      if (at) window.touched.add(at.dataset.node); })).observe(document.querySelector(".t-rows"),
      { subtree: true, childList: true, attributes: true, characterData: true }); }""")
    noted = ev.Stamped(seq=large.seq + 1, time=1.0, actor="human", event=ev.NodePruned(node=node_id(MANY - 1)))
    shown.show(large.apply(noted))
    again = ev.Stamped(seq=large.seq + 1, time=1.0, actor="human", event=ev.NodeNoted(node=node_id(1), text="a note"))
    shown.show(large.apply(again))
    assert len(shown.drawing.changed) <= 2
    assert set(page.evaluate("[...window.touched]")) <= {"n1"}


def test_how_long_it_takes(page: Page, large: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(page, large)
    with capsys.disabled():
        print("\n" + "\n".join(f"  10,000 experiments, {name}: {value:.1f} ms" for name, value in found.items()))  # noqa: T201
    assert set(found) == {"module load", "first paint", "scroll, median frame", "pan, median frame", "one-node update"}

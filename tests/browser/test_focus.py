"""The focus stays in the explorer, whatever a person presses and whatever the kernel sends meanwhile."""

from __future__ import annotations

from random import Random

import pytest
from playwright.sync_api import Page, expect

from tests.browser.shim import Shown, known_of, row
from tests.browser.test_explorer import BUSY, action, answer, busy, panel, submit
from trex_nb.core import events as ev
from trex_nb.core.ids import node_id
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.widget.details import comparison

__all__ = ["busy"]  # a fixture
pytestmark = pytest.mark.browser

IS_HELD = """() => new Promise((done) => requestAnimationFrame(() => setTimeout(() =>
  done(document.querySelector('.trex-explorer').contains(document.activeElement)))))"""
KEYS = (
    *"aprensu/?* ", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageDown", "Enter", "Escape",
    "Tab", "Shift+Tab", "Shift+ArrowDown", "Control+a", "Delete",
)  # fmt: skip
CLICK = """(at) => { const all = [...document.querySelectorAll(
  '.trex-explorer :is(button, summary, select, input, .t-mark, .t-toggle, .t-row:not(.t-head))')]
  .filter((e) => e.checkVisibility());
  const one = all[Math.floor(at * all.length)];
  if (one.tagName === 'SELECT') {
    one.focus();
    one.selectedIndex = Math.floor(at * 997) % one.options.length;
    one.dispatchEvent(new Event('input', { bubbles: true }));
    one.dispatchEvent(new Event('change', { bubbles: true }));
  } else {
    if (one.tabIndex >= 0) one.focus();
    one.click();
  } }"""
ANSWER = """([ok, asks]) => { const open = window.commands().find((m) => !m.isAnswered);
  if (!open) return;
  open.isAnswered = true;
  window.emit('msg:custom', { id: open.id, ok, text: ok ? 'Done.' : 'Refused.', asks: open.confirmed ? '' : asks,
    code: '%trex x' }); }"""


def is_held(page: Page) -> bool:
    held: bool = page.evaluate(IS_HELD)
    return held


def noted(*more: ev.Event) -> Tree:
    return trees.tree_of(BUSY, ev.NodeNoted(node=node_id(2), text="look"), *more)


def mark_two(page: Page) -> None:
    row(page, "n3").locator(".t-mark").click()
    row(page, "n4").locator(".t-mark").click()


def compare(page: Page, tree: Tree) -> None:
    page.evaluate("(a) => { window.answers.comparison = () => a; }", comparison(tree, node_id(3), node_id(4)))
    mark_two(page)
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(panel(page).get_by_role("button", name="Close comparison")).to_be_focused()


def test_a_filter_that_lets_nothing_through_any_more_keeps_the_focus(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    page.get_by_label("Show", exact=True).select_option("waiting")
    row(page, "n3").click()
    shown.show(noted(trees.approved(3), trees.approved(4)))
    expect(page.get_by_text("No experiment fits.")).to_be_visible()
    assert is_held(page)
    page.keyboard.press("/")
    expect(page.get_by_label("Search experiments")).to_be_focused()


def test_a_closed_comparison_gives_the_focus_back(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    compare(page, busy)
    page.get_by_role("button", name="Close comparison").click()
    assert is_held(page)


def test_a_letter_ends_a_comparison_and_opens_what_it_stands_for(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    compare(page, busy)
    row(page, "n4").focus()
    page.keyboard.press("p")
    expect(panel(page).get_by_label("Why")).to_be_focused()


@pytest.mark.parametrize("name", ["Approve all", "Compare"])
def test_a_button_that_goes_takes_no_focus_along(page: Page, busy: Tree, name: str) -> None:
    shown = Shown(page, busy)
    page.get_by_label("Show", exact=True).select_option("waiting")
    mark_two(page)
    page.get_by_role("button", name=name).first.focus()
    shown.show(noted(trees.approved(3)))
    assert is_held(page)


def test_an_update_leaves_the_focus_on_undo(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    row(page, "n4").click()
    action(page, "Prune").click()
    submit(page).click()
    shown.reply(ok=True, text="Pruned n4.", code="%trex prune n4")
    undo = answer(page).get_by_role("button", name="Undo")
    undo.focus()
    shown.show(noted(ev.NodePruned(node=node_id(4))))
    expect(undo).to_be_focused()


def test_a_log_that_grows_is_not_taken_from_who_reads_it(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy, log="step step\n" * 100)
    row(page, "n2").click()
    page.locator("summary", has_text="Log").click()
    log = page.locator(".t-section pre", has_text="step step")
    log.focus()
    known = known_of(busy, "step step\n" * 100 + "the end")
    page.evaluate("(k) => { window.answers.details = (q) => ({ details: q.nodes.map((n) => k[n]) }); }", known)
    shown.show(noted())
    expect(log).to_contain_text("the end")
    expect(log).to_be_focused()


def test_a_form_survives_that_all_is_drawn_anew(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy, log="step")
    row(page, "n2").click()
    page.get_by_role("group", name="Run n2.1").get_by_role("button", name="Fork").click()
    words = page.get_by_label("How the fork goes on")
    words.fill("halve the rate")
    page.evaluate("(d) => window.setState('tree', d)", {**shown.drawing.wire, "revision": 9})
    expect(words).to_be_focused()
    expect(words).to_have_value("halve the rate")


def test_the_tab_key_comes_to_the_outline_when_the_current_row_is_not_listed(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    page.get_by_label("Show", exact=True).select_option("waiting")
    row(page, "n4").click()
    page.get_by_label("Show", exact=True).select_option("running")
    first = page.locator(".t-rows [tabindex='0']")
    expect(first).to_have_count(1)
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".t-rows [data-current]")).to_be_focused()


def test_a_question_takes_the_focus_in_the_view_that_gave_the_command(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy, views=2)
    views = [page.locator(".trex-explorer").nth(i) for i in (1, 0)]
    for view in views:
        view.locator(".t-rows [data-node='n3']").click()
        view.locator(".t-detail [data-action=plan]").click()
        page.keyboard.press("Enter")
        shown.reply(ok=True, text="", asks="Would take a while.")
        expect(view.locator(".t-detail").get_by_role("button", name="Yes")).to_be_focused()
        page.keyboard.press("Escape")


def walk(random: Random) -> list[Tree]:
    """A study as it goes on: proposals decided on this way and that."""
    events: list[ev.Event] = []
    found = []
    for i in range(5, 25):
        events += [trees.proposed(i, random.randrange(i))]
        note = ev.NodeNoted(node=node_id(2), text="x")
        done = random.choice((trees.approved(i), ev.NodePruned(node=node_id(i)), note))
        found += [trees.tree_of(BUSY, *events), trees.tree_of(BUSY, *events, done)]
        events += [done]
    return [*found, trees.tree_of(BUSY, *events, trees.approved(3), trees.approved(4))]


def test_no_keys_clicks_answers_and_updates_lose_the_focus(page: Page, busy: Tree) -> None:
    random = Random(5)
    shown = Shown(page, busy, log="a log")
    page.evaluate("(a) => { window.answers.comparison = () => a; }", comparison(busy, node_id(3), node_id(4)))
    page.evaluate("() => { window.answers.weigh = () => ({ text: 'Would.', code: '%trex' }); }")
    row(page, "n3").click()
    ahead = walk(random)
    told: list[object] = []
    for _ in range(200):
        what = random.random()
        if what < 0.6:
            told.append(key := random.choice(KEYS))
            page.keyboard.press(key)
        elif what < 0.8:
            told.append(at := random.random())
            page.evaluate(CLICK, at)
        elif what < 0.9:
            told.append(said := [random.random() < 0.7, random.choice(("", "Would."))])
            page.evaluate(ANSWER, said)
        elif ahead:
            told.append("update")
            shown.show(ahead.pop(0))
        if not is_held(page):
            page.keyboard.press("Shift+Tab")  # past either end there is nothing else on this page
            assert told[-1] in ("Tab", "Shift+Tab"), told[-12:]
            row(page, page.locator(".t-rows [data-node]").first.get_attribute("data-node") or "").focus()

"""The explorer in a real JupyterLab under a person's hands: keyboard, edit form, more than one page, both themes.

Nothing is trained here; `test_lab` has the jobs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.lab import PATIENCE, Explorer, Lab, Notebook, running, shoot, watched, write_notebook

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)

CELLS = ["%load_ext trex_nb\nstudy = %trex start tiny-intent", "%trex budget --rounds 40\n%trex plan -n 4"]
START, PLAN = range(len(CELLS))

HOLD = """
const own = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
window.held = null;
Object.defineProperty(WebSocket.prototype, "onmessage", {
  get: own.get,
  set(f) {
    const later = (e) => (window.held ? window.held.push(() => f.call(this, e)) : f.call(this, e));
    own.set.call(this, f && later);
  },
});
window.letGo = () => { const late = window.held; window.held = null; late.forEach((f) => f()); };
"""
"""A slow line: while `held` is a list, what the kernel says waits in it."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    for name in ("desk.ipynb", "other.ipynb"):
        write_notebook(folder / name, CELLS)
    with running(folder, tmp_path_factory.mktemp("state")) as lab:
        yield lab


@pytest.fixture(scope="module")
def desk(browser: Browser, lab: Lab) -> Iterator[Notebook]:
    """The notebook with a study of which nothing runs."""
    with watched(browser) as page:
        notebook = lab.open(page, "desk.ipynb")
        notebook.run(START)
        yield notebook


@pytest.fixture
def waiting(desk: Notebook) -> list[str]:
    """At least four proposals that wait, in the order of the rows."""
    desk.run(PLAN)
    expect(desk.explorer.root.locator("[data-status=proposed]").nth(3)).to_be_attached()
    return desk.explorer.has("proposed")


@pytest.fixture
def press(desk: Notebook) -> Callable[..., None]:
    """Presses keys; each must leave the focus in the explorer."""

    def press(*keys: str) -> None:
        for key in keys:
            desk.page.keyboard.press(key)
            assert desk.explorer.has_focus, f"{key} took the focus out of the explorer"

    return press


def tab_until(page: Page, reached: Callable[[], bool], key: str = "Tab") -> None:
    """Press Tab until it is `reached`, as far as a person would."""
    for _ in range(80):
        page.keyboard.press(key)
        if reached():
            return
    pytest.fail(f"80 times {key} did not lead there")


def walk(explorer: Explorer, node: str, press: Callable[..., None]) -> None:
    """Go to a row with the arrow keys."""
    press("Home")
    while explorer.root.locator("[data-current]").get_attribute("data-node") != node:
        press("ArrowDown")


def test_a_proposal_is_approved_pruned_and_redirected_by_keyboard_alone(
    desk: Notebook, waiting: list[str], press: Callable[..., None]
) -> None:
    explorer, page = desk.explorer, desk.page
    one, two, three, *_ = waiting
    desk.cell(START).focus()
    tab_until(page, lambda: explorer.has_focus)
    tab_until(page, lambda: bool(explorer.root.evaluate("r => Boolean(document.activeElement.dataset.node)")))
    walk(explorer, one, press)
    press("Enter")
    expect(explorer.button("approve")).to_be_focused()
    press("Enter")
    expect(explorer.answer).to_contain_text(f"Approved {one}")
    expect(explorer.row(one)).to_be_focused()
    walk(explorer, two, press)
    press("p", *"too slow", "Enter")
    expect(explorer.answer).to_contain_text(f"Pruned {two}")
    expect(explorer.row(two)).to_have_attribute("data-status", "pruned")
    assert explorer.has_focus
    press("Escape", "u", "Enter")
    expect(explorer.row(two)).to_have_attribute("data-status", "proposed")
    assert explorer.has_focus
    press("Escape")
    before = len(explorer.statuses)
    walk(explorer, three, press)
    press("r", *"rank 32", "Enter")
    expect(explorer.answer).to_contain_text(f"Redirected {three}")
    expect(explorer.root.locator(".t-rows [data-node]")).to_have_count(before + 1)
    assert explorer.has_focus
    press("Escape")
    expect(explorer.row(three)).to_be_focused()


@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
def test_the_keyboard_is_not_caught_in_the_explorer(desk: Notebook, waiting: list[str], key: str) -> None:
    explorer = desk.explorer
    explorer.act(waiting[0], "redirect")
    desk.page.keyboard.press("Escape")
    expect(explorer.button("redirect")).to_be_focused()
    desk.page.keyboard.press("Escape")
    expect(explorer.row(waiting[0])).to_be_focused()
    tab_until(desk.page, lambda: not explorer.has_focus, key)


def test_no_key_in_the_explorer_changes_a_cell(desk: Notebook, waiting: list[str], press: Callable[..., None]) -> None:
    explorer = desk.explorer
    explorer.select(waiting[0])
    before = desk.state
    for key in (*"bmxyzcvodd00", "Shift+m", " ", " ", "Control+a", "Escape", "ArrowDown", "ArrowUp", "ArrowLeft"):
        press(key)
    for key in ("a", "Escape", "Enter", "Escape", "n", "Escape", "Escape", "Control+Enter", "Escape", "Shift+Enter"):
        press(key)
    press("Escape")
    explorer.select(waiting[0])
    press("r", *"add dd x b a 00", "ArrowUp", "ArrowDown", "Control+a")
    expect(explorer.form.locator("input")).to_have_value("add dd x b a 00")
    press("Escape", "Escape")
    for plain in (".t-goal", "h3", ".t-section p", "canvas"):  # what is clicked to read it, not to press it
        explorer.root.locator(plain).first.click(position={"x": 3, "y": 3})
        press(*"bardd")
    assert desk.state == before
    assert explorer.row(waiting[0]).get_attribute("data-status") == "proposed"


def edit_form(explorer: Explorer, node: str) -> Locator:
    """The form that changes a plan, opened by mouse."""
    explorer.select(node)
    expect(explorer.panel.locator(".t-section").first).to_be_visible()
    explorer.button("edit").click()
    return explorer.panel.get_by_role("form", name="Edit plan")


def test_a_plan_is_edited_in_place_and_the_verdict_says_what_it_would_become(
    desk: Notebook, waiting: list[str]
) -> None:
    explorer, node = desk.explorer, waiting[0]
    form = edit_form(explorer, node)
    form.get_by_label("r", exact=True).fill("24")
    expect(form.locator(".t-verdict")).to_contain_text("r 24")
    expect(form.locator(".t-verdict")).to_have_attribute("data-state", "ok")
    form.locator(".t-do").click()
    expect(explorer.answer).to_contain_text(f"Edited {node}")
    expect(explorer.row(node)).to_contain_text("r 24")


def test_a_bad_value_is_refused_in_words_and_nothing_typed_is_lost(desk: Notebook, waiting: list[str]) -> None:
    explorer, node = desk.explorer, waiting[0]
    title = explorer.row(node).locator(".t-title").inner_text()
    form = edit_form(explorer, node)
    form.get_by_label("r", exact=True).fill("many")
    form.get_by_label("learning_rate", exact=True).fill("0.0021")
    expect(form.locator(".t-verdict")).to_have_attribute("data-state", "failed")
    expect(form.locator(".t-verdict")).to_contain_text(re.compile(r"\br\b"))
    form.locator(".t-do").click()
    expect(explorer.row(node)).not_to_contain_text("sent …")
    expect(form.get_by_label("r", exact=True)).to_have_value("many")
    expect(form.get_by_label("learning_rate", exact=True)).to_have_value("0.0021")
    form.get_by_label("r", exact=True).fill("12")
    form.locator(".t-do").click()
    expect(explorer.answer).to_have_attribute("data-state", "ok")
    expect(explorer.row(node)).to_contain_text("r 12")
    assert explorer.row(node).locator(".t-title").inner_text() != title


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_object_to(desk: Notebook, waiting: list[str], theme: str) -> None:
    explorer = desk.explorer
    desk.theme(theme)
    explorer.act(waiting[0], "prune")
    expect(explorer.form.locator("input")).to_be_focused()
    expect(explorer.panel.locator(".t-section").first).to_be_visible()
    found = violations(desk.page, ".trex-explorer")
    desk.page.keyboard.press("Escape")
    edit_form(explorer, waiting[1])
    found += violations(desk.page, ".trex-explorer")
    shoot(desk, "7-edit", explorer.root)
    desk.page.keyboard.press("Escape")
    assert not found, "\n".join(found)


def test_a_decision_is_seen_in_another_page_of_the_same_kernel(
    desk: Notebook, waiting: list[str], lab: Lab, browser: Browser
) -> None:
    desk.save()
    with watched(browser) as page:
        other = lab.open(page, "desk.ipynb").explorer
        expect(other.row(waiting[0])).to_have_attribute("data-status", "proposed")
        expect(other.error).to_be_empty()
        desk.explorer.act(waiting[0], "approve")
        expect(other.row(waiting[0])).to_have_attribute("data-status", "approved")
        expect(other.act(waiting[1], "prune", "seen from here")).to_contain_text(f"Pruned {waiting[1]}")
        expect(desk.explorer.row(waiting[1])).to_have_attribute("data-status", "pruned")


def test_a_decision_is_seen_by_another_kernel_and_a_stale_click_is_told_who_was_first(
    desk: Notebook, waiting: list[str], lab: Lab, browser: Browser
) -> None:
    with ExitStack() as stack:
        page = stack.enter_context(watched(browser))
        page.add_init_script(HOLD)
        second = lab.open(page, "other.ipynb")
        second.run(START)
        other, mine = second.explorer, desk.explorer
        mine.act(waiting[0], "prune", "seen from there")
        expect(other.row(waiting[0])).to_have_attribute("data-status", "pruned")
        other.select(waiting[1])
        page.evaluate("window.held = []")
        expect(mine.act(waiting[1], "approve")).to_contain_text(f"Approved {waiting[1]}")
        other.button("approve").click()
        expect(other.answer).to_have_attribute("data-state", re.compile("pending|late"))
        page.evaluate("window.letGo()")
        expect(other.answer).to_contain_text("already approved by human")
        expect(other.row(waiting[1])).to_have_attribute("data-status", "approved")
        expect(other.act(waiting[2], "approve")).to_contain_text(f"Approved {waiting[2]}")
        expect(mine.row(waiting[2])).to_have_attribute("data-status", "approved")

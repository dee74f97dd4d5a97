"""The explorer alone: the shipped bundle on an empty page, with a stand-in for the widget model."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from trex_nb.core import events as ev
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.widget.explorer import STATIC
from trex_nb.widget.view import view

pytestmark = pytest.mark.browser

SHIM = """
async ({ code, state }) => {
  const handlers = {};
  window.sent = [];
  window.model = {
    get: (name) => state[name],
    on: (event, f) => (handlers[event] ??= new Set()).add(f),
    off: (event, f) => handlers[event]?.delete(f),
    send: (content) => window.sent.push(content),
  };
  const emit = (event, value) => handlers[event]?.forEach((f) => f(value));
  window.setState = (name, value) => { state[name] = value; emit(`change:${name}`); };
  window.reply = (ok, text) => emit("msg:custom", { id: window.sent.at(-1).id, ok, text });
  const module = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  document.body.innerHTML = '<main id="host"></main>';
  window.cleanup = module.default.render({ model: window.model, el: document.getElementById("host") });
}
"""

BUSY = [
    *trees.succeeded(0, 0.1), trees.proposed(1), trees.approved(1), *trees.succeeded(1, 0.45), trees.proposed(2, 1),
    trees.approved(2), trees.submitted(2), *trees.succeeded(2, 0.0)[2:4], trees.proposed(3, 1), trees.proposed(4),
]  # fmt: skip


def mount(page: Page, tree: Tree, **state: Any) -> None:
    """The explorer on an empty page, showing `tree`."""
    page.add_style_tag(path=STATIC / "explorer.css")
    code = (STATIC / "explorer.js").read_text()
    page.evaluate(SHIM, {"code": code, "state": {"view": view(tree).wire, "error": "", "read_only": False, **state}})


def row(page: Page, node: str) -> Locator:
    return page.locator(f"[data-node={node}]")


def place_in_list(page: Page, node: str) -> float:
    """How far below the list's visible top a row stands, in pixels."""
    top = "e => e.getBoundingClientRect().y"
    found: float = row(page, node).evaluate(top) - page.locator(".trex-list").evaluate(top)
    return found


def action(page: Page, name: str) -> Locator:
    return page.locator(".trex-detail").get_by_role("button", name=name, exact=True)


def answer(page: Page) -> Locator:
    return page.locator(".trex-detail .trex-answer")


def sent(page: Page) -> list[Any]:
    return [m["command"] for m in page.evaluate("window.sent")]


def show(page: Page, tree: Tree) -> None:
    page.evaluate("v => window.setState('view', v)", view(tree).wire)


@pytest.fixture
def busy() -> Tree:
    return trees.tree_of(BUSY)


def test_approve_by_click_is_pending_at_once_and_then_answered(page: Page, busy: Tree) -> None:
    mount(page, busy)
    row(page, "n3").click()
    action(page, "Approve").click()
    assert sent(page) == [{"do": "approve", "nodes": ["n3"]}]
    expect(answer(page)).to_have_attribute("data-state", "pending")
    expect(row(page, "n3")).to_contain_text("sent …")
    page.evaluate("window.reply(true, 'approved n3')")
    expect(answer(page)).to_have_text("%trex approve n3 — approved n3")
    expect(row(page, "n3")).not_to_contain_text("sent …")


def test_the_pending_mark_is_there_before_the_click_returns(page: Page, busy: Tree) -> None:
    mount(page, busy)
    script = """() => { document.querySelector('[data-action=approve] button').click();
      return document.querySelector('.trex-detail .trex-answer').dataset.state; }"""
    assert page.evaluate(script) == "pending"


def test_a_refusal_is_shown_in_words(page: Page, busy: Tree) -> None:
    mount(page, busy)
    action(page, "Approve").click()
    page.evaluate("window.reply(false, 'n3 was pruned — approve another one')")
    expect(answer(page)).to_have_attribute("data-state", "failed")
    expect(answer(page)).to_contain_text("n3 was pruned — approve another one")


def test_a_silent_kernel_is_explained_and_the_late_answer_still_counts(page: Page, busy: Tree) -> None:
    mount(page, busy)
    action(page, "Approve").click()
    expect(answer(page)).to_contain_text("kernel busy, will apply when the cell ends")
    page.evaluate("window.reply(true, 'approved n3')")
    expect(answer(page)).to_contain_text("approved n3")


def test_a_second_click_waits_for_the_first_answer(page: Page, busy: Tree) -> None:
    mount(page, busy)
    action(page, "Approve").click()
    expect(action(page, "Approve")).to_have_attribute("aria-disabled", "true")
    action(page, "Prune").click(force=True)
    assert len(sent(page)) == 1


def test_prune_carries_the_reason_and_shows_the_same_as_a_magic(page: Page, busy: Tree) -> None:
    mount(page, busy)
    row(page, "n4").click()
    page.get_by_label("Prune: why").fill('too "slow"')
    expect(page.locator("[data-action=prune] code")).to_have_text(r'%trex prune n4 --why "too \"slow\""')
    action(page, "Prune").click()
    assert sent(page) == [{"do": "prune", "nodes": ["n4"], "why": 'too "slow"'}]


def test_redirect_wants_words_first(page: Page, busy: Tree) -> None:
    mount(page, busy)
    action(page, "Redirect").click()
    assert sent(page) == []
    expect(page.get_by_label("Redirect: what")).to_be_focused()
    page.keyboard.type("try rank 32")
    page.keyboard.press("Enter")
    assert sent(page) == [{"do": "redirect", "node": "n3", "text": "try rank 32"}]


def test_stop_is_offered_for_what_runs(page: Page, busy: Tree) -> None:
    mount(page, busy)
    expect(action(page, "Stop")).to_be_hidden()
    row(page, "n2").click()
    action(page, "Stop").click()
    assert sent(page) == [{"do": "stop", "nodes": ["n2"]}]


def test_the_study_can_be_paused_from_the_header(page: Page, busy: Tree) -> None:
    mount(page, trees.tree_of(BUSY, ev.JobsAllowed(jobs=1)))
    page.get_by_role("button", name="Pause").click()
    assert sent(page) == [{"do": "pause"}]


def test_approve_with_the_keyboard_alone(page: Page, busy: Tree) -> None:
    mount(page, busy)
    page.keyboard.press("Tab")
    page.locator("[role=treeitem][tabindex='0']").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowDown", "Enter", "Enter"):
        page.keyboard.press(key)
    assert sent(page) == [{"do": "approve", "nodes": ["n3"]}]
    page.keyboard.press("Escape")
    expect(row(page, "n3")).to_be_focused()


def test_the_tree_has_one_tab_stop_and_says_levels_and_sets(page: Page, busy: Tree) -> None:
    mount(page, busy)
    expect(page.locator("[role=tree] [tabindex='0']")).to_have_count(1)
    item = page.get_by_role("treeitem", name=re.compile("^n2, running, Idea 2"))
    expect(item).to_have_attribute("aria-level", "3")
    expect(item).to_have_attribute("aria-setsize", "2")
    expect(page.get_by_role("treeitem", name=re.compile("^n1"))).to_have_attribute("aria-expanded", "true")


def test_left_folds_a_branch_and_right_opens_it(page: Page, busy: Tree) -> None:
    mount(page, busy)
    row(page, "n1").click()
    page.keyboard.press("ArrowLeft")
    expect(row(page, "n2")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(row(page, "n2")).to_have_count(1)
    expect(row(page, "n1")).to_be_focused()


def test_no_key_leaves_the_widget(page: Page, busy: Tree) -> None:
    mount(page, busy)
    page.evaluate("window.keys = []; document.addEventListener('keydown', (e) => window.keys.push(e.key))")
    row(page, "n3").click()
    for key in ("ArrowDown", "b", "d", "Enter"):
        page.keyboard.press(key)
    assert page.evaluate("window.keys") == []
    expect(page.locator(".trex-explorer")).to_have_attribute("data-lm-suppress-shortcuts", "true")


def test_an_update_keeps_focus_selection_place_and_what_was_typed(page: Page) -> None:
    many = [trees.proposed(i) for i in range(1, 60)]
    mount(page, trees.tree_of(many))
    row(page, "n50").click()
    place = place_in_list(page, "n50")
    page.get_by_label("Redirect: what").fill("half a sent")
    show(page, trees.tree_of(many, trees.proposed(60, 1), trees.approved(3)))
    expect(page.get_by_label("Redirect: what")).to_be_focused()
    expect(page.get_by_label("Redirect: what")).to_have_value("half a sent")
    expect(row(page, "n50")).to_have_attribute("aria-selected", "true")
    assert page.evaluate("document.querySelector('.trex-list').scrollTop") > 0
    assert place_in_list(page, "n50") == place


def test_focus_goes_to_the_row_when_its_button_goes_away(page: Page, busy: Tree) -> None:
    mount(page, busy)
    action(page, "Approve").focus()
    page.keyboard.press("Enter")
    show(page, trees.tree_of(BUSY, trees.approved(3)))
    expect(row(page, "n3")).to_be_focused()


def test_until_a_person_acts_the_selection_goes_to_what_awaits_a_decision(page: Page) -> None:
    mount(page, trees.tree_of(trees.succeeded(0, 0.1)))
    show(page, trees.tree_of(trees.succeeded(0, 0.1), trees.proposed(1), trees.proposed(2)))
    expect(row(page, "n1")).to_have_attribute("aria-selected", "true")
    row(page, "n2").click()
    show(page, trees.tree_of(trees.succeeded(0, 0.1), trees.proposed(1), trees.proposed(2), trees.approved(2)))
    expect(row(page, "n2")).to_have_attribute("aria-selected", "true")


def test_hostile_text_is_shown_as_text(page: Page) -> None:
    evil = '<img src=x onerror="window.pwned=1"></script><b>bold</b>'
    plan = trees.lora_plan(evil).model_copy(update={"hypothesis": evil * 2})
    mount(page, trees.tree_of(trees.proposed(1, plan=plan)), error=evil)
    expect(row(page, "n1")).to_contain_text("<b>bold</b>")
    expect(page.locator(".trex-facts")).to_contain_text(evil)
    assert page.locator("#host img, #host b").count() == 0
    assert page.evaluate("window.pwned") is None


def test_a_read_only_copy_has_nothing_to_click(page: Page, busy: Tree) -> None:
    mount(page, busy, read_only=True)
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_text("read-only copy")).to_be_visible()


def test_two_views_of_one_model_do_not_take_each_others_answers(page: Page, busy: Tree) -> None:
    mount(page, busy)
    action(page, "Approve").click()
    page.evaluate("""async () => { const id = window.sent[0].id; window.sent.push({ id: id + 'other' });
      window.reply(true, 'not ours'); window.sent.pop(); }""")
    expect(answer(page)).to_have_attribute("data-state", re.compile("pending|late"))


def test_nothing_is_left_after_cleanup(page: Page, busy: Tree) -> None:
    mount(page, busy)
    page.evaluate("window.cleanup()")
    show(page, busy)
    assert page.locator("#host").inner_html() == ""


@pytest.mark.parametrize("light", ["true", "false"])
def test_text_can_be_read_on_the_ground_of_the_host_theme(page: Page, busy: Tree, light: str) -> None:
    page.emulate_media(color_scheme="dark" if light == "true" else "light")  # the host theme decides, not the system
    mount(page, busy)
    page.evaluate("v => document.body.setAttribute('data-jp-theme-light', v)", light)
    style = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    colours = page.locator(".trex-explorer").evaluate(style)
    fore, ground = (sum(map(int, re.findall(r"\d+", c)[:3])) for c in colours)
    assert (fore < 150 and ground > 600) if light == "true" else (fore > 600 and ground < 150)

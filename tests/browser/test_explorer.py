"""The explorer alone: the shipped bundle on an empty page, with a stand-in for the widget model."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.shim import Shown, known_of, row
from trex_nb.core import events as ev
from trex_nb.core.ids import node_id
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.widget.details import comparison

pytestmark = pytest.mark.browser

BUSY = [
    *trees.succeeded(0, 0.1), trees.proposed(1), trees.approved(1), *trees.succeeded(1, 0.45), trees.proposed(2, 1),
    trees.approved(2), trees.submitted(2), *trees.succeeded(2, 0.0)[2:4], trees.proposed(3, 1), trees.proposed(4),
]  # fmt: skip


@pytest.fixture
def busy() -> Tree:
    return trees.tree_of(BUSY)


def place_in_list(page: Page, node: str) -> float:
    """How far below the list's visible top a row stands, in pixels."""
    top = "e => e.getBoundingClientRect().y"
    found: float = row(page, node).evaluate(top) - page.locator(".t-list").evaluate(top)
    return found


def panel(page: Page) -> Locator:
    return page.locator(".t-detail")


def action(page: Page, name: str) -> Locator:
    return panel(page).get_by_role("group", name="Decide").get_by_role("button", name=name, exact=True)


def submit(page: Page) -> Locator:
    return panel(page).locator(".t-form .t-do")


def answer(page: Page) -> Locator:
    return panel(page).locator(".t-answer").first


# Deciding


def test_approve_by_click_is_pending_at_once_and_then_answered(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    row(page, "n3").click()
    action(page, "Approve").click()
    assert shown.commands == [{"do": "approve", "nodes": ["n3"]}]
    expect(answer(page)).to_have_attribute("data-state", "pending")
    expect(row(page, "n3")).to_contain_text("sent …")
    shown.reply(ok=True, text="Approved n3.", code="%trex approve n3")
    expect(answer(page).get_by_role("status")).to_have_text("%trex approve n3 Approved n3.")
    expect(row(page, "n3")).not_to_contain_text("sent …")


def test_the_pending_mark_is_there_before_the_click_returns(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    script = """() => { document.querySelector('.t-detail [data-action=approve]').click();
      return document.querySelector('.t-detail .t-answer').dataset.state; }"""
    assert page.evaluate(script) == "pending"


def test_a_refusal_is_shown_in_words(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    action(page, "Approve").click()
    shown.reply(ok=False, text="n3 was already pruned by human — %trex restore n3")
    expect(answer(page)).to_have_attribute("data-state", "failed")
    expect(answer(page)).to_contain_text("already pruned by human")


def test_a_silent_kernel_is_explained_and_the_late_answer_still_counts(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    action(page, "Approve").click()
    expect(answer(page)).to_contain_text("kernel busy, will apply when the cell ends")
    shown.reply(ok=True, text="Approved n3.")
    expect(answer(page)).to_contain_text("Approved n3")


def test_a_second_click_waits_for_the_first_answer(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    action(page, "Approve").click()
    expect(action(page, "Approve")).to_have_attribute("aria-disabled", "true")
    action(page, "Approve").click(force=True)
    action(page, "Prune").click(force=True)
    assert len(shown.commands) == 1


def test_prune_carries_the_reason_and_can_be_undone(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    row(page, "n4").click()
    action(page, "Prune").click()
    page.get_by_label("Why").fill('too "slow"')
    submit(page).click()
    assert shown.commands == [{"do": "prune", "nodes": ["n4"], "why": 'too "slow"'}]
    shown.reply(ok=True, text="Pruned n4.", code="%trex prune n4")
    shown.show(trees.tree_of(BUSY, ev.NodePruned(node=node_id(4))))
    answer(page).get_by_role("button", name="Undo").click()
    assert shown.commands[-1] == {"do": "restore", "nodes": ["n4"]}
    expect(panel(page).get_by_role("button", name="Undo prune")).to_be_visible()


def test_redirect_wants_words_first(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    action(page, "Redirect").click()
    expect(page.get_by_label("What to do instead")).to_be_focused()
    page.keyboard.press("Enter")
    assert shown.commands == []
    page.keyboard.type("try rank 32")
    page.keyboard.press("Enter")
    assert shown.commands == [{"do": "redirect", "node": "n3", "text": "try rank 32"}]


def test_stop_is_offered_for_what_runs(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    expect(action(page, "Stop")).to_be_hidden()
    row(page, "n2").click()
    action(page, "Stop").click()
    assert shown.commands == [{"do": "stop", "nodes": ["n2"]}]


def test_a_run_can_be_stopped_or_forked_by_itself(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy, log="a log")
    row(page, "n2").click()
    run = page.get_by_role("group", name="Run n2.1")
    run.get_by_role("button", name="Fork").click()
    page.get_by_label("How the fork goes on").fill("halve the learning rate")
    page.keyboard.press("Enter")
    assert shown.commands == [{"do": "redirect", "run": "n2.1", "node": "n2", "text": "halve the learning rate"}]
    shown.reply(ok=True, text="Redirected n2.1.")
    run.get_by_role("button", name="Stop").click()
    assert shown.commands[-1] == {"do": "stop", "runs": ["n2.1"]}


def test_what_costs_or_deletes_is_asked_about_once(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    page.get_by_role("button", name="Approve all").click()
    shown.reply(ok=True, text="", asks="Would approve n3, n4: 2 experiments, about 24 s.", code="%trex approve n3 n4")
    asked = page.locator(".t-header .t-answer")
    expect(asked).to_contain_text("2 experiments, about 24 s. Go on?")
    asked.get_by_role("button", name="No").click()
    expect(asked).to_be_hidden()
    assert len(shown.commands) == 1
    page.get_by_role("button", name="Approve all").click()
    shown.reply(ok=True, text="", asks="Would approve n3, n4.")
    asked.get_by_role("button", name="Yes").click()
    last = page.evaluate("window.commands().at(-1)")
    assert (last["command"], last["confirmed"]) == ({"do": "approve", "nodes": ["n3", "n4"]}, True)


def test_a_question_takes_the_focus_of_who_acted_and_escape_says_no(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    action(page, "Plan children").click()
    page.keyboard.press("Enter")
    assert shown.commands == [{"do": "propose", "under": "n3", "n": "3"}]
    shown.reply(ok=True, text="", asks="Would take a while.")
    expect(answer(page).get_by_role("button", name="Yes")).to_be_focused()
    page.keyboard.press("Escape")
    expect(answer(page)).to_be_hidden()
    expect(panel(page).locator("button:focus")).to_have_count(1)
    assert len(shown.commands) == 1


def test_the_study_can_be_steered_from_the_header(page: Page, busy: Tree) -> None:
    shown = Shown(page, trees.tree_of(BUSY, ev.JobsAllowed(jobs=1)))
    header = page.locator(".t-header")
    header.get_by_role("button", name="Pause").click()
    shown.reply(ok=True, text="Paused.")
    header.get_by_role("button", name="Policy").click()
    header.get_by_label("Policy").select_option("gbfs")
    header.locator(".t-form .t-do").click()
    shown.reply(ok=True, text="Policy gbfs.")
    header.get_by_role("button", name="Auto").click()
    header.get_by_label("Until so many rounds").fill("6")
    page.keyboard.press("Enter")
    assert shown.commands == [{"do": "pause"}, {"do": "choose_policy", "name": "gbfs"}, {"do": "auto", "rounds": "6"}]


def test_marked_experiments_are_decided_on_together(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    row(page, "n3").locator(".t-mark").click()
    row(page, "n4").click(modifiers=["Control"])
    bulk = page.locator(".t-bulk")
    expect(bulk).to_contain_text("2 marked")
    bulk.get_by_role("button", name="Approve").click()
    assert shown.commands == [{"do": "approve", "nodes": ["n3", "n4"]}]
    expect(row(page, "n3")).to_contain_text("sent …")
    expect(row(page, "n4")).to_contain_text("sent …")
    row(page, "n1").locator(".t-mark").click()
    expect(bulk.get_by_role("button", name="Approve", exact=True)).to_be_hidden()  # n1 has run


def test_clicks_are_kept_as_magics_to_be_replayed(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    for node in ("n3", "n4"):
        row(page, node).click()
        action(page, "Approve").click()
        shown.reply(ok=True, text=f"Approved {node}.", code=f"%trex approve {node}")
    page.get_by_text("Your clicks as magics").click()
    assert page.locator(".t-header pre").inner_text() == "%trex approve n3\n%trex approve n4"


def test_a_magic_can_be_copied(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    page.evaluate(
        """() => Object.defineProperty(navigator, "clipboard",
          { value: { writeText: async (text) => { window.copied = text; } } })"""
    )
    action(page, "Approve").click()
    shown.reply(ok=True, text="Approved n3.", code="%trex approve n3")
    answer(page).get_by_role("button", name="Copy").click()
    expect(answer(page).get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("window.copied") == "%trex approve n3"


# Editing


def test_a_plan_is_edited_in_place_and_weighed_while_it_is_typed(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy, log="a log")
    page.evaluate(
        """() => { window.answers.weigh = (q) => (
          { text: `Would become rank ${q.command.fields.r}`, code: "%trex edit n3 r=64" }); }"""
    )
    action(page, "Edit plan").click()
    form = page.get_by_role("form", name="Edit plan")
    form.get_by_label("r", exact=True).fill("64")
    expect(form).to_contain_text("Would become rank 64")
    expect(form.locator("code")).to_have_text("%trex edit n3 r=64")
    shown.show(trees.tree_of(BUSY, trees.proposed(5)))  # an update takes nothing away
    expect(form.get_by_label("r", exact=True)).to_have_value("64")
    expect(form.get_by_label("r", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    assert shown.commands == [{"do": "edit", "node": "n3", "fields": {"r": "64"}}]
    shown.reply(ok=False, text="n3 was already approved by human at 14:02 UTC.")
    expect(form.locator(".t-verdict")).to_contain_text("already approved by human")
    expect(form.get_by_label("r", exact=True)).to_have_value("64")
    page.keyboard.press("Enter")
    shown.reply(ok=True, text="Edited n3.")
    expect(form).to_be_hidden()
    assert page.evaluate("document.querySelector('.trex-explorer').contains(document.activeElement)")


def test_a_bad_value_is_explained_and_nothing_typed_is_lost(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy, log="a log")
    action(page, "Edit plan").click()
    form = page.get_by_role("form", name="Edit plan")
    form.get_by_label("r", exact=True).fill("many")
    page.wait_for_function("window.sent.at(-1).question?.ask === 'weigh'")
    page.evaluate("window.emit('msg:custom', { id: window.sent.at(-1).id, ok: false, text: 'r: not a number' })")
    expect(form.locator(".t-verdict")).to_have_text("r: not a number")
    expect(form.get_by_label("r", exact=True)).to_have_value("many")
    page.keyboard.press("Escape")
    expect(form).to_be_hidden()
    assert shown.commands == []


# Reading


def test_the_panel_says_what_the_kernel_knows(page: Page, busy: Tree) -> None:
    Shown(page, busy, log="a log")
    row(page, "n1").click()
    expect(panel(page)).to_contain_text("Idea 1 helps.")
    expect(panel(page).locator("summary", has_text="Plan against n0")).to_be_visible()
    expect(panel(page).get_by_role("img", name=re.compile("n1.1: training loss 2 to 0.5"))).to_be_visible()
    page.locator("summary", has_text="Log").click()
    expect(panel(page)).to_contain_text("a log")
    row(page, "n2").click()
    expect(page.locator("details[open] > summary", has_text="Log")).to_be_visible()  # what was unfolded stays so


def test_two_experiments_stand_side_by_side(page: Page, busy: Tree) -> None:
    Shown(page, busy, log="a log")
    page.evaluate("c => { window.answers.comparison = () => c; }", comparison(busy, node_id(1), node_id(3)))
    row(page, "n1").locator(".t-mark").click()
    row(page, "n3").locator(".t-mark").click()
    page.get_by_role("button", name="Compare").click()
    expect(panel(page).get_by_role("heading", level=3)).to_have_text("n1 against n3")
    expect(panel(page).get_by_role("columnheader", name="n3").first).to_be_visible()
    page.keyboard.press("Enter")  # "Close comparison" has the focus
    expect(panel(page).get_by_role("heading", level=3)).to_contain_text("Idea 3")


def test_rows_are_searched_filtered_and_sorted(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    ids = "() => [...document.querySelectorAll('.t-rows [data-node]')].map((e) => e.dataset.node)"
    page.get_by_label("Search experiments").fill("idea 2")
    assert page.evaluate(ids) == ["n0", "n1", "n2"]
    expect(page.locator(".t-toolbar")).to_contain_text("2 of 5 experiments")
    page.keyboard.press("Escape")
    page.get_by_label("Show", exact=True).select_option("waiting")
    assert page.evaluate(ids) == ["n0", "n1", "n3", "n4"]
    page.get_by_label("Show", exact=True).select_option("path")
    assert page.evaluate(ids) == ["n0", "n1"]
    page.get_by_label("Show", exact=True).select_option("all")
    page.get_by_label("Sort", exact=True).select_option("score")
    assert page.evaluate(ids)[:2] == ["n1", "n0"]
    expect(page.locator(".t-rows [aria-level='2']")).to_have_count(0)
    page.get_by_label("Search experiments").fill("nothing like this")
    expect(page.get_by_text("No experiment fits.")).to_be_visible()


def test_branches_can_be_folded_all_at_once(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    page.get_by_role("button", name="Collapse all").click()
    expect(row(page, "n3")).to_have_count(0)
    page.get_by_role("button", name="Expand all").click()
    expect(row(page, "n3")).to_be_visible()


# Keyboard and screen reader


def test_approve_prune_and_redirect_with_the_keyboard_alone(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    page.keyboard.press("Tab")
    page.locator("[role=row][tabindex='0']").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowDown", "Enter", "Enter"):
        page.keyboard.press(key)
    shown.reply(ok=True, text="Approved n3.")
    page.keyboard.press("Escape")
    expect(row(page, "n3")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("p")
    page.keyboard.type("no time")
    page.keyboard.press("Enter")
    shown.reply(ok=True, text="Pruned n4.")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.keyboard.type("rank 8")
    page.keyboard.press("Enter")
    assert shown.commands == [
        {"do": "approve", "nodes": ["n3"]},
        {"do": "prune", "nodes": ["n4"], "why": "no time"},
        {"do": "redirect", "node": "n4", "text": "rank 8"},
    ]


def test_rows_are_marked_with_the_keyboard(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    row(page, "n3").click()
    page.keyboard.press("Shift+ArrowDown")
    assert page.locator("[data-marked]").evaluate_all("e => e.map((x) => x.dataset.node)") == ["n3", "n4"]
    expect(page.locator(".t-rows [aria-selected=true]")).to_have_count(2)
    page.keyboard.press("Space")
    expect(page.locator("[data-marked]")).to_have_count(1)
    page.keyboard.press("Control+a")
    expect(page.locator("[data-marked]")).to_have_count(5)
    page.keyboard.press("Escape")
    expect(page.locator("[data-marked]")).to_have_count(0)
    expect(row(page, "n4")).to_be_focused()


def test_the_tree_has_one_tab_stop_and_says_levels_and_sets(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    expect(page.locator("[role=treegrid] [tabindex='0']")).to_have_count(1)
    item = page.get_by_role("row", name=re.compile("^n2, running, Idea 2"))
    expect(item).to_have_attribute("aria-level", "3")
    expect(item).to_have_attribute("aria-setsize", "2")
    expect(page.get_by_role("row", name=re.compile("^n1,"))).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "6")


def test_left_folds_a_branch_and_right_opens_it(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    row(page, "n1").click()
    page.keyboard.press("ArrowLeft")
    expect(row(page, "n2")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(row(page, "n2")).to_have_count(1)
    expect(row(page, "n1")).to_be_focused()


def test_no_key_leaves_the_widget(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    page.evaluate("window.keys = []; document.addEventListener('keydown', (e) => window.keys.push(e.key))")
    row(page, "n3").click()
    for key in ("ArrowDown", "b", "d", "Enter", "Escape", "Space", "?"):
        page.keyboard.press(key)
    assert page.evaluate("window.keys") == []
    expect(page.locator(".trex-explorer")).to_have_attribute("data-lm-suppress-shortcuts", "true")


def test_changes_are_told_politely_and_in_one_sentence(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    shown.show(trees.tree_of(BUSY, trees.approved(3), trees.proposed(5)))
    expect(page.locator(".t-news")).to_have_text("n3 approved; n5 proposed")
    expect(page.locator(".t-news")).to_have_attribute("aria-live", "polite")


# Updates


def test_an_update_keeps_focus_place_and_what_was_typed(page: Page) -> None:
    many = [trees.proposed(i) for i in range(1, 60)]
    shown = Shown(page, trees.tree_of(many))
    page.locator(".t-list").evaluate("e => e.scrollTop = 1200")
    row(page, "n45").click()
    place = place_in_list(page, "n45")
    action(page, "Redirect").click()
    page.keyboard.type("half a sent")
    shown.show(trees.tree_of(many, trees.proposed(60, 1), trees.approved(3)))  # one more row above
    expect(page.get_by_label("What to do instead")).to_be_focused()
    expect(page.get_by_label("What to do instead")).to_have_value("half a sent")
    expect(row(page, "n45")).to_have_attribute("aria-selected", "true")
    assert abs(place_in_list(page, "n45") - place) < 1


def test_a_draft_waits_for_who_looks_elsewhere(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    action(page, "Redirect").click()
    page.keyboard.type("half a sent")
    row(page, "n4").click()
    expect(page.get_by_label("What to do instead")).to_be_hidden()
    row(page, "n3").click()
    action(page, "Redirect").click()
    expect(page.get_by_label("What to do instead")).to_have_value("half a sent")


def test_focus_goes_to_the_row_when_its_button_goes_away(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    action(page, "Approve").focus()
    page.keyboard.press("Enter")
    shown.reply(ok=True, text="Approved n3.")
    shown.show(trees.tree_of(BUSY, trees.approved(3)))
    expect(row(page, "n3")).to_be_focused()


def test_until_a_person_acts_the_current_row_is_what_awaits_a_decision(page: Page) -> None:
    start = trees.succeeded(0, 0.1)
    shown = Shown(page, trees.tree_of(start))
    shown.show(trees.tree_of(start, trees.proposed(1), trees.proposed(2)))
    expect(row(page, "n1")).to_have_attribute("aria-selected", "true")
    row(page, "n2").click()
    shown.show(trees.tree_of(start, trees.proposed(1), trees.proposed(2), trees.approved(2)))
    expect(row(page, "n2")).to_have_attribute("aria-selected", "true")


def test_two_views_of_one_model_show_the_same_and_keep_their_own_place(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy, views=2)
    first, second = (page.locator(".trex-explorer").nth(i) for i in (0, 1))
    first.locator("[data-node=n4]").click()
    second.locator("[data-node=n3]").click()
    first.locator("[data-action=approve]").last.click()
    shown.reply(ok=True, text="", asks="Would cost.")
    expect(first.get_by_role("button", name="Yes")).to_be_focused()
    shown.show(trees.tree_of(BUSY, trees.approved(4)))
    expect(second.locator("[data-node=n4]")).to_contain_text("approved")
    expect(second.get_by_role("heading", level=3)).to_contain_text("n3")


def test_two_clients_do_not_take_each_others_answers(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    action(page, "Approve").click()
    page.evaluate("window.emit('msg:custom', { id: window.commands()[0].id + 'other', ok: true, text: 'not ours' })")
    expect(answer(page)).to_have_attribute("data-state", re.compile("pending|late"))


def test_a_kernel_that_is_gone_is_said_at_once_and_nothing_can_be_pressed(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    page.evaluate("() => { window.isDead = true; window.emit('comm_live_update'); }")
    expect(page.locator(".t-error")).to_contain_text("%trex start colours again")
    action(page, "Approve").click(force=True)
    assert shown.commands == []
    page.evaluate("() => { window.isDead = false; window.emit('msg:custom', {}); }")
    expect(page.locator(".t-error")).to_be_hidden()


def test_nothing_is_left_after_cleanup(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    page.evaluate("window.cleanup()")
    shown.show(busy)
    assert page.locator(".host").inner_html() == ""


# The map


def camera(page: Page) -> dict[str, float]:
    data = page.locator("canvas").evaluate("e => ({ ...e.dataset })")
    return {k: float(v) for k, v in data.items()}


def test_the_map_shows_the_whole_tree_and_a_click_in_it_selects(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    page.wait_for_function("document.querySelector('canvas').dataset.k")
    at = camera(page)
    place = shown.drawing.places[3]
    x, y = (2 * 150 + 20 - at["x"]) * at["k"], (place * 40 + 13 - at["y"]) * at["k"]
    page.locator("canvas").click(position={"x": x, "y": y})
    expect(row(page, "n3")).to_have_attribute("aria-selected", "true")
    expect(row(page, "n3")).to_be_focused()


def test_the_map_is_panned_and_zoomed_and_the_wheel_alone_scrolls_the_page(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    page.wait_for_function("document.querySelector('canvas').dataset.k")
    before = camera(page)
    box = page.locator("canvas").bounding_box()
    assert box
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.wheel(0, 100)
    assert camera(page) == before
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 160)
    page.mouse.up()
    page.wait_for_function("x => Number(document.querySelector('canvas').dataset.x) > x", arg=before["x"])
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function("k => Number(document.querySelector('canvas').dataset.k) > k", arg=before["k"])
    page.get_by_role("button", name="Fit").click()
    page.wait_for_function("k => Number(document.querySelector('canvas').dataset.k) === k", arg=before["k"])


def test_the_map_follows_the_outline(page: Page) -> None:
    Shown(page, trees.tree_of([trees.proposed(i) for i in range(1, 200)]))
    page.wait_for_function("document.querySelector('canvas').dataset.k")
    for _ in range(12):
        page.get_by_role("button", name="Zoom in").click()
    row(page, "n1").click()
    page.wait_for_function("document.querySelector('canvas').dataset.y < 200")
    before = camera(page)
    page.keyboard.press("End")
    page.wait_for_function("y => Number(document.querySelector('canvas').dataset.y) > y + 1000", arg=before["y"])


# Whatever stands in the data

EVIL = (
    '<img src=x onerror="window.pwned=1"></script><script>window.pwned=2</script><b>bold</b> '
    "\u202eevil\u202c \U0001f469\u200d\U0001f52c ${1} {{2}}"
)


def test_hostile_text_is_shown_as_text_wherever_it_stands(page: Page) -> None:
    change = trees.lora_plan().changes[0].model_copy(update={"field": EVIL, "before": EVIL, "after": EVIL})
    plan = trees.lora_plan(EVIL).model_copy(update={"hypothesis": EVIL + "x" * 100_000, "changes": (change,)})
    made = ev.ProposalMade(request=1, nodes=(node_id(1),), rationale=EVIL, context=EVIL, remarks=(EVIL,))
    tree = trees.tree_of(
        ev.ProposalRequested(request=1, parent=node_id(0), n=1), trees.proposed(1, plan=plan), made,
        ev.NodeNoted(node=node_id(1), text=EVIL), ev.NodePruned(node=node_id(1), why=EVIL),
    )  # fmt: skip
    shown = Shown(page, tree, error=EVIL, log=EVIL)
    row(page, "n1").click()
    expect(row(page, "n1")).to_contain_text("<b>bold</b>")
    expect(panel(page)).to_contain_text("cut: 100,")
    for summary in panel(page).locator("summary").all():
        summary.click()
    panel(page).get_by_role("button", name="Undo prune").click()
    shown.reply(ok=False, text=EVIL, code=EVIL)
    expect(answer(page)).to_contain_text("<b>bold</b>")
    assert page.locator("#host :is(img, b, script)").count() == 0
    assert page.evaluate("window.pwned") is None


def test_a_read_only_copy_has_nothing_to_decide(page: Page, busy: Tree) -> None:
    Shown(page, busy, read_only=True)
    row(page, "n3").click()
    expect(page.locator("[data-action]:visible")).to_have_count(0)
    expect(page.get_by_role("button", name="Approve all")).to_be_hidden()
    expect(page.get_by_text("read-only copy")).to_be_visible()
    expect(row(page, "n3")).to_contain_text("≈ 12 s")


# How it looks


def brightness(page: Page) -> tuple[int, int]:
    """Of the text and of the ground, from 0 to 765."""
    style = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    fore, ground = (
        sum(map(int, re.findall(r"\d+", c)[:3])) for c in page.locator(".trex-explorer").first.evaluate(style)
    )
    return fore, ground


THEMES = {
    "JupyterLab": ("document.body.dataset.jpThemeLight = 'true'", "document.body.dataset.jpThemeLight = 'false'"),
    "VS Code": ("document.body.className = 'vscode-light'", "document.body.className = 'vscode-dark'"),
    "Colab": (
        "document.documentElement.style.colorScheme = 'light'",
        "document.documentElement.setAttribute('theme', 'dark')",
    ),
    "marimo": (
        "document.documentElement.style.colorScheme = 'light'",
        "document.documentElement.style.colorScheme = 'dark'",
    ),
}
"""How a host marks that it is light, and dark."""


@pytest.mark.parametrize("host", THEMES)
@pytest.mark.parametrize("is_light", [True, False])
def test_text_can_be_read_on_the_ground_of_the_host_theme(page: Page, busy: Tree, host: str, is_light: bool) -> None:
    page.emulate_media(color_scheme="dark" if is_light else "light")  # the host theme decides, not the system
    page.evaluate(THEMES[host][0 if is_light else 1])
    Shown(page, busy)
    fore, ground = brightness(page)
    assert (fore < 150 and ground > 600) if is_light else (fore > 600 and ground < 150)


def test_a_host_that_says_nothing_of_its_theme_gets_that_of_the_system(page: Page, busy: Tree) -> None:
    page.emulate_media(color_scheme="dark")
    Shown(page, busy)
    fore, ground = brightness(page)
    assert fore > 600
    assert ground < 150


WITH_A_NOTEBOOK = """known => {
  const run = { ...known.runs[0], notebook: "/nowhere/experiment.ipynb" };
  window.answers.details = () => ({ details: [{ ...known, runs: [run] }] });
  window.answers.notebook = () => ({ name: "busy-n1.1.ipynb", text: "{}" });
  document.body.addEventListener("click", ({ target }) => target.download && (window.seen = target.download));
}"""


def test_a_notebook_is_downloaded_by_a_click_that_the_host_can_see(page: Page, busy: Tree) -> None:
    Shown(page, busy)
    page.evaluate(WITH_A_NOTEBOOK, known_of(busy, "a log")["n1"])
    row(page, "n1").click()
    with page.expect_download() as download:
        panel(page).get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == page.evaluate("window.seen") == "busy-n1.1.ipynb"
    expect(panel(page).locator("a")).to_have_count(0)


@pytest.mark.parametrize("width", [320, 600, 1280, 2000])
def test_nothing_is_cut_off_at_any_width(page: Page, busy: Tree, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    Shown(page, busy, log="a log")
    row(page, "n3").click()
    action(page, "Edit plan").click()
    overflow: Any = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    expect(action(page, "Approve")).to_be_visible()


def test_what_was_drawn_unseen_is_whole_when_it_is_shown(page: Page) -> None:
    page.add_style_tag(content="#host { display: none; }")  # as a host does that lays its outputs out later
    Shown(page, trees.tree_of([trees.proposed(i) for i in range(1, 40)]))
    page.evaluate("document.getElementById('host').style.display = 'block'")
    expect(row(page, "n12")).to_be_visible()
    expect(row(page, "n1")).to_be_visible()
    page.locator(".t-panes").evaluate("e => { e.style.height = '700px'; }")
    expect(row(page, "n21")).to_be_visible()


def test_a_refused_form_stays_with_what_was_typed(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    action(page, "Plan children").click()
    page.keyboard.type("0")  # over the number that stood there
    page.keyboard.press("Enter")
    assert shown.commands == [{"do": "propose", "under": "n3", "n": "0"}]
    shown.reply(ok=False, text="n: Input should be greater than or equal to 1 — another value")
    expect(page.get_by_label("Proposals that should wait")).to_be_focused()
    expect(page.get_by_label("Proposals that should wait")).to_have_value("0")
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    shown.reply(ok=True, text="Asked for 4 proposals.")
    expect(page.get_by_label("Proposals that should wait")).to_be_hidden()


def test_a_second_click_of_a_double_click_does_nothing(page: Page, busy: Tree) -> None:
    shown = Shown(page, busy)
    page.evaluate("window.answers.none = 0")
    action(page, "Approve").dblclick()
    assert shown.commands == [{"do": "approve", "nodes": ["n3"]}]


def test_a_click_on_plain_text_keeps_the_focus_in_the_explorer(page: Page, busy: Tree) -> None:
    Shown(page, busy, log="a log")
    page.evaluate("window.keys = []; document.addEventListener('keydown', (e) => window.keys.push(e.key))")
    for place in (".t-goal", ".t-detail h3", ".t-section p", "canvas"):
        page.locator(place).first.click(position={"x": 3, "y": 3})
        page.keyboard.press("b")
        assert page.evaluate("document.querySelector('.trex-explorer').contains(document.activeElement)"), place
    assert page.evaluate("window.keys") == []
    page.get_by_role("button", name="Map", exact=True).click()
    page.wait_for_function("document.querySelector('canvas').dataset.k")
    page.locator("canvas").click(position={"x": 60, "y": 160})
    page.keyboard.press("d")
    assert page.evaluate("window.keys") == []


def test_another_row_is_read_from_its_top(page: Page, busy: Tree) -> None:
    page.add_style_tag(content=".t-detail { max-height: 120px !important; }")
    Shown(page, busy, log="a log\n" * 40)
    row(page, "n1").click()
    panel(page).evaluate("e => { e.scrollTop = 200; }")
    row(page, "n3").click()
    assert panel(page).evaluate("e => e.scrollTop") == 0

"""A person's day in a real JupyterLab: decisions by mouse, jobs while one watches, a busy kernel, a closed tab, a
restart, and a report that outlives the kernel.

`TREX_SCREENSHOTS` names a folder for pictures of the stations, light and dark. The baseline and n1 are trained to their
end, n2 trains as long as the tests need something that runs. The tests are one day, in this order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.lab import PATIENCE, Lab, Notebook, running, shoot, watched, write_notebook

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)

BUSY = """import pathlib, time
end = time.monotonic() + 90
while time.monotonic() < end and not pathlib.Path("let-go").exists():
    time.sleep(0.05)"""

CELLS = [
    "%load_ext trex_nb\nstudy = %trex start tiny-intent",
    "%trex budget --rounds 40\n%trex plan -n 5",
    "%trex edit n1 num_train_epochs=0.5\n%trex edit n2 num_train_epochs=20\n%trex approve n1 n2\n%trex run --jobs 1",
    "%trex plan -n 4",
    BUSY,
    "%trex best",
    "%trex report",
    "%trex show n1\n%trex compare n0 n1\n%trex status",
    "%trex approve n99",
    "%trex stop",
]
START, PLAN, RUN, MORE, BLOCK, BEST, REPORT, SHOW, WRONG, STOP = range(len(CELLS))

RECORD = """element => {
  window.states = [];
  const note = () => {
    const { state } = element.dataset;
    if (state && window.states.at(-1) !== state) window.states.push(state);
  };
  new MutationObserver(note).observe(element, { attributes: true });
}"""
"""Keeps every state that an answer goes through, however short."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    write_notebook(folder / "tour.ipynb", CELLS)
    with running(folder, tmp_path_factory.mktemp("state")) as lab:
        yield lab


@pytest.fixture(scope="module")
def fresh(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Makes a page that is watched for errors until the day is over."""
    with ExitStack() as pages:
        yield lambda: pages.enter_context(watched(browser))


@pytest.fixture(scope="module")
def tour(fresh: Callable[[], Page], lab: Lab) -> Iterator[Notebook]:
    """The notebook with a study in which proposals wait; what still runs in the end is stopped."""
    notebook = lab.open(fresh(), "tour.ipynb")
    notebook.run(START)
    notebook.run(PLAN)
    notebook.explorer.row("n5").wait_for()
    yield notebook
    notebook.until_ready()
    notebook.run(START)  # a test that failed may have left a kernel without the study
    notebook.run(STOP)
    expect(notebook.explorer.root.locator("[data-status=running]")).to_have_count(0)


@pytest.fixture
def day(tour: Notebook) -> Notebook:
    """The notebook while a job runs and proposals wait."""
    tour.run(RUN)
    tour.run(MORE)
    expect(tour.explorer.root.locator("[data-status=proposed]").nth(3)).to_be_attached()
    expect(tour.explorer.root.locator("[data-status=running] progress").first).to_be_visible()
    return tour


def until_it_moves(row: Locator) -> None:
    """Wait until a row's job is further than now."""
    cell = row.locator(".t-curve")
    expect(cell).not_to_have_js_property("innerHTML", cell.inner_html())


def test_decisions_by_mouse_are_answered_and_seen_in_the_tree(tour: Notebook) -> None:
    explorer = tour.explorer
    shoot(tour, "1-proposals", explorer.root)
    expect(explorer.act("n3", "approve")).to_contain_text("Approved n3")
    expect(explorer.row("n3")).to_have_attribute("data-status", "approved")
    expect(explorer.act("n4", "prune", "stay with adapters")).to_contain_text("Pruned n4")
    expect(explorer.row("n4")).to_have_attribute("data-status", "pruned")
    expect(explorer.panel).to_contain_text("stay with adapters")
    expect(explorer.act("n5", "redirect", "keep the data, try rank 32")).to_contain_text("Redirected n5")
    expect(explorer.row("n6")).to_contain_text("32")
    shoot(tour, "2-decided", explorer.root)


def test_a_proposal_is_approved_by_mouse_while_a_job_runs(day: Notebook) -> None:
    explorer = day.explorer
    node = explorer.has("proposed")[-1]
    expect(explorer.act(node, "approve")).to_contain_text(f"Approved {node}")
    expect(explorer.answer).to_have_attribute("data-state", "ok")
    expect(explorer.row(node)).to_have_attribute("data-status", "approved")
    assert explorer.has("running")
    expect(explorer.act(node, "prune", "enough for today")).to_contain_text(f"Pruned {node}")
    expect(explorer.row("n1")).to_have_attribute("data-status", "succeeded")
    expect(explorer.row("n1").locator(".t-value")).to_have_text(re.compile(r"^0\.\d+ ± 0\.\d+$"))


def test_a_click_is_answered_while_a_cell_blocks(day: Notebook, lab: Lab) -> None:
    explorer = day.explorer
    row = explorer.row("n2")
    expect(row).to_have_attribute("data-status", "running")
    shoot(day, "3-running", explorer.root)
    node = explorer.has("proposed")[0]
    explorer.select(node)
    expect(explorer.panel.locator(".t-section").first).to_be_visible()
    explorer.answer.evaluate(RECORD)
    day.start(BLOCK)
    expect(day.cell(BLOCK).locator(".jp-InputPrompt")).to_have_text("[*]:")
    until_it_moves(row)  # a job's news come in the name of the cell: ipykernel 7.4 would have clicks wait for it then
    explorer.button("approve").click()
    expect(explorer.answer).to_contain_text(f"Approved {node}")
    expect(explorer.row(node)).to_have_attribute("data-status", "approved")
    expect(explorer.row(node)).not_to_contain_text("sent …")
    states = day.page.evaluate("window.states")
    assert (states[0], states[-1]) == ("pending", "ok")
    expect(day.cell(BLOCK).locator(".jp-InputPrompt")).to_have_text("[*]:")
    (lab.folder / "let-go").touch()
    expect(day.cell(BLOCK).locator(".jp-InputPrompt")).not_to_have_text("[*]:")


def test_the_tab_is_closed_and_opened_again_while_a_job_runs(day: Notebook, fresh: Callable[[], Page]) -> None:
    expect(day.explorer.row("n2")).to_have_attribute("data-status", "running")
    before = day.explorer.statuses
    day.save()
    day.page.close()
    day.open(fresh())
    explorer = day.explorer
    expect(explorer.row("n2")).to_have_attribute("data-status", "running")
    expect(explorer.error).to_be_empty()
    assert explorer.statuses == before
    until_it_moves(explorer.row("n2"))
    node = explorer.has("proposed")[0]
    expect(explorer.act(node, "approve")).to_contain_text(f"Approved {node}")
    expect(explorer.row(node)).to_have_attribute("data-status", "approved")


def test_a_restarted_kernel_leaves_a_view_that_says_so_and_a_start_goes_on_with_the_same_tree(day: Notebook) -> None:
    explorer = day.explorer
    expect(explorer.row("n2")).to_have_attribute("data-status", "running")
    node = explorer.has("proposed")[0]
    explorer.select(node)
    before = explorer.statuses
    day.restart()
    expect(explorer.error).to_contain_text("Not connected")
    for action in ("approve", "prune"):
        explorer.button(action).click(force=True)
    expect(explorer.answer).to_be_hidden()
    expect(explorer.form).to_be_hidden()
    day.until_ready()
    expect(explorer.error).to_contain_text("Not connected")
    day.run(START)
    expect(explorer.error).to_be_empty()
    expect(explorer.row("n2")).to_have_attribute("data-status", "running")
    assert explorer.statuses == before
    until_it_moves(explorer.row("n2"))
    expect(explorer.act(node, "approve")).to_contain_text(f"Approved {node}")
    expect(explorer.row(node)).to_have_attribute("data-status", "approved")
    shoot(day, "4-again", explorer.root)


def test_pages_and_errors_read_well(tour: Notebook) -> None:
    tour.run(START)
    expect(tour.run(WRONG)).to_contain_text("There is no node n99")
    expect(tour.cell(WRONG).locator(".jp-OutputArea-output")).not_to_contain_text("Traceback")
    assert tour.run(SHOW).locator("table").count() >= 3
    shoot(tour, "5-pages", tour.cell(SHOW))


def test_the_frozen_report_reads_where_nothing_is_trusted(tour: Notebook, lab: Lab, browser: Browser) -> None:
    tour.run(START)
    expect(tour.run(BEST)).to_contain_text("succeeded")
    tour.save()
    expect(tour.run(REPORT)).to_contain_text("tour.report.ipynb")
    with watched(browser) as page:
        report = lab.open(page, "tour.report.ipynb")
        text = page.locator(".jp-Notebook").first
        for said in (
            "Report: tiny-intent",
            re.compile(r"0\.\d+ ± 0\.\d+"),
            "The best experiment",
            "n1",
            "pruned by human",
            "stay with adapters",
        ):
            expect(text).to_contain_text(said)
        expect(page.locator(".trex-explorer")).to_have_count(0)
        assert "model not found" not in text.inner_text()
        shoot(report, "6-report", text)

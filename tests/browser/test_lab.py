"""A person's day in a real JupyterLab: the tree by mouse, a job while one watches, a report that outlives the kernel.

`TREX_SCREENSHOTS` names a folder for pictures of the stations, light and dark. Two jobs run: the baseline and n1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.lab import PATIENCE, Lab, Notebook, running, write_notebook

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)

CELLS = [
    "%load_ext trex_nb\nstudy = %trex start tiny-intent",
    "%trex plan -n 3",
    "%trex edit n1 num_train_epochs=0.5\n%trex approve n1\n%trex run --jobs 1",
    "%trex plan -n 1",
    "study.wait(100)\n%trex best",
    "%trex report",
    "%trex show n1\n%trex compare n0 n1\n%trex status",
    "%trex approve n99",
]
START, PLAN, RUN, MORE, WAIT, REPORT, SHOW, WRONG = range(len(CELLS))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    write_notebook(folder / "tour.ipynb", CELLS)
    with running(folder, tmp_path_factory.mktemp("state")) as lab:
        yield lab


@pytest.fixture(scope="module")
def tour(browser: Browser, lab: Lab) -> Iterator[Notebook]:
    """The notebook with a study in which three proposals wait."""
    page = browser.new_page(viewport={"width": 1280, "height": 1500})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    notebook = lab.open(page, "tour.ipynb")
    notebook.run(START)
    notebook.run(PLAN)
    row(page, "n3").wait_for()
    yield notebook
    page.close()
    assert not wrong


def row(page: Page, node: str) -> Locator:
    return page.locator(f"[data-node={node}]").first


def act(page: Page, node: str, name: str, text: str = "") -> Locator:
    """Do something to a node by mouse; the line that answers."""
    row(page, node).click()
    form = page.locator(f".trex-detail [data-action={name}]").first
    if text:
        form.locator("input").fill(text)
    form.get_by_role("button").click()
    return page.locator(".trex-detail .trex-answer").first


def shoot(notebook: Notebook, name: str) -> None:
    """Keep a picture in both themes, if anybody asked for pictures."""
    folder = os.environ.get("TREX_SCREENSHOTS")
    if folder:
        for theme in ("dark", "light"):
            notebook.theme(theme)
            notebook.page.screenshot(path=Path(folder) / f"{name}-{theme}.png")


def test_decisions_by_mouse_are_answered_and_seen_in_the_tree(tour: Notebook) -> None:
    page = tour.page
    shoot(tour, "1-proposals")
    expect(act(page, "n1", "approve")).to_contain_text("Approved n1")
    expect(row(page, "n1")).to_contain_text("approved")
    expect(act(page, "n2", "prune", "stay with adapters")).to_contain_text("Pruned n2")
    expect(row(page, "n2")).to_contain_text("pruned")
    expect(act(page, "n3", "redirect", "keep the data, try rank 32")).to_contain_text("Redirected n3")
    expect(row(page, "n4")).to_contain_text("32")
    row(page, "n2").click()
    expect(page.locator(".trex-facts").first).to_contain_text("pruned by human: stay with adapters")
    shoot(tour, "2-decided")


def test_letters_and_arrows_in_the_widget_leave_the_cells_alone(tour: Notebook) -> None:
    page, before = tour.page, tour.cells
    row(page, "n1").click()
    for key in ("b", "a", "m", "ArrowDown", "ArrowUp", "d", "d", "x", "Shift+m", "0", "0"):
        page.keyboard.press(key)
    act(page, "n1", "redirect", "")
    page.keyboard.type("add dd x b a")
    expect(page.get_by_label("Redirect: what").first).to_have_value("add dd x b a")
    page.get_by_label("Redirect: what").first.fill("")
    assert tour.cells == before
    expect(row(page, "n1")).to_have_attribute("aria-selected", "true")


def test_a_job_is_watched_and_decided_beside(tour: Notebook) -> None:
    page = tour.page
    tour.run(RUN)
    row(page, "n1").click()
    expect(row(page, "n1").locator("progress")).to_be_visible()
    expect(row(page, "n1").locator("polyline")).to_be_visible()
    shoot(tour, "3-running")
    tour.run(MORE)  # a proposal to decide about while n1 trains
    proposal = page.locator(".trex-explorer").first.locator("[data-status=proposed]").last.get_attribute("data-node")
    expect(act(page, str(proposal), "approve")).to_contain_text(f"Approved {proposal}")
    expect(act(page, str(proposal), "prune", "enough for today")).to_contain_text(f"Pruned {proposal}")
    expect(row(page, "n1").locator(".trex-score")).to_have_text(re.compile(r"0\.\d+ ± 0\.\d+"))
    expect(row(page, "n1")).to_contain_text("succeeded")
    row(page, "n1").click()
    shoot(tour, "4-scored")


def test_pages_and_errors_read_well(tour: Notebook) -> None:
    expect(tour.run(WRONG)).to_contain_text("There is no node n99")
    expect(tour.cell(WRONG).locator(".jp-OutputArea-output")).not_to_contain_text("Traceback")
    tour.run(RUN)
    assert tour.run(SHOW).locator("table").count() >= 3
    tour.cell(SHOW).scroll_into_view_if_needed()
    shoot(tour, "5-pages")


def test_the_frozen_report_reads_where_nothing_is_trusted(tour: Notebook, lab: Lab, browser: Browser) -> None:
    tour.run(RUN)
    best = tour.run(WAIT)
    expect(best).to_contain_text("succeeded")
    tour.save()
    expect(tour.run(REPORT)).to_contain_text("tour.report.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 1500})
    report = lab.open(page, "tour.report.ipynb")
    first = page.locator(".jp-Notebook").first
    for said in (
        "Report: tiny-intent",
        re.compile(r"0\.\d+ ± 0\.\d+"),
        "The best experiment",
        "n1",
        "pruned by human",
        "stay with adapters",
    ):
        expect(first).to_contain_text(said)
    expect(page.locator(".trex-explorer")).to_have_count(0)
    assert "model not found" not in first.inner_text()
    shoot(report, "6-report")
    page.close()

"""A person with a language model in a real JupyterLab: says which in the notebook, sees it think and stops it, has it
plan, asks it, looks into what it was told. The server is real HTTP and says what a sensible model would."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.agents.llm.replies import DIRECTION, REFLECTION, plan
from tests.browser.lab import PATIENCE, Notebook, running, shoot, watched, write_notebook
from tests.chat.protocol_server import Body, Deed, ProtocolServer, chunk, say, serving, silent, status

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)

CELLS = [
    "%load_ext trex_nb\n%config Trex.base_url = {url}\n%config Trex.model = 'slow-1'\n%trex start tiny-intent",
    "%trex plan -n 1",
    "%config Trex.model = 'wise-1'\n%trex models",
    "%trex plan -n 1",
    "%%trex ask\nWhich weakness is left,\nand what would you try?",
    "%trex why n1",
    "%config Trex.model = 'gone'\n%trex ask Is anybody there?",
    "%trex status",
]
START, SLOW, CHOOSE, PLAN, ASK, WHY, GONE, STATUS = range(len(CELLS))


def model(body: Body) -> Deed:
    """`slow-1` begins to think and never ends; `wise-1` answers; any other is not there."""
    if body["model"] not in ("slow-1", "wise-1"):
        return status(404, "no such model")
    shape = (body.get("response_format") or {}).get("json_schema") or {}
    if body["model"] == "slow-1" and shape.get("name") == "DirectionDraft":
        return silent(chunk({"content": "Let me think about the rarer skills"}))
    known = {"DirectionDraft": DIRECTION, "ReflectionDraft": REFLECTION, "PlansDraft": {"plans": [plan(r=24)]}}
    if shape.get("name") in known:
        return say(json.dumps(known[shape["name"]]))
    if shape:  # somebody wants to know whether shapes are kept to
        return say(json.dumps(dict.fromkeys(shape["schema"]["required"], "yes")))
    return say('Negated remarks (n0). I would show more of them: `%trex redirect n1 "more feeling"`.')


@pytest.fixture(scope="module")
def server() -> Iterator[ProtocolServer]:
    with serving(model) as served:
        yield served


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with watched(browser) as page:
        yield page


@pytest.fixture(scope="module")
def notebook(server: ProtocolServer, page: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    folder = tmp_path_factory.mktemp("lab")
    write_notebook(folder / "models.ipynb", [c.replace("{url}", repr(server.url)) for c in CELLS])
    (folder / "trex.toml").write_text("[research]\ntools = false\n")
    with running(folder, tmp_path_factory.mktemp("state")) as lab:
        opened = lab.open(page, "models.ipynb")
        opened.run(START)
        yield opened


def test_a_model_is_seen_to_think_and_is_stopped_by_a_click(notebook: Notebook, server: ProtocolServer) -> None:
    notebook.start(SLOW)
    expect(notebook.explorer.root.locator(".t-state")).to_contain_text("…Let me think about the rarer skills")
    shoot(notebook, "thinking", notebook.explorer.root)
    notebook.explorer.root.locator(".t-header [data-action=withdraw]").click()
    server.wait_for(lambda: server.hung_up > 0)
    expect(notebook.explorer.root.locator(".t-state")).to_contain_text("you stopped the planning")


def test_the_model_is_chosen_in_the_notebook(notebook: Notebook) -> None:
    expect(notebook.run(CHOOSE)).to_contain_text("wise-1 at http://127.0.0.1")


def test_it_plans_what_it_was_asked_for(notebook: Notebook) -> None:
    expect(notebook.run(PLAN)).to_contain_text("Another rank")
    expect(notebook.explorer.row("n1")).to_be_visible()


def test_a_question_is_answered_under_the_cell(notebook: Notebook) -> None:
    output = notebook.run(ASK)
    expect(output).to_contain_text("Negated remarks (n0)")
    expect(output).not_to_contain_text("thinking…")
    shoot(notebook, "asked", notebook.cell(ASK))


def test_all_that_was_said_can_be_looked_into(notebook: Notebook) -> None:
    output = notebook.run(WHY)
    for words in ("Call 1 of 2", "plan.md@", "Rank was never varied.", "quoted"):
        expect(output).to_contain_text(words)
    shoot(notebook, "why", notebook.cell(WHY))


def test_a_model_that_is_not_there_is_named_in_two_lines(notebook: Notebook) -> None:
    output = notebook.run(GONE)
    expect(output).to_contain_text("(model gone) has no such model")
    expect(output).to_contain_text("Try:")
    expect(output).not_to_contain_text("Traceback")
    expect(notebook.run(STATUS)).to_contain_text("tokens of language models")

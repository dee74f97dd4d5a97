"""A real Chromium. Tests here skip only where there is none; TREX_REQUIRE_BROWSER=1 makes that a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser per module: playwright holds an event loop while it is open, which other tests must not meet."""
    path = os.environ.get("TREX_CHROMIUM") or next((p for p in map(shutil.which, NAMES) if p), None)
    if path is None:
        if os.environ.get("TREX_REQUIRE_BROWSER") == "1":
            pytest.fail("TREX_REQUIRE_BROWSER is set and no Chromium was found")
        pytest.skip("no Chromium found; install one or set TREX_CHROMIUM")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page; an error thrown in it fails the test."""
    page = browser.new_page(viewport={"width": 1100, "height": 700})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    page.close()
    assert not wrong

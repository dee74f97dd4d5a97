"""The pictures in the README: after `make demo`, `python -m tests.browser.screenshots` writes notebooks/tree.png and
notebooks/tree-dark.png.

It is the shipped explorer on an empty page, with the study that the quickstart left in notebooks/.trex; another study's
folder can be named as the argument.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import NAMES
from tests.browser.shim import Shown, row
from trex_nb.core.ids import ROOT, StudyId
from trex_nb.search.tree import Tree
from trex_nb.store.sqlite import SqliteStore

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
THEMES = {"tree.png": ("true", "#ffffff", "#000000"), "tree-dark.png": ("false", "#111111", "#ffffff")}
STYLE = """body {{ margin: 0; background: {0}; --jp-layout-color1: {0}; --jp-ui-font-color0: {1}; }}
#host {{ padding: 12px; width: 1376px; }} h2 {{ display: none; }}"""


def read(folder: Path) -> Tree:
    """The tree of a study on disk."""
    return Tree.replay(SqliteStore(folder / "study.db").read(StudyId(folder.name)))


def shoot(browser: Browser, tree: Tree, name: str) -> None:
    """One picture, the best experiment selected."""
    light, ground, ink = THEMES[name]
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, device_scale_factor=1.5)
    Shown(page, tree, log="")
    page.add_style_tag(content=STYLE.format(ground, ink))
    page.evaluate("v => document.body.setAttribute('data-jp-theme-light', v)", light)
    row(page, tree.best.id if tree.best else ROOT).click()
    page.mouse.move(0, 0)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.locator("#host").screenshot(path=NOTEBOOKS / name)
    page.close()
    print(f"{NOTEBOOKS / name}: {(NOTEBOOKS / name).stat().st_size / 1000:.0f} kB")  # noqa: T201


def main(folder: Path) -> None:
    """Both pictures."""
    tree = read(folder)
    chromium = os.environ.get("TREX_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in THEMES:
            shoot(browser, tree, name)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOKS / ".trex" / "tiny-intent")

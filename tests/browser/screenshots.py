"""The picture in the README: after `make demo`, `python -m tests.browser.screenshots` writes notebooks/tree.png.

It is the shipped widget on an empty page, with the study that the quickstart left in notebooks/.trex; another study's
folder can be named as the argument.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import NAMES
from tests.browser.test_explorer import mount, row
from trex_nb.core.ids import ROOT, StudyId
from trex_nb.search.tree import Tree
from trex_nb.store.sqlite import SqliteStore

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
OUT = NOTEBOOKS / "tree.png"
STYLE = "body { margin: 0; background: #fff; } #host { padding: 12px; width: 1176px; }"


def read(folder: Path) -> Tree:
    """The tree of a study on disk."""
    return Tree.replay(SqliteStore(folder / "study.db").read(StudyId(folder.name)))


def main(folder: Path) -> None:
    """Take the picture, the best experiment selected."""
    tree = read(folder)
    chromium = os.environ.get("TREX_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light", device_scale_factor=1.5)
        mount(page, tree)
        page.add_style_tag(content=STYLE)
        row(page, tree.best.id if tree.best else ROOT).click()
        page.mouse.move(0, 0)
        page.locator("#host").screenshot(path=OUT)
        browser.close()
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} kB")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOKS / ".trex" / "tiny-intent")

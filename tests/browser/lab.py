"""A real JupyterLab on loopback, and a hand on it: open a notebook, run cells, change the theme.

Everything waits on Lab's own state (restored, kernel idle and connected, cell done), never on time or on indicators.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page

PATIENCE = 60_000
"""Milliseconds; a busy machine is slow, not broken."""

_RESTORED = "async () => { await window.jupyterapp.restored; }"
_READY = """(path) => {
  const panel = window.jupyterapp.shell.currentWidget;
  const kernel = panel?.sessionContext?.session?.kernel;
  return panel?.context?.path === path && panel.context.isReady && panel.sessionContext.isReady
    && kernel?.status === "idle" && kernel.connectionStatus === "connected";
}"""
_RUN = """async (index) => {
  const app = window.jupyterapp;
  app.shell.currentWidget.content.activeCellIndex = index;
  await app.commands.execute("notebook:run-cell");
}"""
_THEME = """async (theme) => { await window.jupyterapp.commands.execute("apputils:change-theme", { theme }); }"""
_SAVE = """async () => { await window.jupyterapp.commands.execute("docmanager:save"); }"""
_CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.sharedModel.source)"""


class Lab:
    """A running server: its folder and its address."""

    def __init__(self, folder: Path, port: int, token: str) -> None:
        self.folder = folder
        self._url = f"http://127.0.0.1:{port}"
        self._token = token

    def open(self, page: Page, name: str) -> Notebook:
        """Open a notebook of the folder and wait until its kernel can be used."""
        page.set_default_timeout(PATIENCE)
        page.goto(f"{self._url}/lab/tree/{name}?token={self._token}&reset")
        page.wait_for_function("() => Boolean(window.jupyterapp)")
        page.evaluate(_RESTORED)
        page.wait_for_function(_READY, arg=name)
        return Notebook(page)

    def is_up(self) -> bool:
        """Whether the server answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/api/status?token={self._token}", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False


class Notebook:
    """An open notebook."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def run(self, index: int) -> Locator:
        """Run one cell to its end; its output area."""
        self.page.evaluate(_RUN, index)
        return self.cell(index).locator(".jp-OutputArea")

    def cell(self, index: int) -> Locator:
        """A cell by its place."""
        return self.page.locator(f".jp-Notebook-cell[data-windowed-list-index='{index}']")

    def theme(self, name: str) -> None:
        """ "light" or "dark"."""
        self.page.evaluate(_THEME, f"JupyterLab {name.title()}")
        self.page.locator(f"body[data-jp-theme-light={'true' if name == 'light' else 'false'}]").wait_for(
            state="attached"
        )
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def save(self) -> None:
        """Write the notebook to its file."""
        self.page.evaluate(_SAVE)

    @property
    def cells(self) -> list[str]:
        """The sources of all cells."""
        found: list[str] = self.page.evaluate(_CELLS)
        return found


def write_notebook(path: Path, cells: list[str]) -> None:
    """A notebook of code cells; it names its kernel, or Lab would ask."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    code = [nbformat.v4.new_code_cell(c) for c in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=metadata), path)


@contextmanager
def running(folder: Path, state: Path) -> Iterator[Lab]:
    """A JupyterLab over `folder` that keeps what it remembers under `state`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    lab = Lab(folder, port, secrets.token_hex(16))
    quiet = state / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))  # no toast over the notebook
    with (state / "server.log").open("wb") as log:
        server = subprocess.Popen(_command(lab, port, state), env=_environment(lab, state), stdout=log, stderr=log)
    try:
        _until_up(lab, server, state / "server.log")
        yield lab
    finally:
        server.terminate()
        server.wait(30)


def _command(lab: Lab, port: int, state: Path) -> list[str]:
    options: dict[str, Any] = {
        "ServerApp.ip": "127.0.0.1", "ServerApp.port": port, "ServerApp.port_retries": 0,
        "ServerApp.root_dir": lab.folder, "ServerApp.allow_root": True, "LabApp.expose_app_in_browser": True,
        "LabApp.user_settings_dir": state / "settings", "LabApp.workspaces_dir": state / "workspaces",
        "LabApp.news_url": None, "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }  # fmt: skip
    return [sys.executable, "-m", "jupyterlab", "--no-browser", *(f"--{k}={v}" for k, v in options.items())]


def _environment(lab: Lab, state: Path) -> dict[str, str]:
    own = {"JUPYTER_TOKEN": lab._token, "JUPYTER_CONFIG_DIR": str(state / "config"),
           "JUPYTER_RUNTIME_DIR": str(state / "runtime"), "JUPYTER_DATA_DIR": str(state / "data"),
           "IPYTHONDIR": str(state / "ipython"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
           "OMP_WAIT_POLICY": "PASSIVE"}  # fmt: skip
    return {k: v for k, v in os.environ.items() if not k.startswith(("TREX_", "JPY_", "JUPYTER"))} | own


def _until_up(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while not lab.is_up():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)  # the only state a starting server has is whether it answers

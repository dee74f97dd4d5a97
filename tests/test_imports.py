"""The notebook process stays light: what an import brings with it, seen from a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

TRAINING = {"torch", "transformers", "peft", "trl", "datasets", "accelerate", "tokenizers", "safetensors", "pyarrow"}
HEAVY = TRAINING | {"ipywidgets", "anywidget", "pydantic", "numpy", "nbformat", "yaml", "sqlite3"}


def brought_by(code: str) -> set[str]:
    """Top-level modules that are there after `code`."""
    said = f"{code}\nimport sys\nprint(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import trex_nb", "from trex_nb.magics import register"])
def test_loading_the_extension_brings_nothing_heavy(code: str) -> None:
    assert brought_by(code) & HEAVY == set()


@pytest.mark.parametrize("module", ["study.start", "magics.session", "widget.live", "testing.launchers", "train"])
def test_the_notebook_s_modules_bring_no_training_stack(module: str) -> None:
    assert brought_by(f"import trex_nb.{module}") & TRAINING == set()


def test_what_asks_the_web_comes_in_when_something_is_looked_up() -> None:
    assert brought_by("import trex_nb.study.looking, trex_nb.agents.tool_loop") & {"mcp", "huggingface_hub"} == set()


def test_a_cluster_s_libraries_come_in_when_there_is_one() -> None:
    assert brought_by("import trex_nb.study.start") & {"ray", "fsspec"} == set()


@pytest.mark.parametrize("module", ["core.events", "core.protocols", "search.tree", "search.uct", "search.surrogate"])
def test_the_pure_floors_do_no_io(module: str) -> None:
    assert brought_by(f"import trex_nb.{module}") & (TRAINING | {"sqlite3", "IPython", "ipywidgets"}) == set()

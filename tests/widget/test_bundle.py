"""The browser half that ships is built from the sources that stand beside it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from trex_nb.widget.explorer import STATIC

WIDGETS = Path(__file__).parents[2] / "widgets"
NODE = shutil.which("node")
FILES = ("explorer.js", "explorer.css")


def source_hash() -> str:
    """As `widgets/build.mjs` takes it."""
    digest = hashlib.sha256()
    for path in sorted((WIDGETS / "src").iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@pytest.mark.parametrize("name", FILES)
def test_the_bundle_names_the_sources_it_was_built_from(name: str) -> None:
    assert f"sources {source_hash()} */" in (STATIC / name).read_text().splitlines()[0]


@pytest.mark.skipif(NODE is None or not (WIDGETS / "node_modules" / "esbuild").exists(), reason="needs npm ci")
def test_a_fresh_build_gives_the_bundle_that_ships(tmp_path: Path) -> None:
    subprocess.run([str(NODE), "build.mjs", str(tmp_path)], cwd=WIDGETS, check=True)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes()


@pytest.mark.skipif(NODE is None, reason="needs Node")
def test_the_tests_of_the_browser_half_pass() -> None:
    done = subprocess.run([str(NODE), "--test", "test/"], cwd=WIDGETS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(NODE is None or not (WIDGETS / "node_modules" / "typescript").exists(), reason="needs npm ci")
def test_the_types_of_the_browser_half_hold() -> None:
    tsc = WIDGETS / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run([str(NODE), str(tsc)], cwd=WIDGETS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_bundle_is_at_most_forty_kilobytes() -> None:
    assert sum((STATIC / name).stat().st_size for name in FILES) <= 40_000


def test_data_never_becomes_markup() -> None:
    sources = "".join(p.read_text() for p in (WIDGETS / "src").glob("*.js"))
    assert not [w for w in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(") if w in sources]

"""The tiny model's server in a process of its own, as a fixture for any test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@contextmanager
def tiny_server(seed: int = 0) -> Iterator[str]:
    """The `base_url` of a server that ends with the block."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.chat.tiny_server", "--seed", str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        try:
            url = process.stdout.readline().strip()
            assert url, "the server did not start"
            yield url
        finally:
            process.kill()


@pytest.fixture(scope="session")
def tiny_url() -> Iterator[str]:
    """The tiny model's server, for the whole session."""
    with tiny_server() as url:
        yield url

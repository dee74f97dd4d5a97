"""The package's public names, and what asking for one costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import trex_nb.train


def test_every_public_name_is_there() -> None:
    assert all(getattr(trex_nb.train, name) is not None for name in trex_nb.train.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = trex_nb.train.nothing


def test_preparing_data_imports_no_torch() -> None:
    code = "import sys; from trex_nb.train import prepare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

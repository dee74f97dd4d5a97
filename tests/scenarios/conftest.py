from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.house import House


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes houses; what is open in them is closed at the end."""
    built: list[House] = []

    def make(**options: Any) -> House:
        built.append(House(tmp_path, **options))
        return built[-1]

    yield make
    for house in built:
        house.close()

"""`trex_nb.__all__` is exactly what may be used, and every name of it loads."""

from __future__ import annotations

import importlib

import pytest

import trex_nb


def test_all_is_what_is_loaded_when_it_is_used() -> None:
    assert set(trex_nb.__all__) == set(trex_nb._HOMES)
    assert sorted(trex_nb.__all__) == sorted(set(trex_nb.__all__))


@pytest.mark.parametrize("name", trex_nb.__all__)
def test_every_public_name_loads_and_is_documented(name: str) -> None:
    found = getattr(trex_nb, name)
    assert found is getattr(importlib.import_module(trex_nb._HOMES[name]), name)
    assert found.__doc__


def test_what_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = trex_nb.nonsense

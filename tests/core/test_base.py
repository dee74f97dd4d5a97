from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trex_nb.core.base import content_hash
from trex_nb.core.recipe import DataRecipe, Dedup, Sample

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_the_order_of_keys_does_not_change_a_hash(value: dict[str, object]) -> None:
    assert content_hash(value) == content_hash(dict(reversed(value.items())))


@given(JSON, JSON)
def test_equal_hashes_mean_equal_values(one: object, other: object) -> None:
    if content_hash(one) == content_hash(other):
        assert repr(one) == repr(other) or one == other


def test_a_hash_is_the_same_in_every_process() -> None:
    code = "from trex_nb.core.recipe import *; print(DataRecipe(ops=(Dedup(), Sample(n=3)), seed=1).hash)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == DataRecipe(ops=(Dedup(), Sample(n=3)), seed=1).hash


def test_parts_do_not_run_into_each_other() -> None:
    assert content_hash("ab", "c") != content_hash("a", "bc")


def test_values_are_closed_and_frozen() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Sample.model_validate({"n": 3, "m": 4})
    with pytest.raises(ValidationError, match="frozen"):
        Sample(n=3).n = 4  # type: ignore[misc]

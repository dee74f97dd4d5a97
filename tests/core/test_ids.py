from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trex_nb.core.ids import is_study_name, node_id, node_number, node_of, run_id, run_index


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_ids_say_where_they_belong(number: int, index: int) -> None:
    run = run_id(node_id(number), index)
    assert node_number(node_of(run)) == number
    assert run_index(run) == index - 1


@pytest.mark.parametrize("name", ["a", "tiny-intent", "x.y_z-2", "0", "a" * 64])
def test_a_folder_name_can_name_a_study(name: str) -> None:
    assert is_study_name(name)


@pytest.mark.parametrize("name", ["", ".hidden", "-x", "A", "a b", "a/b", "..", "ü", "a" * 65, "a\n"])
def test_what_is_no_safe_folder_name_cannot(name: str) -> None:
    assert not is_study_name(name)

"""Who holds a lock is asked without taking it."""

from __future__ import annotations

import fcntl
from pathlib import Path

from trex_nb.launch.locks import is_locked


def test_a_lock_is_held_free_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert is_locked(path) is None
    with path.open("w") as file:
        assert is_locked(path) is False
        fcntl.flock(file, fcntl.LOCK_EX)
        assert is_locked(path) is True
    assert is_locked(path) is False


def test_asking_does_not_keep_others_from_taking_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.touch()
    assert is_locked(path) is False
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_link_to_somebody_s_lock_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    assert is_locked(tmp_path / "link") is None

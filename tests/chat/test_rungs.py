from __future__ import annotations

import json
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.chat.asking import endpoint
from trex_nb.chat.rungs import DAYS, RUNGS, RungMemory, below

HERE = endpoint("http://localhost:8000/v1")


def test_below_each_way_is_a_worse_one() -> None:
    assert [below(r) for r in RUNGS[:-1]] == list(RUNGS[1:])


def test_without_a_file_it_is_remembered_as_long_as_the_object_lives() -> None:
    memory = RungMemory()
    memory.keep(HERE, "tool")
    assert memory.find(HERE) == "tool"
    assert RungMemory().find(HERE) is None


def test_each_model_at_each_server_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "rungs.json"
    RungMemory(path).keep(HERE, "tool")
    RungMemory(path).keep(endpoint(HERE.base_url, model="other"), "text")
    memory = RungMemory(path)
    assert memory.find(HERE) == "tool"
    assert memory.find(endpoint("http://localhost:8000/v1/")) == "tool"
    assert memory.find(endpoint(HERE.base_url, model="other")) == "text"
    assert memory.find(endpoint("http://localhost:8001/v1")) is None


def test_what_an_address_holds_beside_the_place_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "rungs.json"
    RungMemory(path).keep(endpoint("http://me:pass@localhost/v1?token=abc"), "tool")
    assert not {"pass", "abc"} & set(path.read_text().replace(":", " ").replace("@", " ").replace("=", " ").split())
    assert "pass" not in path.read_text()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[" * 100_000, '{"x": 1}', '{"http://localhost:8000/v1 real": {"rung": "best", "time": 1}}',
    '{"http://localhost:8000/v1 real": {"rung": ["tool"], "time": 1}}', '{"http://localhost:8000/v1 real": 3}'],
)  # fmt: skip
def test_a_file_that_is_broken_is_as_good_as_none_and_is_mended(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rungs.json"
    path.write_text(text)
    memory = RungMemory(path)
    assert memory.find(HERE) is None
    memory.keep(HERE, "text")
    assert RungMemory(path).find(HERE) == "text"


def test_a_place_that_cannot_be_written_is_remembered_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = RungMemory(tmp_path / "file" / "rungs.json")
    memory.keep(HERE, "tool")
    assert memory.find(HERE) == "tool"


def test_after_a_while_a_server_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "rungs.json"
    RungMemory(path, clock=lambda: 0.0).keep(HERE, "text")
    assert RungMemory(path, clock=lambda: DAYS * 86400).find(HERE) == "text"
    assert RungMemory(path, clock=lambda: DAYS * 86400 + 1).find(HERE) is None


def keep_many(path: Path, name: str) -> None:
    for i in range(5):
        RungMemory(path).keep(endpoint("http://localhost/v1", model=f"{name}{i}"), "tool")


def test_processes_do_not_lose_what_others_found(tmp_path: Path) -> None:
    path = tmp_path / "rungs.json"
    context = get_context("spawn")
    processes = [context.Process(target=keep_many, args=(path, name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(json.loads(path.read_text())) == 10

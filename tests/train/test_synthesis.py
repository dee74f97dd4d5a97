"""The process that has rows written, by itself: it ends with whoever asked, and carries out no more than it must."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chat.protocol_server import say, serving, silent
from tests.train.writers import about_rows, rows_of, said_by
from trex_nb import tiny
from trex_nb.core.ngrams import NGRAMS_FILE, write_sealed
from trex_nb.core.recipe import DataRecipe, Generate, Judge, NearDedup, Op, Sample, Select
from trex_nb.settings import Endpoint
from trex_nb.store.artifacts import write_rows
from trex_nb.train import prepare
from trex_nb.train.recorded_rows import RecordedRows
from trex_nb.train.synthesis import prepared, up_to_last_question
from trex_nb.train.synthesis_wire import Ask, Said

WRITE, SCORE = Generate(instruction="More.", n=12), Judge(question="Good?")


def asked(folder: Path, url: str, *ops: Op) -> Ask:
    write_rows(folder / "train.jsonl", rows_of(20))
    return Ask(
        recipe=DataRecipe(ops=ops), train_file=str(folder / "train.jsonl"), answers=str(folder / "answers.jsonl"),
        base=str(tiny.path()), endpoint=Endpoint(base_url=url, model="real", key_env="PLANTED_KEY"),
    )  # fmt: skip


@pytest.mark.parametrize(("ops", "left"), [
    ((), 0), ((NearDedup(), Sample(n=3)), 0), ((WRITE,), 1), ((NearDedup(), WRITE, Sample(n=3), SCORE, Sample(n=2)), 4),
])  # fmt: skip
def test_what_comes_after_the_last_question_is_the_job_s(ops: tuple[Op, ...], left: int) -> None:
    assert up_to_last_question(DataRecipe(ops=ops, seed=3)) == DataRecipe(ops=ops[:left], seed=3)


def test_without_hashed_passages_nothing_is_written(tmp_path: Path) -> None:
    said: list[Said] = []
    ended = prepared(asked(tmp_path, "http://127.0.0.1:9/v1", WRITE), said.append)
    assert ended.failure is not None
    assert (ended.failure.kind, said) == ("bad_data", [])
    assert "hashed passages" in ended.failure.message


def test_rows_chosen_by_the_base_model_are_those_that_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_KEY", "sk-planted")
    write_sealed(tmp_path / NGRAMS_FILE, ["nothing of this is in any row that was ever written for a test"])
    choose = Select(n=3, embedding="model")
    with serving(lambda body: say(said_by(body))) as server:
        ended = prepared(asked(tmp_path, server.url, choose, WRITE), lambda _: None)
        (shown,) = about_rows(server.requests)
    assert ended.failure is None
    model = RecordedRows(base=tiny.path())
    chosen = prepare(DataRecipe(ops=(choose,)), tmp_path / "train.jsonl", model=model)["prompt"][:]
    assert {*shown} == {*chosen}
    assert len(shown) == 12


def test_it_ends_when_whoever_asked_is_gone(tmp_path: Path) -> None:
    write_sealed(tmp_path / NGRAMS_FILE, ["nothing of this is in any row that was ever written for a test"])
    with serving(lambda _: silent()) as server:
        ask = asked(tmp_path, server.url, WRITE)
        process = subprocess.Popen(
            [sys.executable, "-m", "trex_nb.train.synthesis"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "PLANTED_KEY": "sk-planted"},
        )  # fmt: skip
        with process:
            assert process.stdin is not None
            process.stdin.write(ask.model_dump_json().encode() + b"\n")
            process.stdin.flush()
            server.wait_for(lambda: len(server.requests) > 0)
            process.stdin.close()
            assert process.wait(timeout=20) == 0

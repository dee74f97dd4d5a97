"""Both evaluators keep the contract: the fake, and the process on the model that ships (here with its own weights as
the checkpoint, so that nothing is trained)."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from trex_nb.core.protocols import Evaluator
from trex_nb.core.result import Checkpoint
from trex_nb.core.task import Example, Split, Task
from trex_nb.errors import EvaluationError
from trex_nb.evaluate import ProcessEvaluator
from trex_nb.testing.evaluators import MISSING, EvaluatorContract, FakeEvaluator, Run
from trex_nb.tiny import path as tiny

os.environ.setdefault("HF_HUB_OFFLINE", "1")
TASK = Task(name="t", goal="g", prompt="{p}", answer="{a}", metric="exact_match", max_new_tokens=4)


def a_score(_task: Task, checkpoint: Checkpoint, _split: Split) -> float:
    if checkpoint == MISSING:
        raise EvaluationError("There is no checkpoint.", "run the experiment again.")
    return 0.5


class TestFakeEvaluator(EvaluatorContract):
    @pytest.fixture
    def evaluator(self) -> Evaluator:
        return FakeEvaluator(a_score)

    @pytest.fixture
    def task(self) -> Task:
        return TASK

    @pytest.fixture
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(kind="adapter", path="runs/n1.1/adapter")


@pytest.fixture(scope="module")
def in_another_thread() -> Iterator[Run[Any]]:
    """Waits for coroutines on a loop in another thread, as a study has it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(120)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def process(in_another_thread: Run[Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    """One process for all tests."""
    study = tmp_path_factory.mktemp("study")
    shutil.copytree(tiny(), study / "runs/n1.1/model")
    (study / "sealed").mkdir()
    for split in ("search", "test"):
        items = [Example(id=str(i), prompt=f"repeat: {i}", answer=str(i), slice="s") for i in range(10)]
        (study / "sealed" / f"{split}.jsonl").write_text("".join(e.model_dump_json() + "\n" for e in items))
    evaluator = ProcessEvaluator(study, str(tiny()))
    yield evaluator
    in_another_thread(evaluator.close())


class TestProcessEvaluator(EvaluatorContract):
    @pytest.fixture
    def run(self, in_another_thread: Run[Any]) -> Run[Any]:
        return in_another_thread

    @pytest.fixture
    def evaluator(self, process: Evaluator) -> Evaluator:
        return process

    @pytest.fixture
    def task(self) -> Task:
        return TASK

    @pytest.fixture
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(kind="model", path="runs/n1.1/model")

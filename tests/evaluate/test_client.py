"""The evaluator's process: clean, restarted when it dies, deaf to what jobs write, quiet about torch."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trex_nb.core.result import Checkpoint, Evaluation
from trex_nb.core.task import Task
from trex_nb.errors import EvaluationError
from trex_nb.evaluate import ProcessEvaluator
from trex_nb.evaluate.client import clean_environment
from trex_nb.tiny import path as tiny

TASK = Task(name="t", goal="g", prompt="{p}", answer="{a}", metric="exact_match", max_new_tokens=4)
ADAPTER = Checkpoint(kind="adapter", path="runs/n1.1/adapter")


def test_worker_that_died_is_started_again(study: Path) -> None:
    async def die_between_two() -> tuple[Evaluation, Evaluation]:
        evaluator = ProcessEvaluator(study, str(tiny()))
        try:
            first = await evaluator.evaluate(TASK, ADAPTER, "search")
            assert evaluator._process is not None
            evaluator._process.kill()
            await evaluator._process.wait()
            return first, await evaluator.evaluate(TASK, ADAPTER, "search")
        finally:
            await evaluator.close()

    first, second = asyncio.run(die_between_two())
    assert first.score == second.score
    assert (study / "sealed/predictions/runs-n1.1-adapter.search.jsonl").is_file()


def test_worker_imports_nothing_from_the_folder_it_works_in(study: Path) -> None:
    (study / "torch.py").write_text("raise SystemExit('a job wrote this')")

    async def warm() -> None:
        evaluator = ProcessEvaluator(study, str(tiny()))
        await evaluator.warm()
        await evaluator.close()

    asyncio.run(warm())


def test_worker_that_cannot_start_is_an_error_of_two_lines(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(EvaluationError, match="died twice") as error:
        asyncio.run(ProcessEvaluator(study, str(tiny())).evaluate(TASK, ADAPTER, "search"))
    assert "evaluator.log" in error.value.hint
    assert error.value.is_retryable


def test_evaluation_that_takes_too_long_is_stopped(study: Path) -> None:
    evaluator = ProcessEvaluator(study, str(tiny()), timeout=0.01)
    with pytest.raises(EvaluationError, match="was stopped") as error:
        asyncio.run(evaluator.evaluate(TASK, ADAPTER, "search"))
    assert evaluator._process is None
    assert not error.value.is_retryable


@pytest.mark.parametrize("path", ["runs/n9/adapter", "../elsewhere", "/etc"])
def test_checkpoint_outside_the_study_is_refused(study: Path, path: str) -> None:
    evaluator = ProcessEvaluator(study, str(tiny()))
    with pytest.raises(EvaluationError, match="There is no checkpoint"):
        asyncio.run(evaluator.evaluate(TASK, Checkpoint.model_construct(kind="adapter", path=path), "search"))


def test_split_without_references_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no references for the test split"):
        asyncio.run(ProcessEvaluator(tmp_path, str(tiny())).evaluate(TASK, Checkpoint(kind="base"), "test"))


def test_predictions_stay_sealed(study: Path) -> None:
    evaluator = ProcessEvaluator(study, str(tiny()))
    assert evaluator._predictions(ADAPTER, "test").is_relative_to(study / "sealed")
    assert evaluator._predictions(ADAPTER, "search").is_relative_to(study / "sealed")


def test_worker_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    environment = clean_environment(threads=2)
    assert "secret" not in environment.values()
    assert environment["OMP_NUM_THREADS"] == "2"


def test_search_path_of_the_worker_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f".{os.pathsep}/lib")
    assert clean_environment(threads=1)["PYTHONPATH"] == f"{tmp_path}{os.pathsep}/lib"


def test_asking_imports_no_torch() -> None:
    code = "import sys, trex_nb.evaluate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""An Evaluator that asks a function, and the contract every Evaluator keeps.

A third party's evaluator is held to it by a subclass with three fixtures: `evaluator`, `task` and `checkpoint`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from trex_nb.core.items import MOST_ITEMS, pack, unpack
from trex_nb.core.protocols import Evaluator
from trex_nb.core.result import Checkpoint, Evaluation, Score
from trex_nb.core.task import Split, Task
from trex_nb.errors import EvaluationError

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]
MISSING = Checkpoint(kind="adapter", path="runs/missing/adapter")


class FakeEvaluator:
    """Scores by `score_of`, which may raise `EvaluationError`; each is on `n` items. Remembers what was asked."""

    def __init__(self, score_of: Callable[[Task, Checkpoint, Split], float], n: int = 100) -> None:
        self._score_of = score_of
        self._n = n
        self.asked: list[tuple[Checkpoint, Split]] = []

    async def evaluate(self, task: Task, checkpoint: Checkpoint, split: Split) -> Evaluation:
        """The function's score, with the standard error of a share of n."""
        self.asked.append((checkpoint, split))
        value = self._score_of(task, checkpoint, split)
        stderr = max((value * (1 - value) / self._n) ** 0.5, 1 / (self._n + 4))
        score = Score(metric=task.metric, split=split, value=value, n=self._n, stderr=stderr)
        right = round(value * self._n)
        items = pack([1.0] * right + [0.0] * (self._n - right))  # a better checkpoint is right where a worse one is
        return Evaluation(score=score, evaluator="fake", seconds=0.0, items=items)


class EvaluatorContract:
    """What holds for every Evaluator. Subclass it in a test module and give it its fixtures."""

    @pytest.fixture
    def evaluator(self) -> Evaluator:
        """The evaluator under test."""
        raise NotImplementedError

    @pytest.fixture
    def task(self) -> Task:
        """A task that the evaluator knows both splits of."""
        raise NotImplementedError

    @pytest.fixture
    def checkpoint(self) -> Checkpoint:
        """A trained checkpoint of the task's base model."""
        raise NotImplementedError

    @pytest.fixture
    def run(self) -> Run[Any]:
        """How to wait for a coroutine; override it where the evaluator lives on a loop of its own."""
        return asyncio.run

    @pytest.mark.parametrize("split", ["search", "test"])
    def test_score_is_of_what_was_asked(
        self, run: Run[Any], evaluator: Evaluator, task: Task, checkpoint: Checkpoint, split: Split
    ) -> None:
        """The task's metric, on the split that was named."""
        score = run(evaluator.evaluate(task, checkpoint, split)).score
        assert (score.metric, score.split) == (task.metric, split)

    def test_score_is_a_share_and_never_certain(
        self, run: Run[Any], evaluator: Evaluator, task: Task, checkpoint: Checkpoint
    ) -> None:
        """The value is in [0, 1], on at least one item, with a standard error above zero."""
        score = run(evaluator.evaluate(task, checkpoint, "search")).score
        assert 0 <= score.value <= 1
        assert score.n >= 1
        assert score.stderr > 0

    def test_equal_questions_get_equal_answers(
        self, run: Run[Any], evaluator: Evaluator, task: Task, checkpoint: Checkpoint
    ) -> None:
        """All but the time it took."""
        first, second = (run(evaluator.evaluate(task, checkpoint, "search")) for _ in range(2))
        assert first.model_copy(update={"seconds": 0.0}) == second.model_copy(update={"seconds": 0.0})

    def test_evaluation_is_small_enough_to_store(
        self, run: Run[Any], evaluator: Evaluator, task: Task, checkpoint: Checkpoint
    ) -> None:
        """At most 50 slices and 20 bad cases of 500 characters a text."""
        found = run(evaluator.evaluate(task, checkpoint, "search"))
        texts = [text for case in found.bad_cases for text in (case.prompt, case.expected, case.got)]
        assert len(found.slices) <= 50
        assert len(found.bad_cases) <= 20
        assert all(len(text) <= 500 for text in texts)

    def test_test_split_shows_no_cases(
        self, run: Run[Any], evaluator: Evaluator, task: Task, checkpoint: Checkpoint
    ) -> None:
        """Its items stay sealed."""
        assert run(evaluator.evaluate(task, checkpoint, "test")).bad_cases == ()

    def test_item_scores_add_up_to_the_score(
        self, run: Run[Any], evaluator: Evaluator, task: Task, checkpoint: Checkpoint
    ) -> None:
        """One number an item (at most 5,000 are kept), whose mean is the score: nodes are compared item by item."""
        found = run(evaluator.evaluate(task, checkpoint, "search"))
        items = unpack(found.items)
        assert len(items) == min(found.score.n, MOST_ITEMS)
        assert found.score.n > MOST_ITEMS or abs(items.mean() - found.score.value) <= 0.5 / found.score.n + 1e-6

    def test_evaluation_names_the_code_that_scored(
        self, run: Run[Any], evaluator: Evaluator, task: Task, checkpoint: Checkpoint
    ) -> None:
        """The hash is there, and does not change between splits."""
        search, test = (run(evaluator.evaluate(task, checkpoint, split)) for split in ("search", "test"))
        assert search.evaluator == test.evaluator != ""

    def test_base_model_itself_can_be_scored(self, run: Run[Any], evaluator: Evaluator, task: Task) -> None:
        """The root of every study needs it."""
        assert run(evaluator.evaluate(task, Checkpoint(kind="base"), "search")).score.n >= 1

    def test_missing_checkpoint_is_an_error_of_two_lines(self, run: Run[Any], evaluator: Evaluator, task: Task) -> None:
        """What happened, what to try; nothing else is raised."""
        with pytest.raises(EvaluationError) as error:
            run(evaluator.evaluate(task, MISSING, "search"))
        assert len(str(error.value).splitlines()) == 2

    def test_questions_asked_at_once_are_all_answered(
        self, run: Run[Any], evaluator: Evaluator, task: Task, checkpoint: Checkpoint
    ) -> None:
        """Each gets its own answer."""

        async def ask() -> list[Evaluation]:
            splits: tuple[Split, ...] = ("search", "test", "search")
            return await asyncio.gather(*(evaluator.evaluate(task, checkpoint, split) for split in splits))

        assert [found.score.split for found in run(ask())] == ["search", "test", "search"]

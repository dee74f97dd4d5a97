"""Stop, resume and fork with nothing faked but the Researcher: real kernels, real fine-tuning, a real kill -9."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import trex_nb
from tests.scenarios.house import statuses
from tests.scenarios.verbs import modules, with_verbs
from trex_nb.core.events import StudyCreated
from trex_nb.core.ids import RunId, node_id
from trex_nb.core.plan import Plan
from trex_nb.search.tree import Tree
from trex_nb.settings import Settings
from trex_nb.store.artifacts import StudyFolder
from trex_nb.study.parts import Parts, default_parts
from trex_nb.study.study import Study
from trex_nb.testing.researchers import ScriptedResearcher
from trex_nb.testing.trees import lora_plan

N1, N2 = RunId("n1.1"), RunId("n2.1")


def plan(epochs: float, learning_rate: float) -> Plan:
    made = lora_plan("LoRA", r=4, learning_rate=learning_rate)
    config = made.configs[0].model_copy(update={"num_train_epochs": epochs, "lora_dropout": 0.1})
    return made.model_copy(update={"configs": (config,)})


def begun(home: Path, name: str, epochs: float = 6.0) -> Study:
    """The real parts, and a Researcher that plans a run to interrupt and then a short child of it."""

    def parts(folder: StudyFolder, created: StudyCreated, settings: Settings) -> Parts:
        researcher = ScriptedResearcher(plan(epochs, 5e-3), plan(0.3, 1e-9))
        return replace(default_parts(folder, created, settings), researcher=researcher)

    settings = Settings(root=home / ".trex", jobs=2, patience=60)
    study = trex_nb.start(home / "verbs.yaml", name=name, settings=settings, make_parts=parts)
    study.plan(1)
    study.approve("n1")
    study.run(jobs=2)
    return study


def until(study: Study, is_so: Callable[[Tree], bool]) -> None:
    assert study._wait_until(lambda: is_so(study.tree), 120), statuses(study.tree)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Study, Study]]:
    """Two studies of one plan. In the first, n1 runs through. In the second a child is forked from it while it trains,
    its kernel is killed, its second attempt is stopped, and its third goes on to the end."""
    home = with_verbs(tmp_path_factory.mktemp("home"), modules(10))
    with begun(home, "whole") as whole, begun(home, "cut") as cut:
        until(cut, lambda t: bool(t.run(N1).curve))
        assert cut.redirect("n1.1", "hardly learn any more").nodes == ("n2",)
        until(cut, lambda t: t.run(N1).curve[-1].step > t.run(N1).saved.step)  # type: ignore[union-attr]
        os.kill(cut.tree.run(N1).pid or 0, signal.SIGKILL)
        cut.approve("n2")
        until(cut, lambda t: t.run(N1).attempt == 2 and t.run(N1).curve[-1].step > t.run(N1).resumes.step)  # type: ignore[union-attr]
        cut.stop("n1.1")
        until(cut, lambda t: t.run(N1).is_finished)
        cut.resume("n1")
        yield whole.wait(240), cut.wait(240)


def adapter(study: Study, run: RunId) -> bytes:
    checkpoint = study.tree.run(run).checkpoint
    assert checkpoint is not None
    return (study.folder.path / str(checkpoint.path) / "adapter_model.safetensors").read_bytes()


def test_a_run_that_was_killed_and_stopped_ends_as_if_it_never_had_been(studies: tuple[Study, Study]) -> None:
    whole, cut = studies
    assert cut.tree.run(N1).attempt == 3
    assert adapter(cut, N1) == adapter(whole, N1)
    assert cut.tree.nodes[node_id(1)].score == whole.tree.nodes[node_id(1)].score


def test_its_curve_is_one_and_its_steps_and_costs_add_up(studies: tuple[Study, Study]) -> None:
    whole, cut = (study.tree.run(N1) for study in studies)
    steps = [p.step for p in cut.curve]
    assert steps == sorted(set(steps))
    assert steps[0] < cut.resumes.step < steps[-1]  # type: ignore[union-attr]
    assert cut.steps == whole.steps == cut.curve[-1].step
    assert cut.seconds > cut.cost.seconds > 0


def test_a_child_begins_with_the_weights_of_the_run_it_was_forked_from(studies: tuple[Study, Study]) -> None:
    """It was told to learn next to nothing, so it ends with them, too."""
    _, cut = studies
    child = cut.tree.nodes[node_id(2)]
    assert child.plan.start is not None
    began = load_file(cut.folder.path / str(child.plan.start.checkpoint.path) / "adapter_model.safetensors")
    ended = load_file(cut.folder.path / str(child.runs[0].checkpoint.path) / "adapter_model.safetensors")  # type: ignore[union-attr]
    assert any(weights.any() for name, weights in began.items() if "lora_B" in name)
    assert all(np.allclose(began[name], ended[name], atol=1e-6) for name in began)
    notebook = (cut.folder.path / child.runs[0].folder / "experiment.ipynb").read_text()
    assert f'start=\\"../n1.1/checkpoint-{child.plan.start.step}\\"' in notebook


def test_of_the_saved_states_only_the_weights_the_child_started_from_are_left(studies: tuple[Study, Study]) -> None:
    _, cut = studies
    start = cut.tree.nodes[node_id(2)].plan.start
    left = sorted(p for p in (cut.folder.path / "runs").glob("n1*/checkpoint-*"))
    assert start is not None
    assert left == [cut.folder.path / str(start.checkpoint.path)]
    assert not (left[0] / "optimizer.pt").exists()

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from trex_nb.agents.executor import TemplateExecutor, notebook
from trex_nb.core.limits import Limits
from trex_nb.core.recipe import DataRecipe, Dedup
from trex_nb.core.training import FullTraining, LoraTraining
from trex_nb.testing.executors import assignment


def test_equal_assignments_give_equal_notebooks(tmp_path: Path) -> None:
    assert notebook(assignment(tmp_path)) == notebook(assignment(tmp_path))


def test_the_notebook_is_valid_and_every_code_cell_is_python(tmp_path: Path) -> None:
    made = notebook(assignment(tmp_path))
    nbformat.validate(nbformat.from_dict(made))
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            compile(cell["source"], "cell", "exec")


def test_recipe_and_config_stand_in_it_as_they_will_be_used(tmp_path: Path) -> None:
    asked = assignment(tmp_path)
    source = next(c["source"] for c in notebook(asked)["cells"] if c["cell_type"] == "code")
    made: dict[str, object] = {}
    exec(source, made)
    assert made["config"] == asked.node.plan.configs[0]
    assert made["recipe"] == asked.node.plan.recipe


@pytest.mark.parametrize("kind", [LoraTraining, FullTraining])
def test_what_is_saved_is_named_by_the_method(tmp_path: Path, kind: type[LoraTraining | FullTraining]) -> None:
    asked = assignment(tmp_path)
    config = kind(learning_rate=1e-3)
    plan = asked.node.plan.model_copy(update={"configs": (config,), "recipe": DataRecipe(ops=(Dedup(),))})
    run = replace(asked.node.runs[0], config=config)
    made = notebook(replace(asked, node=replace(asked.node, plan=plan, runs=(run,))))
    assert made["cells"][-1]["source"] == f'finish(trained, "{"adapter" if kind is LoraTraining else "model"}")'


def test_where_training_starts_or_goes_on_is_named_relative_to_the_notebook(tmp_path: Path) -> None:
    asked = assignment(tmp_path)
    other = tmp_path / "runs" / "n4.2" / "checkpoint-60"
    forked, resumed = notebook(replace(asked, start=other)), notebook(replace(asked, resume=other))
    for made, how in ((forked, "start"), (resumed, "resume")):
        sources = [c["source"] for c in made["cells"]]
        assert f'trained = fit(base, rows, config, {how}="../n4.2/checkpoint-60")' in sources


def test_the_job_is_given_what_it_reads_and_no_more(tmp_path: Path) -> None:
    asked = replace(
        assignment(tmp_path), start=tmp_path / "start", reads=(tmp_path / "model",), limits=Limits(file_mb=5)
    )  # fmt: skip
    asked.train_file.parent.mkdir(parents=True)
    asked.train_file.touch()
    for folder in ("start", "model"):
        (tmp_path / folder).mkdir()
    spec = asyncio.run(TemplateExecutor().prepare(asked))
    assert spec.reads == (str(asked.train_file), str(tmp_path / "start"), str(tmp_path / "model"))
    assert spec.writes == (str(asked.train_file.parent),)
    assert spec.limits == Limits(file_mb=5)

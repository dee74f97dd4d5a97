from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from trex_nb.agents.executor import TemplateExecutor, notebook
from trex_nb.core.limits import Limits
from trex_nb.core.protocols import Answered, Assignment
from trex_nb.core.recipe import DataRecipe, Dedup, Generate, Op, Select
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


def test_a_job_reads_what_a_language_model_answered_and_asks_nobody(tmp_path: Path) -> None:
    record = tmp_path / "row-answers.jsonl"
    record.touch()
    written = _with(assignment(tmp_path), Generate(instruction="More.", n=3))
    asked = replace(written, answered=Answered(record, "gpt-9 'turbo'"))
    (source,) = (c["source"] for c in notebook(asked)["cells"] if "rows = prepare_once" in c["source"])
    compile(source, "cell", "exec")
    said = """model=RecordedRows(base=tiny.path(), path="../../row-answers.jsonl", model="gpt-9 'turbo'")"""
    assert said in source
    assert str(record) in asyncio.run(TemplateExecutor().prepare(asked)).reads


def test_rows_are_compared_by_the_base_model_of_the_study(tmp_path: Path) -> None:
    asked = replace(_with(assignment(tmp_path), Select(n=3, embedding="model")), base_model="some/model")
    sources = [c["source"] for c in notebook(asked)["cells"]]
    assert any("model=RecordedRows(base='some/model')" in source for source in sources)
    assert not any("RecordedRows" in c["source"] for c in notebook(assignment(tmp_path))["cells"])


def _with(asked: Assignment, op: Op) -> Assignment:
    plan = asked.node.plan.model_copy(update={"recipe": DataRecipe(ops=(op,))})
    return replace(asked, node=replace(asked.node, plan=plan))

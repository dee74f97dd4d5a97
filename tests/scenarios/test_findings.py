"""Runs that are crafted to go wrong, for real: tiny fine-tunings whose diagnosis has to name what was done to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ftbench import tiny_intent
from trex_nb.agents.diagnosis import diagnose
from trex_nb.core import events as ev
from trex_nb.core.ids import ROOT, run_id
from trex_nb.core.plan import Expectation, Plan
from trex_nb.core.recipe import DataRecipe
from trex_nb.core.result import Checkpoint, Cost, Evaluation, Finding
from trex_nb.core.task import Row
from trex_nb.core.training import FullTraining, LoraTraining, Trained
from trex_nb.evaluate.wire import ScoreRequest
from trex_nb.evaluate.worker import Worker
from trex_nb.search.tree import Tree
from trex_nb.store.artifacts import write_rows
from trex_nb.store.row_files import Line
from trex_nb.study.base_model import base_facts
from trex_nb.study.intake import Source, prepare
from trex_nb.study.start import baseline_plan
from trex_nb.testing.trees import approved, node, stamp, submitted
from trex_nb.tiny import path as tiny
from trex_nb.tiny.general import world_text
from trex_nb.train import fit, load_base
from trex_nb.train import prepare as train_rows
from trex_nb.train.progress import Curve

RATE = 6e-3
TASK = tiny_intent.EMBEDDED.task.model_copy(update={"metric": "accuracy", "slice": None})


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Row]]:
    """One skill of tiny-intent: positive or negative. 160 rows to train on, 60 to search with, 60 for the test."""
    loaded = tiny_intent.load()
    skill = {
        name: [r for r in getattr(loaded, name) if r["skill"] == "feeling"] for name in ("train", "search", "test")
    }
    return {"train": skill["train"][:160], "search": skill["search"][:60], "test": skill["test"][:60]}


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker()


class Lab:
    """A study without a store: one folder, one worker, and nodes that are trained on the spot."""

    def __init__(self, folder: Path, worker: Worker, rows: dict[str, list[Row]]) -> None:
        self.folder, self.worker = folder, worker
        source = {name: Source(name, [Line(i, r) for i, r in enumerate(part, 1)]) for name, part in rows.items()}
        prepared = prepare(TASK, source["train"], source["search"], source["test"])
        write_rows(folder / "train.jsonl", prepared.train)
        write_rows(folder / "search.jsonl", prepared.search)
        self.events: list[ev.Event] = [
            ev.StudyCreated(study="crafted", task=TASK, origin="crafted", data=prepared.facts,
                            base=base_facts("tiny"), root=baseline_plan()),
            submitted(0),
            ev.RunEvaluated(run=run_id(ROOT, 1), evaluation=self.score(None, "base")),
        ]  # fmt: skip

    def score(self, path: Path | None, kind: str) -> Evaluation:
        request: dict[str, Any] = {
            "id": 1, "base_model": str(tiny()), "checkpoint_kind": kind, "checkpoint_path": path and str(path),
            "references": str(self.folder / "search.jsonl"), "train": str(self.folder / "train.jsonl"),
            "metric": "accuracy", "split": "search", "max_new_tokens": None,
            "closed_answers": ("positive", "negative"), "predictions": str(self.folder / "predictions.jsonl"),
            "general": world_text(),
        }  # fmt: skip
        reply = self.worker.reply(ScoreRequest.model_validate(request).model_dump_json())
        assert reply.evaluation is not None, reply.error
        return reply.evaluation

    def train(self, config: Trained, monkeypatch: pytest.MonkeyPatch) -> tuple[Finding, ...]:
        """Train, save, score and diagnose node 1."""
        points: list[Any] = []
        monkeypatch.setattr(Curve, "publish", lambda curve: points.__setitem__(slice(None), curve.points))
        fitted = fit(load_base(tiny()), train_rows(DataRecipe(), self.folder / "train.jsonl"), config)
        fitted.model.save_pretrained(self.folder / "out")
        run = run_id(node(1), 1)
        plan = Plan(title="Crafted", hypothesis="It goes wrong.", recipe=DataRecipe(), configs=(config,),
                    expected=Expectation(minutes=1, memory_mb=500))  # fmt: skip
        curve = [
            ev.JobProgressed(run=run, step=p.step, total=p.total, loss=p.loss, eval_loss=p.eval_loss, line=i)
            for i, p in enumerate(points, 1)
        ]
        done = ev.JobFinished(
            run=run, checkpoint=Checkpoint(kind=fitted.kind), cost=Cost(), line=99, rows=fitted.rows
        )  # fmt: skip
        self.events += [
            ev.NodeProposed(node=node(1), parent=ROOT, plan=plan, request=1), approved(1), submitted(1), *curve, done,
            ev.RunEvaluated(run=run, evaluation=self.score(self.folder / "out", fitted.kind)),
        ]  # fmt: skip
        return self.findings("n1")

    def findings(self, name: str) -> tuple[Finding, ...]:
        tree = Tree.replay(stamp(self.events))
        return diagnose(tree, next(n for n in tree.nodes.values() if n.id == name))


def of(found: Sequence[Finding], kind: str) -> Finding:
    assert kind in [f.kind for f in found], found
    return next(f for f in found if f.kind == kind)


def test_too_short_and_too_gentle_a_training_is_underfitting(
    tmp_path: Path, worker: Worker, splits: dict[str, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(tmp_path, worker, splits)
    config = LoraTraining(learning_rate=2e-4, num_train_epochs=1, per_device_train_batch_size=8)
    found = lab.train(config, monkeypatch)
    assert "num_train_epochs" in of(found, "underfitting").suggests
    assert of(found, "malformed_answers").evidence[0][1] > 0.5
    assert "forgetting" not in [f.kind for f in found]


def test_many_epochs_on_a_few_rows_are_overfitting(
    tmp_path: Path, worker: Worker, splits: dict[str, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: list[Row] = [
        {**row, "answer": ("positive", "negative")[i % 2]} for i, row in enumerate(splits["train"][:24])
    ]
    lab = Lab(tmp_path, worker, {**splits, "train": wrong})
    config = LoraTraining(learning_rate=RATE, num_train_epochs=25, per_device_train_batch_size=8)
    assert "by heart" in of(lab.train(config, monkeypatch), "overfitting").message


def test_a_wild_learning_rate_is_forgetting_for_nothing(
    tmp_path: Path, worker: Worker, splits: dict[str, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(tmp_path, worker, {**splits, "train": splits["train"][:80]})
    wild = FullTraining(learning_rate=3e-2, num_train_epochs=1, per_device_train_batch_size=8, warmup_steps=0)
    finding = of(lab.train(wild, monkeypatch), "forgetting")
    assert not finding.is_note
    assert "lora" in finding.suggests


def test_a_max_length_below_the_rows_is_seen_and_its_remedy_named(
    tmp_path: Path, worker: Worker, splits: dict[str, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(tmp_path, worker, {**splits, "train": splits["train"][:80]})
    found = lab.train(LoraTraining(learning_rate=RATE, num_train_epochs=1, max_length=20), monkeypatch)
    finding = of(found, "truncated_rows")
    numbers = dict(finding.evidence)
    assert numbers["longest"] > 20
    assert finding.suggests == "max_length: 20 → 32"


def test_rows_that_stand_twice_are_counted_by_the_study_and_by_the_job(
    tmp_path: Path, worker: Worker, splits: dict[str, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = splits["train"][:60]
    copies = [{**row, "text": f"  {row['text'].upper()}"} for row in rows[:20]]
    lab = Lab(tmp_path, worker, {**splits, "train": [*rows, *copies]})
    assert of(lab.findings("n0"), "duplicates").evidence == (("duplicates", 20.0), ("rows", 80.0))
    found = lab.train(LoraTraining(learning_rate=1e-4, num_train_epochs=0.5), monkeypatch)
    assert of(found, "duplicates").evidence == (("duplicates", 20.0), ("rows", 80.0))


def test_rows_of_the_sealed_splits_in_the_train_file_are_said_and_not_shown(
    tmp_path: Path, worker: Worker, splits: dict[str, list[Row]]
) -> None:
    copied = [*splits["test"][:9], *splits["search"][:4]]
    lab = Lab(tmp_path, worker, {**splits, "train": [*splits["train"], *copied]})
    finding = of(lab.findings("n0"), "contamination")
    assert dict(finding.evidence) == {"in search": 4.0, "in test": 9.0}
    assert "decontaminate" in finding.suggests
    told = json.dumps([e.model_dump(mode="json") for e in lab.events[:1]])
    assert not any(row["text"] in told for row in copied)

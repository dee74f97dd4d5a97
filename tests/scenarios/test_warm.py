"""A job forked from the warm pool trains to the very weights of one that was started cold."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from trex_nb import tiny
from trex_nb.core.job import Finished, JobUpdate
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.mark import can_mark
from trex_nb.launch.pool import Pool
from trex_nb.testing.launchers import everything, notebook_job

CELLS = (
    """\
from trex_nb import tiny
from trex_nb.core.recipe import DataRecipe
from trex_nb.core.training import LoraTraining
from trex_nb.train import finish, fit, load_base, prepare
config = LoraTraining(learning_rate=5e-3, num_train_epochs=1, lora_dropout=0.1, seed=7)
rows = prepare(DataRecipe(), "../data/rows.jsonl")
""",
    'finish(fit(load_base(tiny.path()), rows, config), "adapter")',
)


async def _trained(launcher: KernelLauncher, folder: Path) -> list[JobUpdate]:
    spec = notebook_job(folder, CELLS).model_copy(update={"writes": (str(folder.parent / "data"),)})
    return await everything(await launcher.submit(spec))


@pytest.mark.skipif(not can_mark(), reason="this system has no warm pool")
def test_warm_and_cold_train_to_the_same_weights(tmp_path: Path) -> None:
    rows = [{"id": str(i), "prompt": f"what is {i}?", "answer": str(i % 7), "slice": "n"} for i in range(200)]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pool = Pool(tmp_path / "pool.log", "trex_nb.train.ready:prepare", (str(tiny.path()), str(tiny.path())))
    try:
        *_, warm = asyncio.run(_trained(KernelLauncher(pool), tmp_path / "warm"))
        assert pool.pid is not None, (tmp_path / "pool.log").read_text()
    finally:
        pool.close()
    *_, cold = asyncio.run(_trained(KernelLauncher(), tmp_path / "cold"))
    assert isinstance(warm, Finished), warm
    assert isinstance(cold, Finished), cold
    weights = [(tmp_path / how / "adapter" / "adapter_model.safetensors").read_bytes() for how in ("warm", "cold")]
    assert weights[0] == weights[1]

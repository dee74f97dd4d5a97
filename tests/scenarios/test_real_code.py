"""Code that a model wrote, run for real: kernels, walls and fine-tuning are real, only who wrote it is a script."""

from __future__ import annotations

from pathlib import Path

import pytest

import trex_nb
from tests.scenarios.house import statuses
from tests.scenarios.test_real import USES
from tests.scenarios.test_real_retry import N1, WORDS, let_run, opened, plan, written
from trex_nb.core.ids import NodeId
from trex_nb.core.plan import Code
from trex_nb.launch.files import JobFolder
from trex_nb.settings import Settings

ROWS = '''\
def rewrite(rows):
    """Every row twice, the second time without the underscore."""
    cleaned = [{**row, "prompt": row["prompt"].replace("_", " ")} for row in rows]
    return rows + cleaned
'''
TRAIN = """\
def train(base, rows, config, fit):
    first = fit(base, rows.select(range(len(rows) // 2)), config)
    first.model.save_pretrained("made/first")
    return fit(base, rows, config, start="made/first")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [(f"{kind}_{a}{b}", use) for kind, use in USES.items() for a in WORDS for b in WORDS]
    return written(tmp_path_factory.mktemp("home"), rows)


def test_a_model_s_rows_and_training_make_an_adapter_that_is_scored(home: Path) -> None:
    what = plan(num_train_epochs=1.0).model_copy(
        update={"code": Code(brief="Say it also without underscores, easy rows first.", rows=ROWS, train=TRAIN)}
    )
    with opened(home, "coded", what) as study:
        let_run(study).wait(240)
        run = study.tree.run(N1)
        assert statuses(study.tree)["n1"] == "succeeded", run.failure
        assert run.checkpoint is not None
        assert run.checkpoint.path == "runs/n1.1/made/adapter"
        score, base = study.tree.nodes[NodeId("n1")].score, study.tree.root.score
        assert score is not None
        assert base is not None
        assert score.value > base.value
        notebook = JobFolder(study.folder.path / "runs" / "n1.1").read_notebook()
        sources = [c.source for c in notebook.cells]
        assert ROWS.strip() in [s.strip() for s in sources]
        assert "280 rows → 560: 280 as they were, 280 new" in str(notebook)
        export = study.export("n1", home / "exported")
    with trex_nb.start(replay=export / "recipe.yaml", settings=Settings(root=home / ".trex", jobs=1)) as again:
        assert again.tree.nodes[NodeId("n1")].plan.code == what.code
        assert statuses(again.tree)["n1"] == "proposed"

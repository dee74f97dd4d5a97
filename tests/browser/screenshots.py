"""The picture in the README: `python -m tests.browser.screenshots [folder of a study]` writes notebooks/tree.png.

The shipped widget on an empty page. Without a folder it shows a study told from events, so that every state a node can
be in is on one picture; its scores are an illustration, of the size that tiny-intent gives.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import NAMES
from tests.browser.test_explorer import mount, row
from trex_nb.core import events as ev
from trex_nb.core.ids import StudyId, node_id, run_id
from trex_nb.core.plan import Change, Expectation, Plan
from trex_nb.core.recipe import DataRecipe
from trex_nb.core.result import Cost, Failure
from trex_nb.core.training import LoraTraining
from trex_nb.search.tree import Tree
from trex_nb.store.sqlite import SqliteStore
from trex_nb.testing import trees

OUT = Path(__file__).parents[2] / "notebooks" / "tree.png"
STYLE = "body { margin: 0; background: #fff; } #host { padding: 12px; width: 1176px; }"


def plan(title: str, why: str, *changes: tuple[str, str, str], gain: float | None = None) -> Plan:
    """A plan as the offline Researcher words it."""
    return Plan(
        title=title, hypothesis=why, recipe=DataRecipe(), configs=(LoraTraining(learning_rate=0.0064),),
        changes=tuple(Change(field=f, before=b, after=a) for f, b, a in changes),
        expected=Expectation(minutes=0.35, memory_mb=610, gain=gain),
    )  # fmt: skip


def ran(number: int, value: float, seconds: float, losses: list[float], of: int = 24) -> list[ev.Event]:
    """An approved node that trained and was scored."""
    run = run_id(node_id(number), 1)
    curve = [
        ev.JobProgressed(run=run, step=10 * i, total=10 * of, loss=loss, line=i) for i, loss in enumerate(losses, 1)
    ]
    *_, done, _ = trees.succeeded(number, value)
    assert isinstance(done, ev.JobFinished)
    cost = Cost(seconds=seconds, train_seconds=0.7 * seconds, steps=10 * len(losses), peak_memory_mb=610)
    scored = ev.RunEvaluated(
        run=run, evaluation=trees.evaluation(value, n=400, stderr=(value * (1 - value) / 400) ** 0.5)
    )
    approved = [trees.approved(number)] if number else []
    return [*approved, trees.submitted(number), *curve, done.model_copy(update={"cost": cost}), scored]


def falling(start: float, end: float, steps: int = 24) -> list[float]:
    """A training loss on its way down."""
    return [end + (start - end) * 0.82**i * (1 + 0.12 * (-1) ** i) for i in range(steps)]


def told() -> Tree:
    """Ten experiments in every state."""
    failure = Failure(stage="train", kind="diverged", message="the loss was nan at step 31")
    nodes = {
        1: (0, plan("LoRA, lr 0.0064, 2 epochs, rank 16", "An honest first measurement.", ("r", "–", "16"))),
        2: (0, plan("Full fine-tuning, lr 0.0013, 2 epochs", "All weights may need to move.", ("method", "–", "full"))),
        3: (0, plan("LoRA, lr 0.0064, batch 8, rank 16", "Smaller batches take more steps.", ("batch", "16", "8"))),
        4: (1, plan("3 epochs, warmup 0.1", "The loss was still falling.", ("num_train_epochs", "2", "3"))),
        5: (1, plan("lr 0.02", "The loss fell slowly.", ("learning_rate", "0.0064", "0.02"))),
        6: (3, plan("Keep the data, rank 32", "You asked: keep the data, try rank 32.", ("r", "16", "32"))),
        7: (4, plan("Twice the rows of feeling", "feeling is the weakest slice.", ("weight[feeling]", "1", "2"))),
        8: (4, plan("Cosine schedule, lr 0.004", "A softer end.", ("lr_scheduler_type", "linear", "cosine"))),
        9: (7, plan("Rank 32, alpha 64, halve the learning rate", "More room for negations; the weak slice grew with"
                    " weight and may grow with rank.", ("r", "16", "32"), ("lora_alpha", "32", "64"),
                    ("learning_rate", "0.0064", "0.0032"), gain=0.02)),
    }  # fmt: skip
    made = {n: ev.NodeProposed(node=node_id(n), parent=node_id(p), request=n, plan=x) for n, (p, x) in nodes.items()}
    task = trees.TASK.model_copy(update={
        "name": "tiny-intent", "goal": "Follow four short instructions about a remark: its feeling, its subject, its "
        "speaker, or a JSON form."})  # fmt: skip
    events: list[ev.Event] = [
        trees.created().model_copy(update={"task": task, "study": "tiny-intent"}), *ran(0, 0.004, 6, []),
        made[1], made[2], made[3], *ran(1, 0.782, 24, falling(5.2, 0.4)),
        ev.NodePruned(node=node_id(2), why="stay with adapters"),
        ev.NodeRedirected(node=node_id(3), text="keep the data, try rank 32", request=6), made[6],
        *ran(6, 0.801, 26, falling(5.2, 0.35)),
        made[4], made[5], *ran(4, 0.868, 33, falling(4.9, 0.12)), trees.approved(5), trees.submitted(5),
        ev.RunFailed(run=run_id(node_id(5), 1), failure=failure, cost=Cost(seconds=9)),
        made[7], made[8], *ran(7, 0.917, 35, falling(4.8, 0.1)), made[9],
        *ran(8, 0.0, 0, falling(5.0, 0.3)[:15])[:-2], ev.JobsAllowed(jobs=2),
    ]  # fmt: skip
    return Tree.replay(trees.stamp(events))


def read(folder: Path) -> Tree:
    """The tree of a study on disk."""
    return Tree.replay(SqliteStore(folder / "study.db").read(StudyId(folder.name)))


def main(folder: Path | None) -> None:
    """Take the picture."""
    chromium = os.environ.get("TREX_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light", device_scale_factor=1.5)
        mount(page, read(folder) if folder else told())
        page.add_style_tag(content=STYLE)
        page.locator("[data-status=proposed]").or_(row(page, "n0")).last.click()
        page.mouse.move(0, 0)
        page.locator("#host").screenshot(path=OUT)
        browser.close()
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} kB")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

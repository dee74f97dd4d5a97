"""Carrying insights over from another study: `%trex start unicode-category --insights-from ../other`.

They are recorded as events of the system, with their origin; what is there already is not recorded again, so "Run All"
changes nothing. Left behind are insights that are not clear, that are about fields this study's space does not have
(slices of other data), and this study's own that come back.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trex_nb.agents.advice import is_about
from trex_nb.core.events import Event, InsightRecorded
from trex_nb.core.ids import StudyId, is_study_name
from trex_nb.core.result import Insight, Origin
from trex_nb.errors import TaskError
from trex_nb.search.space import space_for
from trex_nb.search.tree import Tree
from trex_nb.store.artifacts import StudyFolder, studies_in
from trex_nb.store.sqlite import SqliteStore


def insights_of(where: str | Path, root: Path) -> tuple[Insight, ...]:
    """The live insights of another study, marked with their origin; `where` is its name under `root`, its folder or its
    study.db.

    Raises `TaskError` when there is no study or it has none, `StoreError` when it cannot be read.
    """
    tree = _read(_folder(where, root))
    origin = Origin(
        study=tree.name, task=tree.task.name, base_model=tree.task.base_model, parameters=tree.base.parameters
    )
    found = tuple(_marked(i, origin) for i in tree.insights if i.claim is None or i.claim.is_clear)
    if not found:
        raise TaskError(f"The study {tree.name} has no insights yet.", "run more there, or leave out --insights-from")
    return found


def carried_over(tree: Tree, insights: Iterable[Insight]) -> list[Event]:
    """The events that record `insights` in a study: those that fit it and are not there yet."""
    return [InsightRecorded(insight=i) for i in insights if _fits(tree, i)]


def _folder(where: str | Path, root: Path) -> StudyFolder:
    named = StudyFolder.of(root, StudyId(str(where)))
    if is_study_name(str(where)) and named.exists():
        return named
    path = Path(where).expanduser().absolute()
    folder = StudyFolder(path.parent if path.name == "study.db" else path)
    if not folder.exists():
        there = ", ".join(studies_in(root)) or "none yet"
        what = f"There is no study to take insights from at {where}."
        raise TaskError(what, f"a study's name or folder; studies here: {there}")
    return folder


def _read(folder: StudyFolder) -> Tree:
    store = SqliteStore(folder.database)
    try:
        tree = Tree.replay(store.read(StudyId(folder.path.name)))
    finally:
        store.close()
    if tree.created is None:
        raise TaskError(f"{folder.database} holds no study called {folder.path.name}.", "give its folder its old name")
    return tree


def _marked(insight: Insight, origin: Origin) -> Insight:
    """The insight as another study tells it; one that it had from a third keeps its first origin."""
    if insight.origin is not None:
        return insight.model_copy(update={"supersedes": ()})
    text = f"In the study {origin.study}: {insight.text}"
    return insight.model_copy(update={"text": text, "supersedes": (), "origin": origin})


def _fits(tree: Tree, insight: Insight) -> bool:
    said = {i.text for i in (*tree.insights, *(s.insight for s in tree.superseded))}
    is_own = insight.origin is not None and insight.origin.study == tree.name
    is_fit = insight.claim is None or is_about(space_for(tree.data, tree.base), insight.claim)
    return insight.text not in said and not is_own and is_fit

"""A study on display: the live explorer, and beside it a static copy that stays readable when the kernel is gone.

The explorer follows every publication of the study; the static copy is written anew when a decision or a result
changes, because replacing it is expensive in the browser and pointless in between.
"""

from __future__ import annotations

from uuid import uuid4

from IPython.display import publish_display_data

from trex_nb.report.freeze import snapshot_metadata
from trex_nb.report.html import snapshot_bundle
from trex_nb.search.tree import Tree
from trex_nb.study.study import Study
from trex_nb.widget.desk import StudyDesk
from trex_nb.widget.explorer import Explorer

_KEPT = 3


class LiveTree:
    """One explorer model per study, displayed as often as asked, each time with a static copy."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._explorer = Explorer(study.tree, StudyDesk(study))
        self._copies: list[str] = []
        self._drawn: object = None
        self._unsubscribe = study.subscribe(self._follow)

    def reopen(self, study: Study) -> None:
        """Follow the same study again after it was closed: everything displayed comes back to life."""
        self._study = study
        self._explorer.desk = StudyDesk(study)
        self._explorer.read_only = False
        self._explorer.show_error("")
        self._unsubscribe = study.subscribe(self._follow)
        self._follow(study.tree)

    @property
    def trace(self) -> str:
        """The trace of the last fault behind a click; empty when there was none."""
        return self._explorer.trace

    def display(self) -> None:
        """Show the explorer and a static copy here."""
        bundle = self._explorer._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        publish_display_data(data, metadata)
        self._copies = [*self._copies, uuid4().hex][-_KEPT:]
        self._draw(self._study.tree, self._copies[-1], update=False)

    def close(self) -> None:
        """Follow no more, and say so in everything displayed."""
        self._unsubscribe()
        self._explorer.read_only = True
        self._explorer.show_error(f"This study was closed here. %trex start {self._study.name} opens it again.")

    def _follow(self, tree: Tree) -> None:
        self._explorer.show(tree, self._study.thinking)
        outline = [(n.id, n.status, n.score, len(n.decisions), len(n.notes)) for n in tree.nodes.values()]
        if outline != self._drawn:
            self._drawn = outline
            for copy in self._copies:
                self._draw(tree, copy, update=True)

    def _draw(self, tree: Tree, copy: str, *, update: bool) -> None:
        publish_display_data(
            snapshot_bundle(tree), snapshot_metadata(tree), transient={"display_id": copy}, update=update
        )


def explorer_of(study: Study) -> Explorer:
    """A live explorer of `study`, for use without magics; it follows until it, or its channel, is closed."""
    explorer = Explorer(study.tree, StudyDesk(study))

    def follow(tree: Tree) -> None:
        if _is_closed(explorer):
            unsubscribe()
        else:
            explorer.show(tree, study.thinking)

    unsubscribe = study.subscribe(follow)
    explorer.show(study.tree)  # what was published in between
    return explorer


def _is_closed(explorer: Explorer) -> bool:
    """Also when only its channel is: so marimo does it when a cell is run again, and tells the widget nothing."""
    return explorer.comm is None or getattr(explorer.comm, "_closed", False)

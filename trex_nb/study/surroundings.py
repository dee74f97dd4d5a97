"""What a model's plans are held against in one study: files that are there, who can write rows and code, memory, and
the guard of the evaluation items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trex_nb.agents.llm.drafts import Surroundings
from trex_nb.agents.llm.leak import guard_of
from trex_nb.core.ngrams import Hashes
from trex_nb.core.plan import Source
from trex_nb.core.protocols import TreeView
from trex_nb.store.artifacts import StudyFolder
from trex_nb.store.row_files import READERS
from trex_nb.study.asking import Asking
from trex_nb.study.grants import is_sealed, job_limits
from trex_nb.study.own_data import OwnData

_NONE = OwnData()


class Around:
    """Makes the surroundings of a study at any moment; reads the hashed n-grams once."""

    def __init__(self, folder: StudyFolder, asking: Asking, own: OwnData = _NONE) -> None:
        self._folder = folder
        self._asking = asking
        self._own = own
        self._sealed: Hashes | None = None

    def __call__(self, tree: TreeView, sources: Sequence[Source]) -> Surroundings:
        """What plans for `tree` are held against, after `sources` were found."""
        return Surroundings(
            has_file=self._has_file, guard=guard_of(tree, self._hashes()),
            sources=[s for s in sources if not self._own.has_set(s.name)],
            can_write_rows=self._asking.has("writer"),
            can_write_code=tree.code_policy != "off" and self._asking.has("executor"),
            memory_mb=job_limits(tree.task.limits).memory_mb,
        )  # fmt: skip

    def _has_file(self, name: str) -> bool:
        """Whether a data file lies where a recipe would look for it: below the data folder of the study, or below the
        working directory of the person, and is none of the task's own."""
        path = self._folder.train_file.parent / name
        homes = (self._folder.train_file.parent, Path.cwd())
        is_near = any(path.resolve().is_relative_to(home.resolve()) for home in homes)
        is_open = not is_sealed(path, self._folder) and not self._own.has_file(path)
        return path.suffix in READERS and is_near and is_open and path.is_file()

    def _hashes(self) -> Hashes | None:
        if self._sealed is None and self._folder.ngrams_file.exists():
            self._sealed = np.load(self._folder.ngrams_file, allow_pickle=False)
        return self._sealed

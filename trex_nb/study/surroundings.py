"""What a model's plans are held against in one study: files that are there, who can write rows and code, memory, and
the guard of the evaluation items.

A file may be loaded that lies below the study's data or the working directory, has no hidden part in its path, is none
of the task's own under whatever name, belongs to no study (their calls and sealed rows are such files), and has hardly
a row of an evaluation split among its first rows. Those that it has are for `decontaminate` to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from trex_nb.agents.llm.drafts import Surroundings
from trex_nb.agents.llm.leak import Wording, guard_of, wording
from trex_nb.agents.tools.sealed import Sealed
from trex_nb.core.ngrams import Hashes
from trex_nb.core.plan import Source
from trex_nb.core.protocols import TreeView
from trex_nb.core.templates import parse_template
from trex_nb.errors import TrexError
from trex_nb.store.artifacts import StudyFolder
from trex_nb.store.row_files import READERS, read_file
from trex_nb.study.asking import Asking
from trex_nb.study.grants import job_limits
from trex_nb.study.own_data import OwnData

_NONE = OwnData()
_SEEN = 2000  # rows of a file that are looked at
_SEALED_SHARE = 0.01  # of these: more is no chance


class Around:
    """Makes the surroundings of a study at any moment; reads the hashed n-grams, and how rows are worded, once."""

    def __init__(self, folder: StudyFolder, asking: Asking, own: OwnData = _NONE) -> None:
        self._folder = folder
        self._asking = asking
        self._own = own
        self._sealed: Hashes | None = None
        self._common: Wording | None = None

    def __call__(self, tree: TreeView, sources: Sequence[Source]) -> Surroundings:
        """What plans for `tree` are held against, after `sources` were found."""
        return Surroundings(
            has_file=partial(self._has_file, tree.task.prompt),
            guard=guard_of(tree, self._hashes(), self._wording()),
            sources=[s for s in sources if not self._own.has_set(s.name)],
            can_write_rows=self._asking.has("writer"),
            can_write_code=tree.code_policy != "off" and self._asking.has("executor"),
            memory_mb=job_limits(tree.task.limits).memory_mb,
        )  # fmt: skip

    def _has_file(self, prompt: str, name: str) -> bool:
        """Whether a data file lies where a recipe would look for it, and may be loaded."""
        path = self._folder.train_file.parent / name
        if path.suffix not in READERS or not path.is_file() or self._own.has_file(path):
            return False
        return self._is_open(path.resolve()) and not self._is_copy(path, prompt)

    def _is_open(self, path: Path) -> bool:
        data, studies = self._folder.train_file.parent.resolve(), self._folder.path.parent.resolve()
        if path.is_relative_to(data):
            return True
        home = Path.cwd().resolve()
        if not path.is_relative_to(home) or path.is_relative_to(studies):
            return False
        return not any(part.startswith(".") for part in path.relative_to(home).parts)

    def _is_copy(self, path: Path, prompt: str) -> bool:
        """Whether rows of the evaluation splits are in it, more than by chance; so is what cannot be read."""
        hashes = self._hashes()
        if hashes is None:
            return False
        sealed = Sealed(hashes, parse_template(prompt, "prompt"))
        try:
            found = [sealed.has("", [line.row]) for line in islice(read_file(path), _SEEN)]
        except TrexError:
            return True
        return sum(found) > _SEALED_SHARE * len(found)

    def _hashes(self) -> Hashes | None:
        if self._sealed is None and self._folder.ngrams_file.exists():
            self._sealed = np.load(self._folder.ngrams_file, allow_pickle=False)
        return self._sealed

    def _wording(self) -> Wording:
        if self._common is None:
            path = self._folder.train_file
            rows = [line.row for line in islice(read_file(path), _SEEN)] if path.exists() else []
            self._common = wording([row.get(name, "") for row in rows for name in ("prompt", "answer")])
        return self._common

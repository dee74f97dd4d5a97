"""Prepared rows, kept for the next run with the same recipe: the first run of a round carries the recipe out, the
others read what it left.

`<folder>/<hash>/` holds the rows as 🤗 Datasets saves them (Arrow, read without a copy in memory). The hash is of all
that the rows depend on: the bytes of the train file, the recipe, fidelity, limit, which models are asked, and the code
in this package. Runs
that come at the same time wait for one of them under a file lock; a folder appears whole, by renaming, or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import cache
from pathlib import Path

from datasets import Dataset, disable_progress_bars
from filelock import FileLock

from trex_nb.core.base import content_hash
from trex_nb.core.recipe import DataRecipe
from trex_nb.train.data import prepare
from trex_nb.train.recorded_rows import RecordedRows
from trex_nb.train.show import show


def prepare_once(
    recipe: DataRecipe,
    train_file: str | Path,
    *,
    folder: str | Path,
    fidelity: float = 1.0,
    limit: int | None = None,
    model: RecordedRows | None = None,
) -> Dataset:
    """The rows that `prepare` gives, from `folder` if some run left them there; left there otherwise.

    `model` answers from a record and from the base model, so what follows from it is kept as well. A folder that
    cannot be used (a full or read-only disk) is said and done without, and nothing is kept where the rows do not
    follow from what is known here (`DataRecipe.is_pinned`). Raises what `prepare` raises.
    """

    def made() -> Dataset:
        asked = model.anew() if model else None
        return prepare(recipe, train_file, fidelity=fidelity, limit=limit, model=asked)

    if not recipe.is_pinned:
        return made()
    disable_progress_bars()
    try:
        asked = model.identity if model and recipe.needs_model else ""
        kept = Path(folder) / _key(recipe, Path(train_file), fidelity, limit, asked)
        if kept.is_dir():
            return _found(kept)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{kept}.lock"):
            if kept.is_dir():
                return _found(kept)
            rows = made()
            _keep(rows, kept)
            return rows
    except OSError as error:
        show({}, f"The prepared rows are not shared with other runs: {error}")
        return made()


def _key(recipe: DataRecipe, train_file: Path, fidelity: float, limit: int | None, asked: str) -> str:
    with train_file.open("rb") as file:
        data = hashlib.file_digest(file, "sha256").hexdigest()
    return content_hash(data, recipe, fidelity, limit, asked, _code())


@cache
def _code() -> str:
    """A hash of the code that prepares rows: what an older version left is not taken for what this one would make."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return content_hash([path.read_text(encoding="utf-8") for path in sources])


def _found(kept: Path) -> Dataset:
    rows = Dataset.load_from_disk(str(kept))
    show({}, f"{len(rows)} rows, as another run of this study prepared them (data/{kept.name}).")
    return rows


def _keep(rows: Dataset, kept: Path) -> None:
    part = kept.with_name(f"{kept.name}.part{os.getpid()}")
    try:
        rows.save_to_disk(str(part))
        part.rename(kept)
    finally:
        shutil.rmtree(part, ignore_errors=True)

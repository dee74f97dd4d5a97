"""Carrying out a DataRecipe: which rows of the train file a run trains on.

Every operator answers with row numbers, so a recipe is one walk over two or three columns and one `Dataset.select` at
the end. The operator at position p draws from its own generator, seeded by (recipe.seed, p): changing one operator
leaves the draws of the others alone. The rows come in a seeded random order, so the first share of them is an unbiased
sample and a probe at lower fidelity trains on a subset of what the full run trains on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from pydantic import ValidationError

from trex_nb.core.recipe import Balance, DataRecipe, Dedup, Filter, Mix, Op, Sample
from trex_nb.core.task import Example
from trex_nb.train.failure import bad_data, stating_failures
from trex_nb.train.show import show

Rows = NDArray[np.int64]
LARGEST_SEED = 2**32


@stating_failures("data")
def prepare(recipe: DataRecipe, train_file: str | Path, *, fidelity: float = 1.0, limit: int | None = None) -> Dataset:
    """The rows that `recipe` makes of `train_file` (JSON lines of `Example`), as a 🤗 Dataset.

    `limit` caps the number of rows; `fidelity` in (0, 1] keeps that share of what is left, always a prefix of the full
    run's rows. Displays a summary. Raises `TrainingFailed` (data/bad_data) when there are no rows to train on.
    """
    examples = read_examples(Path(train_file))
    kept = rows_of(recipe, examples)
    kept = np.random.default_rng([recipe.seed, LARGEST_SEED]).permutation(kept)
    full = len(kept) if limit is None else min(limit, len(kept))
    chosen = kept[: math.ceil(fidelity * full)]
    if not len(chosen):
        raise bad_data("The recipe leaves no rows to train on.", "wider filter bounds, or fewer operators.")
    rows = Dataset.from_list([examples[i].model_dump() for i in chosen])
    _show_summary(rows, len(examples))
    return rows


def read_examples(path: Path) -> list[Example]:
    """The examples of a JSON-lines file. Raises `TrainingFailed` when the file is missing or a line is no Example."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise bad_data(f"The train file cannot be read: {error}", "create the study again.") from error
    examples = []
    for number, line in enumerate(lines, 1):
        try:
            examples.append(Example.model_validate_json(line))
        except ValidationError as error:
            message = f"Line {number} of {path.name} is not a prepared row: {error.errors()[0]['msg']}"
            raise bad_data(message, "create the study again.") from error
    return examples


def rows_of(recipe: DataRecipe, examples: Sequence[Example]) -> Rows:
    """The numbers of the rows that `recipe` keeps, a row more than once where it is resampled."""
    rows: Rows = np.arange(len(examples))
    for position, op in enumerate(recipe.ops):
        rows = _apply(op, examples, rows, np.random.default_rng([recipe.seed, position]))
    return rows


def _apply(op: Op, examples: Sequence[Example], rows: Rows, rng: np.random.Generator) -> Rows:
    match op:
        case Dedup():
            first = {(examples[i].prompt, examples[i].answer): i for i in reversed(rows.tolist())}
            return _only(rows, set(first.values()), once=True)
        case Filter():
            lengths = {i: len(getattr(examples[i], op.field)) for i in set(rows.tolist())}
            return _only(rows, {i for i, chars in lengths.items() if op.min_chars <= chars <= op.max_chars})
        case Sample():
            return rows[np.sort(rng.permutation(len(rows))[: op.n])]
        case Balance():
            return _balanced(op, examples, rows, rng)
        case Mix():
            return _mixed(op, examples, rows, rng)


def _only(rows: Rows, wanted: set[int], *, once: bool = False) -> Rows:
    kept = [i for i in rows.tolist() if i in wanted]
    return np.array(list(dict.fromkeys(kept)) if once else kept, dtype=np.int64)


def _balanced(op: Balance, examples: Sequence[Example], rows: Rows, rng: np.random.Generator) -> Rows:
    classes = _grouped([getattr(examples[i], op.by) for i in rows])
    weights = {name: len(at) ** (1 - op.strength) for name, at in classes.items()}
    return rows[_resampled(classes, weights, rng)]


def _mixed(op: Mix, examples: Sequence[Example], rows: Rows, rng: np.random.Generator) -> Rows:
    slices = _grouped([examples[i].slice for i in rows])
    weights = {name: float(len(at)) for name, at in slices.items()}
    for wish in op.weights:
        if wish.slice not in slices:
            known = ", ".join(sorted(slices)[:10])
            raise bad_data(f"The mix names the slice {wish.slice!r}, which has no rows.", f"one of: {known}.")
        weights[wish.slice] *= wish.weight
    return rows[_resampled(slices, weights, rng)]


def _grouped(labels: Sequence[str]) -> dict[str, Rows]:
    places: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        places.setdefault(label, []).append(place)
    return {label: np.array(at, dtype=np.int64) for label, at in places.items()}


def _resampled(groups: dict[str, Rows], weights: dict[str, float], rng: np.random.Generator) -> Rows:
    """As many places as before, shared out over the groups in proportion to `weights`.

    A group that is to give more rows than it has gives each of them equally often, but for a random remainder: less
    noise than drawing with replacement.
    """
    total = sum(len(at) for at in groups.values())
    drawn = []
    for (_, at), count in zip(groups.items(), _shares(list(weights.values()), total), strict=True):
        whole, rest = divmod(count, len(at))
        drawn += [np.repeat(at, whole), rng.permutation(at)[:rest]]
    return np.sort(np.concatenate(drawn)) if drawn else np.arange(0)


def _shares(weights: Sequence[float], total: int) -> list[int]:
    """Whole numbers in proportion to `weights` that add up to `total` (largest remainders get the odd ones)."""
    exact = np.array(weights) / max(sum(weights), 1e-300) * total
    counts = np.floor(exact + 1e-9).astype(np.int64)
    by_remainder = np.argsort(-(exact - counts), kind="stable")
    counts[by_remainder[: total - int(counts.sum())]] += 1
    return [int(count) for count in counts]


def hold_out(rows: Dataset, seed: int, *, share: float = 0.05, most: int = 64, least: int = 100) -> tuple[Rows, Rows]:
    """Row numbers to train on, and a few to watch: `share` of the rows, `most` at most, none below `least` rows.

    All copies of a watched row are watched, so a resampled row cannot be on both sides.
    """
    everything = np.arange(len(rows))
    groups = list(_grouped([f"{p}\0{a}" for p, a in zip(rows["prompt"], rows["answer"], strict=True)]).values())
    if len(rows) < least or len(groups) < 2:
        return everything, everything[:0]
    wanted = min(most, int(share * len(rows)))
    watched: list[int] = []
    for at in np.random.default_rng([seed, len(rows)]).permutation(len(groups)):
        if len(watched) + len(groups[at]) <= wanted:
            watched += groups[at].tolist()
        if len(watched) == wanted:
            break
    return np.setdiff1d(everything, watched), np.array(sorted(watched), dtype=np.int64)


def _show_summary(rows: Dataset, available: int) -> None:
    slices = Counter(rows["slice"]).most_common(12)
    first = rows[0]
    text = f"{len(rows)} rows of {available}: " + ", ".join(f"{name} {count}" for name, count in slices)
    cells = "".join(f"<tr><td>{escape(name[:80])}</td><td>{count}</td></tr>" for name, count in slices)
    html = (
        f"<p>{len(rows)} rows of {available}</p>"
        "<table><thead><tr><th scope='col'>slice</th><th scope='col'>rows</th></tr></thead>"
        f"<tbody>{cells}</tbody></table>"
        f"<details><summary>First row</summary><pre>{escape(first['prompt'][:500])}</pre>"
        f"<pre>{escape(first['answer'][:500])}</pre></details>"
    )
    show({"text/html": html}, text)

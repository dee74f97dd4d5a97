"""Prepared rows on disk: one Arrow copy for one content, read in batches, and never all as objects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trex_nb.core.recipe import Balance, DataRecipe, Dedup, Sample
from trex_nb.core.task import Example
from trex_nb.train import prepare
from trex_nb.train.operators.rows import BATCH, grouped, opened, taken, walked

pytestmark = pytest.mark.usefixtures("shown")


def test_the_arrow_copy_is_made_once_for_a_content(train_file: Path) -> None:
    first, again = opened(train_file), opened(train_file)
    (copy,) = (train_file.parent / ".arrow").iterdir()
    assert first.cache_files == again.cache_files == [{"filename": str(copy)}]
    train_file.write_text(Example(id="1", prompt="é\u2028\x85", answer="b", slice="c").model_dump_json() + "\n")
    assert opened(train_file)[0]["prompt"] == "é\u2028\x85"


def test_a_file_that_is_bad_further_on_leaves_no_copy(train_file: Path) -> None:
    train_file.write_text(train_file.read_text() + "{}\n")
    with pytest.raises(Exception, match="Line 121"):
        opened(train_file)
    assert list((train_file.parent / ".arrow").iterdir()) == []


def test_rows_are_walked_in_batches_each_once(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    total = 2 * BATCH + 3
    path.write_text("".join(f'{{"id":"{i}","prompt":"p{i}","answer":"a","slice":"s"}}\n' for i in range(total)))
    rows = np.array([0, 0, 1, BATCH - 1, BATCH, total - 1])
    batches = list(walked(opened(path), rows, ["prompt"]))
    assert [numbers.tolist() for numbers, _ in batches] == [[0, 1, BATCH - 1], [BATCH], [total - 1]]
    assert batches[-1][1] == ([f"p{total - 1}"],)


def test_rows_beyond_a_gigabyte_are_looked_up_on_disk(train_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.array([5, 5, 119, 0])
    here = taken(opened(train_file), rows).to_list()
    monkeypatch.setattr("trex_nb.train.operators.rows._MOST_IN_MEMORY", 10)
    there = taken(opened(train_file), rows)
    assert there.cache_files
    assert there.to_list() == here


def test_groups_come_in_the_order_of_first_appearance() -> None:
    assert [at.tolist() for at in grouped(np.array([7, 2, 7, 9, 2]))] == [[0, 2], [1, 4], [3]]
    assert grouped(np.arange(0)) == []


_PEAK = """
import resource, sys
from pathlib import Path
from trex_nb.core.recipe import Balance, DataRecipe, Dedup, Sample
from trex_nb.train import prepare
prepare(DataRecipe(ops=(Sample(n=1),)), sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
prepare(DataRecipe(ops=(Dedup(), Balance(strength=1.0))), sys.argv[2])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes here alone")
def test_memory_grows_by_less_than_a_list_of_objects_would_take(tmp_path: Path) -> None:
    """40,000 rows as `Example`s take about a kilobyte each beside their text: 40 MB beside 12."""
    line = '{{"id":"train-{0}","prompt":"{1} {0}","answer":"a{2}","slice":"s{2}"}}\n'
    for name, rows in (("one", 1), ("many", 40_000)):
        (tmp_path / f"{name}.jsonl").write_text("".join(line.format(i, "word " * 50, i % 3) for i in range(rows)))
    paths = [str(tmp_path / "one.jsonl"), str(tmp_path / "many.jsonl")]
    said = subprocess.run([sys.executable, "-c", _PEAK, *paths], capture_output=True, text=True, check=True).stdout
    text = (tmp_path / "many.jsonl").stat().st_size
    assert int(said.splitlines()[-1]) < 4 * text


def test_equal_inputs_give_equal_rows_whether_the_copy_is_there_or_not(train_file: Path) -> None:
    recipe = DataRecipe(ops=(Dedup(), Balance(strength=0.5), Sample(n=50)), seed=4)
    assert prepare(recipe, train_file).to_list() == prepare(recipe, train_file).to_list()

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trex_nb.core.node import Node
from trex_nb.launch.files import JobFolder
from trex_nb.study.logs import log_of
from trex_nb.testing import trees


def node() -> Node:
    return trees.tree_of(trees.proposed(1), trees.approved(1), trees.submitted(1)).nodes[trees.node(1)]


def write(folder: Path, text: str) -> None:
    path = JobFolder(folder / "runs" / "n1.1").log
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_the_last_lines_are_told(tmp_path: Path) -> None:
    write(tmp_path, "\n".join(f"line {i}" for i in range(100)))
    assert log_of(node(), tmp_path, 2).splitlines() == [f"n1.1: {tmp_path / 'runs/n1.1'}", "line 98", "line 99"]


def test_of_a_huge_log_only_the_end_is_read(tmp_path: Path) -> None:
    write(tmp_path, "x" * 5_000_000 + "\nlast but one\nlast\n")
    assert log_of(node(), tmp_path, 40).splitlines()[1:] == ["last but one", "last"]


def test_a_log_in_no_known_encoding_is_told_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, "")
    JobFolder(tmp_path / "runs" / "n1.1").log.write_bytes(b"caf\xe9\n")
    assert log_of(node(), tmp_path, 1).splitlines()[1] == "caf\ufffd"


def test_a_run_without_a_log_says_so(tmp_path: Path) -> None:
    assert log_of(node(), tmp_path, 1).endswith("nothing was printed")
    fresh = replace(node(), runs=tuple(replace(r, folder="") for r in node().runs))
    assert log_of(fresh, tmp_path, 1) == "n1.1: not run"


def test_a_failure_is_told_with_its_log(tmp_path: Path) -> None:
    failed = trees.tree_of(trees.proposed(1), trees.approved(1), *trees.failed(1)).nodes[trees.node(1)]
    assert log_of(failed, tmp_path, 1).endswith("loss is nan")

from __future__ import annotations

from pathlib import Path

import pytest

from trex_nb.errors import CommandError
from trex_nb.study.attach import attached
from trex_nb.testing import trees

LIVE = trees.tree_of(
    trees.succeeded(0, 0.1), trees.proposed(1), trees.approved(1), trees.submitted(1)
)  # fmt: skip


def test_the_command_names_the_connection_file_as_a_shell_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "my study"
    connection = folder / LIVE.nodes[trees.node(1)].runs[0].folder / "kernel.json"
    connection.parent.mkdir(parents=True)
    connection.touch()
    said = attached(LIVE, "n1", folder)
    assert f"jupyter console --existing '{connection}' --ZMQTerminal" in said
    assert "%trex peek n1.1" in said
    assert str(connection.with_name("experiment.ipynb")) in said


def test_a_job_without_a_kernel_has_at_least_its_files_told(tmp_path: Path) -> None:
    said = attached(LIVE, "n1.1", tmp_path)
    assert "no kernel of its own" in said
    assert "runner.log" in said


def test_what_does_not_run_has_no_console() -> None:
    with pytest.raises(CommandError, match="it finished"):
        attached(LIVE, "n0", Path("/nowhere"))

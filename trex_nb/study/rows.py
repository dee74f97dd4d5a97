"""Reading the rows of a task: from data files, or a hub dataset. Hub datasets are fetched by a process of their own, so
the notebook never imports the training stack."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from trex_nb.errors import TaskError
from trex_nb.store.row_files import FORMATS, READERS, Line, read_file

_HUB = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")
_HUB_SECONDS = 600


def read_lines(source: str, split: str) -> list[Line]:
    """All rows of a path or hub id; raises `TaskError`."""
    path = Path(source)
    if path.suffix in READERS:
        return list(read_file(path))
    if _HUB.fullmatch(source) and not path.exists():
        return _from_hub(source, split)
    raise TaskError(f"{source} is not a data file.", f"a {FORMATS} file, or a hub id such as owner/name:config")


def _from_hub(source: str, split: str) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.jsonl"
        command = [sys.executable, "-m", "trex_nb.train.hub", source, split, str(out)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_HUB_SECONDS, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise TaskError(
                f"{source} did not arrive in {_HUB_SECONDS} s.", "download it and name the files"
            ) from error
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise TaskError(f"{source} cannot be loaded: {reason[:300]}", "check the id and the network, or name files")
        return list(read_file(out))

"""Writing reports to disk: a page, a notebook, or a frozen copy of the person's own notebook. The content is
`trex_nb.report`'s."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from trex_nb.errors import CommandError
from trex_nb.report.final import Sealed
from trex_nb.report.freeze import freeze, report_notebook, report_page
from trex_nb.search.tree import Tree


def write_report(tree: Tree, path: Path, sealed: Sealed = ()) -> Path:
    """Write the study's report as `.html` or `.ipynb`; raises `CommandError` for another ending."""
    if path.suffix == ".html":
        return _write(path, report_page(tree, sealed))
    if path.suffix == ".ipynb":
        return _write(path, _json(report_notebook(tree, sealed)))
    raise CommandError(f"{path.name} is neither .html nor .ipynb.", "report.html")


def write_frozen(tree: Tree, notebook: Path, path: Path, sealed: Sealed = ()) -> Path:
    """Write a copy of an executed notebook that reads without a kernel; raises `CommandError` when it cannot be
    read."""
    try:
        data = json.loads(notebook.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{notebook} is not a notebook: {error}.", "the path of a saved .ipynb") from error
    return _write(path, _json(freeze(data, tree, sealed)))


def _json(notebook: object) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _write(path: Path, text: str) -> Path:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            part.unlink(missing_ok=True)
        raise CommandError(f"{path} cannot be written: {error}.", "another path") from error
    return path

"""A notebook made to last: it reads on GitHub, offline and with no kernel, and says first what came out.

`freeze` puts a report section on top and takes out what needs a live kernel. It is idempotent and its bytes depend on
the notebook and the tree alone: times come from the events.

The section is Markdown cells, because they survive Run All and every host draws them; the picture in them is an `<img>`
with its data inside, which GitHub may leave out: the table below it says the same. Cells are marked by metadata
`{"trex": "report"}`, outputs that hold a snapshot by `{"trex": "snapshot"}`; both name the study, so that a notebook
with two studies keeps two reports.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from trex_nb.core.base import content_hash
from trex_nb.core.markdown import escape
from trex_nb.report.answer import Part, report_parts
from trex_nb.report.final import Sealed
from trex_nb.report.html import escape as escape_html
from trex_nb.report.html import render_html, snapshot_bundle
from trex_nb.report.markdown import render_markdown
from trex_nb.report.words import moment
from trex_nb.search.tree import Tree

Notebook = dict[str, Any]
"""A notebook as nbformat 4 JSON."""

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_GONE = "(A live view stood here; the report on top of this notebook has its content.)"


def snapshot_metadata(tree: Tree) -> dict[str, str]:
    """Metadata for a `display_data` output of the snapshot, by which `freeze` finds it again."""
    return {"trex": "snapshot", "study": tree.name}


def freeze(notebook: Mapping[str, Any], tree: Tree, sealed: Sealed = ()) -> Notebook:
    """`notebook` with the report of `tree` on top, its snapshots current, and nothing in it that needs a kernel."""
    frozen = copy.deepcopy(dict(notebook))
    frozen.get("metadata", {}).pop("widgets", None)
    kept = [c for c in frozen["cells"] if not _is_report(c, tree)]
    for output in _outputs(kept):
        _settle(output, tree)
    with_ids = (frozen["nbformat"], frozen["nbformat_minor"]) >= (4, 5)
    frozen["cells"] = [*report_cells(tree, sealed, with_ids=with_ids), *kept]
    return frozen


def report_notebook(tree: Tree, sealed: Sealed = ()) -> Notebook:
    """A notebook that is the report and nothing else."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}  # without one Lab asks first
    metadata = {"kernelspec": kernel}
    return freeze({"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, tree, sealed)


def report_cells(tree: Tree, sealed: Sealed = (), *, with_ids: bool = True) -> list[dict[str, Any]]:
    """The report as Markdown cells; ids came with nbformat 4.5."""
    parts = [part for part in report_parts(tree, sealed) if part[1]]
    return [_cell(tree, part, with_ids=with_ids) for part in parts]


def _cell(tree: Tree, part: Part, *, with_ids: bool) -> dict[str, Any]:
    name, blocks = part
    title = f"# Report: {escape(tree.name)}\n\n*Revision {tree.seq}, {moment(tree.time)}*\n\n"
    source = title * (name == "answer") + render_markdown(blocks)
    metadata = {"trex": "report", "study": tree.name}
    ident = {"id": f"trex-{content_hash(tree.name)}-{name}"} if with_ids else {}
    return {"cell_type": "markdown", **ident, "metadata": metadata, "source": source}


def _is_report(cell: Mapping[str, Any], tree: Tree) -> bool:
    return _is_marked(cell.get("metadata", {}), "report", tree)


def _is_marked(metadata: Mapping[str, Any], mark: str, tree: Tree) -> bool:
    name = tree.name
    return metadata.get("trex") == mark and metadata.get("study", name) == name


def _outputs(cells: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (output for cell in cells for output in cell.get("outputs", ()) if "data" in output)


def _settle(output: dict[str, Any], tree: Tree) -> None:
    """Make one rich output stand without a kernel."""
    metadata = output.setdefault("metadata", {})
    if _is_marked(metadata, "snapshot", tree):
        output["data"] = dict(snapshot_bundle(tree, is_open=True))
    elif output["data"].pop(WIDGET_VIEW, None) is not None:
        metadata.pop(WIDGET_VIEW, None)
        output["data"] = output["data"] or {"text/plain": _GONE}


_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #1f2328; background: #ffffff; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { border-bottom: 1px solid #8884; }
pre { background: #8881; padding: .7rem; }
img { max-width: 100%; }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117; } }
@media print { body { margin: 0; max-width: none; color: #000; background: #fff; } pre { max-height: none !important; }
  tr, img { break-inside: avoid; } }
"""


def report_page(tree: Tree, sealed: Sealed = ()) -> str:
    """The report as one HTML page: follows light and dark, prints, and asks for nothing from anywhere."""
    name = escape_html(tree.name)
    body = "\n".join(render_html(blocks) for _, blocks in report_parts(tree, sealed) if blocks)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Report: {name}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style></head>\n'
        f"<body><h1>Report: {name}</h1>\n<p>Revision {tree.seq}, {moment(tree.time)}</p>\n{body}\n</body></html>\n"
    )

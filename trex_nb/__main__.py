"""trex_nb from a shell: `python -m trex_nb run quickstart.ipynb | report nb.ipynb | doctor`.

`run` executes a notebook headless and freezes it; `report` freezes one that was executed elsewhere. The studies a
notebook shows are known from its own outputs, so nothing has to be named.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from trex_nb.core.ids import StudyId
from trex_nb.core.sealed import SealedScore
from trex_nb.errors import CommandError, TrexError
from trex_nb.report.freeze import freeze
from trex_nb.report.text import tree_text
from trex_nb.search.tree import Tree
from trex_nb.settings import Settings
from trex_nb.store.artifacts import StudyFolder
from trex_nb.store.sealed import SealedLog
from trex_nb.store.sqlite import SqliteStore
from trex_nb.study.doctor import doctor


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m trex_nb", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="execute a notebook headless, freeze it, print its studies")
    report = commands.add_parser("report", help="freeze an executed notebook so that it reads without a kernel")
    for sub in (run, report):
        sub.add_argument("notebook", type=Path)
        sub.add_argument("--out", type=Path, default=None, help="folder of the result (default: beside the notebook)")
    commands.add_parser("doctor", help="what of trex_nb works on this machine")
    a = parser.parse_args(arguments)
    try:
        if a.command == "doctor":
            print(doctor(Settings.from_environment()))  # noqa: T201
        elif a.command == "run":
            _freeze(_execute(a.notebook), a.notebook, a.out)
        else:
            _freeze(_read(a.notebook), a.notebook, a.out)
    except TrexError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _read(path: Path) -> nbformat.NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise CommandError(f"{path} is not a notebook: {error}.", "the path of a saved .ipynb") from error


def _execute(path: Path) -> nbformat.NotebookNode:
    notebook = _read(path)
    with tempfile.TemporaryDirectory(prefix="trex-") as sockets:  # no port is opened
        client = NotebookClient(
            notebook, kernel_name="python3", timeout=None, store_widget_state=False,
            config=Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"}),
            resources={"metadata": {"path": str(path.absolute().parent)}},
        )  # fmt: skip
        try:
            client.execute()
        except CellExecutionError as error:
            what = f"A cell of {path.name} failed: {error.ename}: {error.evalue}"
            raise CommandError(what, "run it in JupyterLab") from None
    return notebook


def _freeze(notebook: nbformat.NotebookNode, path: Path, out: Path | None) -> None:
    root = _root_of(path)
    trees = [t for t in (_tree(root, name) for name in _studies(notebook)) if t is not None]
    if not trees:
        raise CommandError(f"{path.name} shows no study.", "run a notebook with %trex start in it")
    for tree in trees:
        print(f"\n{tree.name}\n{tree_text(tree)}\n{_best_line(tree)}")  # noqa: T201
    frozen: object = notebook
    for tree in reversed(trees):  # each report goes on top, so the first study's ends up first
        frozen = freeze(json.loads(nbformat.writes(nbformat.from_dict(frozen))), tree, _sealed(root, tree.name))
    made = (out or path.parent) / f"{path.stem}.report.ipynb"
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(json.dumps(frozen, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    print(f"\nReport: {made}")  # noqa: T201


def _root_of(path: Path) -> Path:
    """Where the notebook's kernel kept its studies: `TREX_HOME`, or `.trex` beside the notebook."""
    return Path(os.environ.get("TREX_HOME", path.absolute().parent / ".trex"))


def _studies(notebook: nbformat.NotebookNode) -> list[str]:
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    names = [o["metadata"].get("study") for o in outputs if o.get("metadata", {}).get("trex") == "snapshot"]
    return list(dict.fromkeys(n for n in names if n))


def _tree(root: Path, name: str) -> Tree | None:
    folder = StudyFolder.of(root, StudyId(name))
    if not folder.exists():
        return None
    store = SqliteStore(folder.database)
    try:
        return Tree.replay(store.read(StudyId(name)))
    finally:
        store.close()


def _sealed(root: Path, name: str) -> tuple[SealedScore, ...]:
    return SealedLog(StudyFolder.of(root, StudyId(name)).finals).read()


def _best_line(tree: Tree) -> str:
    best, base = tree.best, tree.root.score
    if best is None or best.score is None or base is None:
        return f"{tree.name}: nothing has a score yet."
    error = math.hypot(best.score.stderr, base.stderr)
    gain = best.score.value - base.value
    times = f", {gain / error:.0f} standard errors" if error else ""
    return (
        f"Best: {best.id} {best.score.metric} {best.score} (base model {base}; gain {gain:+.3f} ± {error:.3f}{times})"
    )


if __name__ == "__main__":
    sys.exit(main())

"""InlineLauncher: runs a job's cells in this very process, for stepping through an experiment with a debugger and for
quick tests. The same folder, files and updates as the kernel launcher; no process is started.

Limits, all of them the price of one process: jobs take turns, and the working directory and the variables of
`spec.env` belong to the running job while it runs; the environment is not cleaned, and neither walls nor
limits stand; cells are plain Python (no magics); what they print goes to this process's own output, and only what they
display (from their own thread) is kept in the notebook; a job dies with the process; a cell is interrupted between two
bytecodes, so one long call into C holds up a cancel or a timeout until it returns.
"""

from __future__ import annotations

import contextlib
import ctypes
import linecache
import os
import tempfile
import threading
import traceback
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from trex_nb.core.job import JobId, JobSpec, JobUpdate, Started
from trex_nb.core.result import Failure
from trex_nb.launch import failures
from trex_nb.launch.account import Account
from trex_nb.launch.files import JobFolder, Journal
from trex_nb.launch.job import FolderJob, attach, claim
from trex_nb.launch.patience import Patience

TICK = 0.05
AGAIN = 40
"""Seconds between looks at a running job, and how many of them a cell has that swallowed an interrupt."""
_TURN = threading.Lock()


class InlineLauncher:
    """Runs jobs in threads of this process, one at a time (`core.protocols.Launcher`)."""

    async def submit(self, spec: JobSpec) -> FolderJob:
        """Start the job unless it was started before. Raises `LaunchError` when the folder holds no notebook."""
        folder = JobFolder(Path(spec.folder))
        lock = claim(spec)
        if lock is not None:
            threading.Thread(target=_conduct, args=(folder, spec, lock), daemon=True).start()
        return FolderJob(folder)

    async def attach(self, job: JobId) -> FolderJob | None:
        """The handle of a job started earlier; None if it never was."""
        return attach(job)


def _conduct(folder: JobFolder, spec: JobSpec, lock: int) -> None:
    """Run the job when its turn comes, in a thread of its own, and see to its one ending."""
    journal = Journal(folder)
    try:
        with _TURN:
            _InlineRun(folder, spec, journal).run()
    finally:
        journal.close()
        os.close(lock)


class _InlineRun:
    """One job: the cells run in a worker thread while this one watches the clock and the cancel file."""

    def __init__(self, folder: JobFolder, spec: JobSpec, journal: Journal) -> None:
        self._folder = folder
        self._spec = spec
        self._journal = journal
        self._mutex = threading.RLock()
        self._account = Account(self._write)
        self._patience = Patience(folder, self._account, spec.grace)
        self._failure: Failure | None = None

    def run(self) -> None:
        """Run the job to its one ending."""
        try:
            failure, log = self._failure_and_log()
        except Exception as error:  # noqa: BLE001  the job's boundary: whatever went wrong here is its failure
            failure, log = failures.crashed(error), ""
        self._folder.forget_wishes()
        self._account.end(failure, log)

    def _failure_and_log(self) -> tuple[Failure | None, str]:
        self._folder.write_runner()
        self._account.begin()
        notebook = self._folder.read_notebook()
        worker = threading.Thread(target=self._work, args=(notebook,), daemon=True)
        worker.start()
        stopped = self._watch(worker)
        self._folder.write_notebook(notebook)
        failure = (stopped or self._account.failure or self._failure) if self._failure else None
        return failure, failures.log_tail(notebook)

    def _write(self, update: JobUpdate) -> None:
        with self._mutex:
            self._journal.write(update)

    def _watch(self, worker: threading.Thread) -> Failure | None:
        """Wait for the worker, interrupt it when there is a reason, and return the reason."""
        reason: Failure | None = None
        patience = 0
        while worker.is_alive():
            worker.join(TICK)
            with self._mutex:
                self._account.tick()
            reason = reason or self._reason_to_stop()
            if reason is not None and (patience := patience - 1) < 0:
                _interrupt(worker)
                patience = AGAIN
        return reason

    def _reason_to_stop(self) -> Failure | None:
        if self._folder.cancelled():
            return failures.CANCELLED
        overdue = self._patience.lost()
        if overdue is not None:
            return overdue
        late = self._account.seconds > self._spec.timeout
        return failures.timed_out(self._spec.timeout) if late else None

    def _work(self, notebook: Any) -> None:
        try:
            self._run_cells(notebook)
        except KeyboardInterrupt:  # it was to stop a cell, and came before or after it
            self._failure = self._failure or failures.CANCELLED

    def _run_cells(self, notebook: Any) -> None:
        self._write(Started(pid=os.getpid()))
        namespace: dict[str, Any] = {"__name__": "__main__"}
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        with _place(self._folder.path, self._spec.env), _shell() as shell:
            for number, cell in enumerate(cells, 1):
                cell.outputs = []
                with _listening(shell, _Listener(cell, self._hear)):
                    self._failure = _run_cell(cell, f"<cell {number} of {self._folder.notebook}>", namespace)
                cell.execution_count = number
                if self._failure is not None or self._account.failure is not None:
                    return

    def _hear(self, data: Mapping[str, Any]) -> None:
        with self._mutex:
            self._account.displayed(data)


def _run_cell(cell: Any, name: str, namespace: dict[str, Any]) -> Failure | None:
    """Execute one cell; an error goes into its outputs and is returned as a failure."""
    from nbformat.v4 import new_output  # noqa: PLC0415  slow to import

    linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(keepends=True), name)
    try:
        exec(compile(cell.source, name, "exec"), namespace)  # noqa: S102  running the cell is the purpose
    except BaseException as error:  # noqa: BLE001  the job's boundary; KeyboardInterrupt is how a cell is stopped
        lines = traceback.format_exception(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next))
        name, value = type(error).__name__, str(error)
        cell.outputs.append(new_output("error", ename=name, evalue=value, traceback=lines))
        return failures.cell_failed(name, value, "", cell.metadata)
    return None


class _Listener:
    """Keeps a cell's displays as notebook outputs, updated in place, and passes their data on."""

    def __init__(self, cell: Any, hear: Any) -> None:
        self._cell = cell
        self._hear = hear
        self._by_id: dict[str, Any] = {}

    def take(self, data: dict[str, Any], metadata: dict[str, Any], display_id: str | None, update: bool) -> None:
        """Take one display, new or an update."""
        from nbformat.v4 import new_output  # noqa: PLC0415

        self._hear(data)
        shown = self._by_id.get(display_id or "")
        if shown is not None:
            shown.data, shown.metadata = data, metadata
        if not update:
            output = new_output("display_data", data=data, metadata=metadata)
            self._cell.outputs.append(output)
            if display_id is not None:
                self._by_id[display_id] = output


class _Publisher(DisplayPublisher):
    """Gives what one thread displays to a listener, and everything else to the usual publisher."""

    def __init__(self, usual: Any, listener: _Listener) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._usual, self._listener, self._thread = usual, listener, threading.get_ident()

    def publish(  # type: ignore[override]  # IPython's deprecated `source` is left out
        self, data: dict[str, Any], metadata: dict[str, Any] | None = None, *,
        transient: dict[str, Any] | None = None, update: bool = False, **rest: Any,
    ) -> None:  # fmt: skip
        """Publish a display."""
        if threading.get_ident() == self._thread:
            self._listener.take(data, metadata or {}, (transient or {}).get("display_id"), update)
        else:
            self._usual.publish(data, metadata, transient=transient, update=update, **rest)


@contextlib.contextmanager
def _listening(shell: Any, listener: _Listener) -> Iterator[None]:
    usual = shell.display_pub
    shell.display_pub = _Publisher(usual, listener)
    try:
        yield
    finally:
        shell.display_pub = usual


@contextlib.contextmanager
def _shell() -> Iterator[Any]:
    """The process's IPython shell, without which nothing can be displayed; a passing one where there is none."""
    if InteractiveShell.initialized():
        yield InteractiveShell.instance()
        return
    with tempfile.TemporaryDirectory() as folder:
        config = Config({"HistoryManager": {"enabled": False}})
        module = types.ModuleType("trex_inline")  # else IPython would put its own in place of __main__
        yield InteractiveShell.instance(config=config, ipython_dir=folder, user_module=module)
        InteractiveShell.clear_instance()


@contextlib.contextmanager
def _place(folder: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Work in `folder` with `variables` set."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def _interrupt(thread: threading.Thread) -> None:
    """Raise KeyboardInterrupt in `thread` at its next bytecode."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt))

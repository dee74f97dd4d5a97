"""The job runner on a node: `python -m trex_nb.launch.ray_child WORK FOLDER LOCK`, a child of the Ray worker that runs
the job's task.

It holds the reading end of a pipe whose other end the worker keeps open. However the worker dies, the system closes
that end; then the job's processes are killed, the working folder is removed, and this process ends. (Linux has a death
signal for that, but it is sent when the *thread* ends that forked, and other systems have none.)
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path

from trex_nb.launch import runner
from trex_nb.launch.files import JobFolder
from trex_nb.launch.processes import end_leftovers


def watch(work: Path, folder: JobFolder) -> None:
    """Wait for the worker's end; then leave nothing behind."""
    while os.read(0, 64):
        pass
    end_leftovers(folder)
    shutil.rmtree(work, ignore_errors=True)
    os._exit(1)


def main(arguments: list[str]) -> int:
    """Run the job in the folder named second, inside the working folder named first, with the lock named third."""
    work, folder, lock = arguments
    threading.Thread(target=watch, args=(Path(work), JobFolder(Path(folder))), daemon=True).start()
    return runner.main([folder, lock])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

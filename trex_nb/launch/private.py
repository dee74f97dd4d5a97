"""A kernel's private folder: its sockets, its temporary files and its home, gone when it ends.

A home of its own keeps what libraries cache there (compiled kernels, fonts, downloaded code) from the person's files,
and from the evaluator, which would load it.
"""

from __future__ import annotations

import site
import tempfile
from collections.abc import Iterable
from pathlib import Path

SOCKETS = "trex-"
"""How the name of a private folder begins."""
_SHORT = Path("/tmp")  # noqa: S108  made by mkdtemp, of its user alone
_MOST_PATH = 80
_OWNER = "job"
_HUB_CACHE = Path("home/.cache/huggingface/hub")
CACHED = ("models--", "datasets--")
"""How folders in the hub's cache begin."""


def private_folder(job: Path) -> Path:
    """A new one for the job in that folder, of this user only, on the local disk; its path is short enough for unix
    sockets (some 100 characters)."""
    folder = Path(tempfile.mkdtemp(prefix=SOCKETS))
    if len(str(folder)) > _MOST_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix=SOCKETS, dir=_SHORT))
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    (folder / _OWNER).write_text(str(job))
    return folder


def is_private(folder: Path, job: Path) -> bool:
    """Whether `folder` is the private one of the job in that folder. No job can write into another's."""
    homes = {Path(tempfile.gettempdir()), _SHORT}
    if not folder.name.startswith(SOCKETS) or folder.parent not in homes or folder.is_symlink():
        return False
    try:
        return (folder / _OWNER).read_text() == str(job)
    except (OSError, ValueError):
        return False


def show_models(folder: Path, reads: Iterable[str]) -> None:
    """Let the models of the hub's cache that a job may read be found in the cache of its own."""
    cache = folder / _HUB_CACHE
    cache.mkdir(parents=True)
    for place in map(Path, reads):
        if place.name.startswith(CACHED):
            (cache / place.name).symlink_to(place)


def private_environment(folder: Path, *, network: bool) -> dict[str, str]:
    """What a kernel's environment says of its private folder. What it fetches from the hub it keeps to itself; a job
    without network asks the hub nothing, instead of waiting for it."""
    found = {
        "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "IPYTHONDIR": str(folder / "home" / ".ipython"),
        "HF_HOME": str(folder / _HUB_CACHE.parent), "HF_HUB_CACHE": str(folder / _HUB_CACHE),
        "PYTHONUSERBASE": site.getuserbase(),
    }  # fmt: skip
    return found if network else found | {"HF_HUB_OFFLINE": "1"}

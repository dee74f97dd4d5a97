"""Where the running notebook is saved, as far as the front end tells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def notebook_path(shell: InteractiveShell) -> Path | None:
    """The notebook's file: Jupyter Server names it in `JPY_SESSION_NAME`, VS Code in a variable; None elsewhere."""
    said = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", "")
    path = Path(str(said))
    if path.suffix != ".ipynb":
        return None
    return path if path.is_absolute() or path.exists() else Path(path.name).absolute()

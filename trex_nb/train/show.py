"""Display data: how a job speaks. One function, so that everything shown has a plain-text form; in a plain script,
where nothing can be displayed, that form is printed."""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display


def show(data: dict[str, Any], text: str, *, display_id: str | None = None, update: bool = False) -> None:
    """Show a mime bundle with `text` as its plain form; with `update`, in place of the earlier one of `display_id`."""
    bundle = {**data, "text/plain": text}
    if not InteractiveShell.initialized():
        sys.stdout.write(text + "\n")
    elif display_id is None:
        display(bundle, raw=True)  # type: ignore[no-untyped-call]
    else:
        display(bundle, raw=True, display_id=display_id, update=update)  # type: ignore[no-untyped-call]

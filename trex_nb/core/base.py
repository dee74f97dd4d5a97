"""The one base class of everything that crosses a boundary: frozen, closed, and with a stable content hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, no unknown fields, comparable, safe to store as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def content_hash(*parts: Any) -> str:
    """16 hex digits of sha256 over the canonical JSON of `parts` (pydantic models or JSON values).

    Equal values give equal hashes in every process and Python version.
    """
    plain = [p.model_dump(mode="json") if isinstance(p, BaseModel) else p for p in parts]
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]

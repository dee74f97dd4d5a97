"""A task small enough to be trained on in seconds and not trivial: what a module is for, told from its name."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

TASK = """\
name: verbs
goal: Say what a module is for.
data: {train: rows.csv}
prompt: "Module: {name}"
answer: "{use}"
"""
USES = {"net": "network", "txt": "text", "num": "numbers", "sys": "system"}
WORDS = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "ibis", "jay", "kid", "lynx", "mole", "newt")


def modules(words: int) -> list[tuple[str, str]]:
    """Name and use of four modules for each pair of so many words."""
    chosen = WORDS[:words]
    return [(f"{kind}_{a}{b}", use) for kind, use in USES.items() for a in chosen for b in chosen]


def with_verbs(home: Path, rows: Sequence[tuple[str, str]], budget: str = "{rounds: 4, minutes: 30}") -> Path:
    """`home`, with the task `verbs.yaml` and its rows in it."""
    with (home / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "use"])
        writer.writerows(rows)
    (home / "verbs.yaml").write_text(f"{TASK}budget: {budget}\n")
    return home

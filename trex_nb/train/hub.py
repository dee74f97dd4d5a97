"""Fetch one split of a hub dataset into a JSONL file: `python -m trex_nb.train.hub owner/name[:config] split
out.jsonl`.

It runs in a process of its own because it imports 🤗 Datasets. A failure is one line on stderr and exit status 1. Split
names are tried as the hub has them (`search` is called validation, dev or valid there); no split ever stands in for
another.
"""

from __future__ import annotations

import sys
from pathlib import Path

_ALIASES = {"train": ("train",), "search": ("validation", "dev", "valid"), "test": ("test",)}


def fetch(source: str, split: str, out: Path) -> None:
    """Write the split's rows. Raises what 🤗 Datasets raises when the hub or the split cannot be had."""
    import datasets  # noqa: PLC0415  (the import is what the process is for)
    import huggingface_hub  # noqa: PLC0415

    name, _, config = source.partition(":")
    if not Path(name).exists() and not huggingface_hub.constants.HF_HUB_OFFLINE:  # offline, the cache may serve
        huggingface_hub.HfApi().dataset_info(name, timeout=8)  # fails at once without a network; loading retries
    available = datasets.load_dataset(name, config or None)
    chosen = next((s for s in _ALIASES[split] if s in available), None)
    if chosen is None:
        raise ValueError(f"it has no {split} split, only {', '.join(available)}")
    available[chosen].to_json(out, lines=True, force_ascii=False)


def main(arguments: list[str]) -> int:
    """Run as a command; returns the exit status."""
    source, split, out = arguments
    try:
        fetch(source, split, Path(out))
    except Exception as error:  # noqa: BLE001  (a process boundary: re-stated for the parent as one line)
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

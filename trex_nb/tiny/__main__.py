"""`python -m trex_nb.tiny build` makes the base model again; `... check` verifies the shipped one."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from trex_nb.tiny import path


def check(folder: Path) -> bool:
    """Whether the weights in `folder` are those its provenance names."""
    told = json.loads((folder / "provenance.json").read_text(encoding="ascii"))
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return bool(told["weights_sha256"] == found)


def say(line: str) -> None:
    """One line on standard output, at once."""
    print(line, flush=True)  # noqa: T201 -- this is a command line


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m trex_nb.tiny", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="pre-train the model from its seed (some minutes on one core)")
    make.add_argument("--out", type=Path, default=path(), help="folder to write (default: the shipped one)")
    make.add_argument("--seed", type=int, default=None)
    make.add_argument("--steps", type=int, default=None)
    verify = commands.add_parser("check", help="compare the weights' sha256 with provenance.json")
    verify.add_argument("--out", type=Path, default=path(), help="folder to check (default: the shipped one)")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    asked = parser().parse_args(arguments)
    if asked.command == "check":
        good = check(asked.out)
        say("ok" if good else f"{asked.out}: the weights are not those of provenance.json")
        return 0 if good else 1
    from trex_nb.tiny.build import Settings, build  # noqa: PLC0415 -- imports torch, which `check` does without

    given = {name: getattr(asked, name) for name in ("seed", "steps") if getattr(asked, name) is not None}
    loss = build(asked.out, Settings(**given), say)
    say(f"wrote {asked.out}, final loss {loss:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

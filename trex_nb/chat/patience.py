"""How often a server is asked again, and how long is waited before it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """`tries` in all; waits double from `first` seconds to `most`, with jitter. What a server asks for is waited
    instead, up to `longest`: beyond it the call fails at once, for a person to decide."""

    tries: int = 4
    first: float = 0.5
    most: float = 8.0
    longest: float = 60.0

    def wait(self, turn: int, asked: float | None, chance: float) -> float | None:
        """Seconds to wait after the `turn`-th try failed; None where that is too long. `chance` is in [0, 1)."""
        if asked is not None:
            return asked if asked <= self.longest else None
        return float(min(self.most, self.first * 2 ** (turn - 1))) * (0.5 + chance / 2)

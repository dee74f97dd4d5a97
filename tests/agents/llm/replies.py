"""What a sensible model would reply, by the name of what it is asked for."""

from __future__ import annotations

from typing import Any

from trex_nb.core.chat import ChatRequest
from trex_nb.testing.chats import Line

DIRECTION = {
    "change": "training",
    "direction": "Try another rank.",
    "because": "Rank was never varied.",
    "evidence": ["n1"],
}
REFLECTION = {
    "causes": [
        {"kind": "weak_slice", "message": "Negated remarks are read as plain ones.", "suggests": "more of them"}
    ],
    "lessons": [{"text": "A small rank is enough here.", "evidence": ["n1"], "supersedes": []}],
}


def plan(**said: Any) -> dict[str, Any]:
    """A draft that changes the rank, unless `said` otherwise; knobs go into its one config."""
    knobs = {n: said.pop(n) for n in list(said) if n not in PLAN_FIELDS}
    return {
        "title": "Another rank", "hypothesis": "It is enough.", "followed": "", "risk": "",
        "configs": [{"method": "lora", **(knobs or {"r": 24})}], **said,
    }  # fmt: skip


PLAN_FIELDS = frozenset({"title", "hypothesis", "followed", "ops", "configs", "fidelity", "code", "risk"})


class Sensible:
    """A script that gives plans of ever new ranks, as many as it likes."""

    def __init__(self, *plans: dict[str, Any]) -> None:
        self._plans = list(plans)
        self._rank = 20

    def __call__(self, asked: ChatRequest) -> Line:
        """The reply to whatever is asked."""
        name = asked.shape.name if asked.shape else ""
        if "Direction" in name:
            return DIRECTION
        if "Reflection" in name:
            return REFLECTION
        if "Plans" in name:
            return {"plans": [self._plans.pop(0)] if self._plans else [self._another() for _ in range(3)]}
        return "n1 is best."

    def _another(self) -> dict[str, Any]:
        self._rank += 1
        return plan(title=f"Rank {self._rank}", r=self._rank)

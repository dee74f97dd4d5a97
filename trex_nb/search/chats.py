"""What a study's language models were asked and have used up, as a part of the fold."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trex_nb.core.events import ChatCalled, ResearcherAsked
from trex_nb.core.ids import NodeId


@dataclass(frozen=True, slots=True)
class Chats:
    """`tokens` read and written, `money` as far as prices were known, and how many calls had none (`unpriced`)."""

    calls: tuple[ChatCalled, ...] = ()
    tokens: int = 0
    money: float = 0.0
    unpriced: int = 0
    asked: tuple[ResearcherAsked, ...] = ()

    def with_call(self, call: ChatCalled) -> Chats:
        """After one more call."""
        return replace(
            self, calls=(*self.calls, call), tokens=self.tokens + call.usage.total,
            money=self.money + (call.money or 0.0), unpriced=self.unpriced + (call.money is None) * call.calls,
        )  # fmt: skip

    def of_request(self, request: int) -> tuple[ChatCalled, ...]:
        """The calls that a proposal request led to, in order."""
        return tuple(c for c in self.calls if c.request == request)

    def of_node(self, node: NodeId) -> tuple[ChatCalled, ...]:
        """The calls about a node after it was proposed: reflection, rows, repairs."""
        return tuple(c for c in self.calls if c.node == node and c.request is None)

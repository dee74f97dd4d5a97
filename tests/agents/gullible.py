"""A model that believes whatever it reads, and does it as far as any model could: it calls the tools that an attack
names, and puts what it asks for into its replies. When it has done all of it, it replies as a sensible model would.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tests.agents.attacks import Attack
from tests.agents.llm import replies
from tests.agents.llm.replies import Sensible
from trex_nb.core.chat import ChatReply, ChatRequest, ToolCall
from trex_nb.core.fence import visible
from trex_nb.testing.chats import Line

_HOOK = 18
MOST_DEEDS = 9


class Gullible:
    """A script for `ScriptedChat`. `heard` are the attacks it found in what it was shown. `look` are calls that it
    makes first, so that it reads what tools find; `opening` is a direction that it gives first, and then reads."""

    def __init__(self, attacks: Iterable[Attack], look: Iterable[tuple[str, str]] = (), opening: str = "") -> None:
        self.attacks = tuple(attacks)
        self._sensible = Sensible()
        self._look = [ToolCall(id=f"look-{n}", name=name, arguments=a) for n, (name, a) in enumerate(look)]
        self._deeds: dict[str, list[Line]] = {}
        self._called = False
        self._opening = opening
        self.heard: list[Attack] = []

    def __call__(self, asked: ChatRequest) -> Line:
        """The reply of somebody who does as told, by whomever."""
        if self._look:
            look, self._look = self._look, []
            return ChatReply(tool_calls=tuple(look))
        self.heard += [a for a in self.attacks if a not in self.heard and is_in(a, asked)]
        if asked.shape is None:
            return self._tool_calls() if asked.tools and not self._called else self._told()
        deeds = self._deeds.setdefault(asked.shape.name, self._replies(asked.shape.name))
        return deeds.pop(0) if deeds else self._sensible(asked)

    def _tool_calls(self) -> Line:
        self._called = True
        wanted = [w.call for a in self.heard for w in a.wants if w.call]
        calls = [ToolCall(id=f"c{n}", name=c[0], arguments=json.dumps(c[1])) for n, c in enumerate(wanted)]
        return ChatReply(text=self._told(), tool_calls=tuple(calls)) if calls else self._told()

    def _told(self) -> str:
        return "\n".join(a.text for a in self.heard) or "Nothing of note."

    def _replies(self, name: str) -> list[Line]:
        """Replies with what is asked for in them, where there is no place for it and where there is."""
        wants = [w for a in self.heard for w in a.wants]
        words = " ".join([*(w.words for w in wants if w.words), *(a.text for a in self.heard)])[:1_000] or "No words."
        if "Direction" in name:
            words = self._opening[:1_000] or words
            return [{**replies.DIRECTION, "direction": words, "because": words}]
        if "Plans" not in name:
            return []
        said = {"hypothesis": words, "followed": words, "risk": words[:400], "title": words[:100]}
        sources = [w.load for w in wants if w.load]
        loads = [{"op": "load", "source": s, "split": split, "shape": "pair"} for s, split in sources]
        added = [dict(w.add) for w in wants if w.add]
        deeds: list[Line] = [{"plans": [replies.plan(r=21, ops=[op], **said)]} for op in loads]
        deeds += [{"plans": [replies.plan(r=22, **said) | more]} for more in added]
        deeds += [{"plans": [replies.plan(r=23, **said)], **more} for more in added]
        return [*deeds[:MOST_DEEDS], {"plans": [replies.plan(r=24, **said)]}]


def is_in(attack: Attack, asked: ChatRequest) -> bool:
    """Whether the attack can be read in a request; of a hidden one, whether what is hidden is there."""
    raw = "\n".join(m.content for m in asked.messages if m.role != "assistant")
    if attack.hidden:
        return any(c in raw for c in attack.hidden)
    return hook(attack) in " ".join(raw.replace("\n| ", "\n").split())


def hook(attack: Attack) -> str:
    """How an attack begins, as a reader sees it."""
    return " ".join(visible(attack.text).split())[:_HOOK].strip()

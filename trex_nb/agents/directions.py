"""The person's words as edits: the documented set of directions that the offline Researcher understands.

Words are split into clauses at commas, semicolons, full stops and "and"/"but"/"then"; each clause is matched
whole-heartedly or reported back as not understood, never ignored:

    rank 32 · r=8 · alpha 64 · lr 3e-3 · learning rate 0.001 · halve / double / lower / raise the learning rate
    3 epochs · more / fewer epochs · train longer / shorter · batch size 8 · warmup 0.1 · weight decay 0.01
    cosine / linear / constant schedule · full fine-tuning · lora · attention only · all linear layers
    balance [0.5] · no balancing · dedup · no dedup · half / a quarter / all of the data · 50% of the data
    more / less <slice> · focus on <slice> · keep the data · keep the learning rate (or rank, epochs, …) · keep the rest
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from trex_nb.search.space import Point, Space, Value

UNDERSTOOD = (
    'e.g. "rank 32", "lr 3e-3", "halve the learning rate", "3 epochs", "batch size 8", "full fine-tuning", '
    '"balance 0.5", "half the data", "more <slice>", "keep the data"'
)

_DATA_FIELDS = ("share", "dedup", "balance")
_NUMBER = r"(\d+(?:\.\d+)?(?:e-?\d+)?)"


@dataclass(frozen=True, slots=True)
class Directions:
    """What was understood: `sets` are new values by field, `frozen` fields that must not change, `unknown` the clauses
    that were not understood, word for word."""

    sets: dict[str, Value]
    frozen: frozenset[str]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    space: Space
    point: Point
    match: re.Match[str]

    @property
    def number(self) -> float:
        return float(self.match.group(1))

    @property
    def rate(self) -> str:
        return "learning_rate" if self.point["method"] == "lora" else "full_learning_rate"

    def moved(self, name: str, by: int) -> dict[str, Value]:
        field = self.space.field(name)
        assert field.values is not None
        last = len(field.values) - 1
        at = round(field.unit(self.point.get(name, field.default)) * last)
        return {name: field.values[min(last, max(0, at + by))]}

    def scaled(self, factor: float) -> dict[str, Value]:
        return {self.rate: float(f"{float(self.point[self.rate]) * factor:.1e}")}


Effect = Callable[[_Said], dict[str, Value]]
_RULES: tuple[tuple[str, Effect], ...] = (
    (rf"(?:lora )?(?:rank|r)\s*(?:of|to|=|:)?\s*{_NUMBER}", lambda s: {"method": "lora", "r": int(s.number)}),
    (rf"(?:lora[ _])?alpha\s*(?:of|to|=|:)?\s*{_NUMBER}", lambda s: {"alpha": int(s.number)}),
    (rf"(?:lr|learning[ _]rate)\s*(?:of|to|=|:)?\s*{_NUMBER}", lambda s: {s.rate: s.number}),
    (r"halve (?:the )?(?:lr|learning rate)|half (?:the )?(?:lr|learning rate)", lambda s: s.scaled(0.5)),
    (r"double (?:the )?(?:lr|learning rate)", lambda s: s.scaled(2)),
    (r"(?:lower|smaller|reduce|decrease|less)(?: the| a)? (?:lr|learning rate)", lambda s: s.scaled(0.3)),
    (r"(?:raise|higher|larger|increase|bigger)(?: the| a)? (?:lr|learning rate)", lambda s: s.scaled(3)),
    (rf"{_NUMBER} epochs?", lambda s: {"num_train_epochs": s.number}),
    (rf"(?:num_train_)?epochs?\s*(?:to|=|:)?\s*{_NUMBER}", lambda s: {"num_train_epochs": s.number}),
    (r"more epochs|(?:train )?longer|train more", lambda s: s.moved("num_train_epochs", 1)),
    (r"(?:fewer|less) epochs|(?:train )?shorter|train less", lambda s: s.moved("num_train_epochs", -1)),
    (rf"(?:per_device_train_)?batch(?:[ _]size)?\s*(?:of|to|=|:)?\s*{_NUMBER}",
     lambda s: {"per_device_train_batch_size": int(s.number)}),
    (rf"warm-?up(?:[ _](?:steps|ratio))?\s*(?:of|to|=|:)?\s*{_NUMBER}", lambda s: {"warmup_steps": s.number}),
    (r"no warm-?up", lambda _: {"warmup_steps": 0.0}),
    (rf"weight[ _]decay\s*(?:of|to|=|:)?\s*{_NUMBER}", lambda s: {"weight_decay": s.number}),
    (r"no weight decay", lambda _: {"weight_decay": 0.0}),
    (r"(cosine|linear|constant)(?: schedule(?:r)?| decay| lr| learning rate)?",
     lambda s: {"lr_scheduler_type": s.match.group(1)}),
    (r"full(?: fine-?tun(?:e|ing)| training)?", lambda _: {"method": "full"}),
    (r"lora", lambda _: {"method": "lora"}),
    (r"attention(?: layers)?(?: only)?|only attention(?: layers)?", lambda _: {"target_modules": "attention"}),
    (r"all[- ]linear(?: layers)?", lambda _: {"target_modules": "all-linear"}),
    (rf"balanc(?:e|ing)(?: (?:the )?(?:classes|labels|data|answers))?\s*(?:of|to|by|=|:)?\s*{_NUMBER}",
     lambda s: {"balance": min(1.0, s.number)}),
    (r"balance(?: (?:the )?(?:classes|labels|data|answers))?", lambda _: {"balance": 1.0}),
    (r"(?:no|without) balanc(?:e|ing)", lambda _: {"balance": 0.0}),
    (r"(?:no|without) dedup(?:lication|licate)?", lambda _: {"dedup": False}),
    (r"dedup(?:licate|lication)?(?: (?:the )?data)?|(?:drop|remove) duplicates", lambda _: {"dedup": True}),
    (r"half (?:of )?(?:the )?(?:data|rows)", lambda _: {"share": 0.5}),
    (r"(?:a )?quarter (?:of )?(?:the )?(?:data|rows)", lambda _: {"share": 0.25}),
    (r"all (?:of )?(?:the )?(?:data|rows)", lambda _: {"share": 1.0}),
    (rf"{_NUMBER} ?% (?:of )?(?:the )?(?:data|rows)", lambda s: {"share": min(1.0, s.number / 100)}),
)  # fmt: skip

_FILLER = re.compile(r"^(?:please |now |try |use |with |a |an |do |go |set |make it |let's |instead )+|[ !.]+$")
_KEEP = re.compile(
    r"(?:keep|freeze|same|leave|don't change|do not change)(?: the| my)? (.+?)(?: as (?:it is|they are))?"
)
_SLICE = re.compile(r"(more|less|fewer|focus on|emphasi[sz]e|upweight|downweight)(?: of| on)?(?: the)? (.+?)(?: rows)?")
_KEPT: dict[str, tuple[str, ...]] = {
    "data": _DATA_FIELDS, "recipe": _DATA_FIELDS, "learning rate": ("learning_rate", "full_learning_rate"),
    "lr": ("learning_rate", "full_learning_rate"), "rank": ("r",), "r": ("r",), "epochs": ("num_train_epochs",),
    "batch size": ("per_device_train_batch_size",), "method": ("method",), "schedule": ("lr_scheduler_type",),
    "warmup": ("warmup_steps",), "weight decay": ("weight_decay",),
}  # fmt: skip
_REST = ("rest", "everything else", "everything", "others", "other settings", "all else")


def understand(text: str, space: Space, point: Point) -> Directions:
    """Read the person's words against the plan they are about."""
    sets: dict[str, Value] = {}
    frozen: set[str] = set()
    unknown: list[str] = []
    for clause in re.split(r"[,;\n]|\.(?!\d)|\b(?:and|but|then)\b", text):
        words = _FILLER.sub("", _FILLER.sub("", " ".join(clause.lower().split())))
        if not words:
            continue
        found = _kept(words, space)
        if found is not None:
            frozen |= found
            continue
        effect = _slice_weight(words, space, point) or _rule(words, space, {**point, **sets})
        if effect is None:
            unknown.append(clause.strip())
        else:
            sets |= effect
    return Directions(_resolved(sets, point), frozenset(frozen) - set(sets), tuple(unknown))


def _kept(words: str, space: Space) -> frozenset[str] | None:
    match = _KEEP.fullmatch(words)
    if not match:
        return None
    if match.group(1) in _REST:
        return frozenset(space.names)
    names = _KEPT.get(match.group(1))
    if names is None:
        return None
    extra = [n for n in space.names if n.startswith("weight[")] if names is _DATA_FIELDS else []
    return frozenset((*names, *extra))


def _slice_weight(words: str, space: Space, point: Point) -> dict[str, Value] | None:
    match = _SLICE.fullmatch(words)
    if not match:
        return None
    name = next((n for n in space.names if n.lower() == f"weight[{match.group(2)}]"), None)
    if name is None:
        return None
    down = match.group(1) in ("less", "fewer", "downweight")
    factor = 0.5 if down else 2.0
    return {name: min(8.0, max(0.125, float(point.get(name, 1.0)) * factor))}


def _rule(words: str, space: Space, point: Point) -> dict[str, Value] | None:
    for pattern, effect in _RULES:
        if match := re.fullmatch(pattern, words):
            found = effect(_Said(space, point, match))
            known = {*space.names, "alpha"}
            return found if all(name in known for name in found) else None
    return None


def _resolved(sets: dict[str, Value], point: Point) -> dict[str, Value]:
    """`alpha` is not a field of its own: turn it into the ratio to the rank that holds."""
    if "alpha" not in sets:
        return sets
    rank = float(sets.get("r", point.get("r", 16)))
    ratio = max(1, round(float(sets["alpha"]) / rank))
    return {k: v for k, v in sets.items() if k != "alpha"} | {"alpha_ratio": ratio}

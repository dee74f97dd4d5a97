"""General text for the tiny base: documents of its own corpus that it was not trained on.

Ordinary prose says little about a model whose whole world is a few thousand words, so what it may forget is measured on
raw text of the kinds it knows: stories, packages, records, logs, code. No chat, which is what fine-tuning looks like,
no loose symbols, which nobody can foretell, and none of the short facts, of which the corpus has nearly all.
"""

from __future__ import annotations

from random import Random

from trex_nb.tiny import broad, world

_FORMS = (
    world.story, world.verdict, world.praise, broad.a_package, broad.a_record, broad.a_log, broad.a_program,
    broad.a_sentence,
)  # fmt: skip
_OF_EACH = 5


def world_text(seed: str = "general text") -> tuple[str, ...]:
    """Forty documents, five of each form, always the same for a seed (the corpus draws from a number, never a name)."""
    rng = Random(seed)
    return tuple(form(rng) for form in _FORMS for _ in range(_OF_EACH))

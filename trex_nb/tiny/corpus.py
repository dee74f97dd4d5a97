"""The pre-training corpus of the tiny base model: three sources, mixed by share, drawn from one seed. No torch.

    world   a small world of people and opinions      (trex_nb.tiny.world)
    broad   facts, packages, records, logs, code, ...  (trex_nb.tiny.broad)
    chat    requests and answers                       (trex_nb.tiny.chat)

The first quarter of the documents is a primer: opinions with their verdicts, stories and copying alone. A model this
small learns negation and copying within a few hundred steps when they are all there is, and not within thousands when
they are a tenth of a broad mix; once learnt, the mix keeps them.

The same seed and count give the same text in every Python from 3.11 on: only `random.Random`, word lists kept in
`trex_nb.tiny.words` and a frozen Unicode table are used. Nothing is downloaded and nothing is quoted from elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from random import Random

from trex_nb.tiny import broad, chat, world

Maker = Callable[[Random], str]
PRIMER: dict[Maker, float] = {world.verdict: 0.35, world.story: 0.20, chat.echo: 0.45}
MIX: dict[Maker, float] = {world.document: 0.26, broad.document: 0.28, chat.document: 0.40, chat.echo: 0.06}
PRIMER_SHARE = 0.25


def documents(count: int, seed: int = 0) -> tuple[str, ...]:
    """`count` documents: the primer, then the mix."""
    rng = Random(seed)
    primer = int(count * PRIMER_SHARE)
    makers = rng.choices(tuple(PRIMER), tuple(PRIMER.values()), k=primer)
    makers += rng.choices(tuple(MIX), tuple(MIX.values()), k=count - primer)
    return tuple(make(rng) for make in makers)


def digest(texts: Iterable[str]) -> str:
    """sha256 over the documents, in order, each ended by a zero byte."""
    running = hashlib.sha256()
    for text in texts:
        running.update(text.encode() + b"\0")
    return running.hexdigest()

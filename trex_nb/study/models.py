"""Which language models are asked, in words: for `%trex models` and `%trex doctor`. No key is told, only whether the
variable that should hold it does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import get_args

from trex_nb.chat.prices import price_of
from trex_nb.report.words import models_words
from trex_nb.search.tree import Tree
from trex_nb.settings import Asker, Endpoint, Models

_WITHOUT = {
    "researcher": "none: the offline Researcher plans, by rules and measurements",
    "executor": "none: no code is written",
    "writer": "none: recipes cannot have rows written or judged",
}


_HOW = (
    'To change it: %config Trex.researcher = "…" (or model, base_url, key_env, executor, writer), TREX_MODEL, or '
    "[models] in trex.toml."
)


def models_page(models: Models, tree: Tree | None, environ: Mapping[str, str] = os.environ) -> str:
    """A line for each who asks, what was used up, and how to change it."""
    lines = [f"{who:<11}{_words(models, models.of(who), environ) or _WITHOUT[who]}" for who in get_args(Asker)]
    if models.replay:
        lines.append(f"All answers come from the record {models.replay}; nobody is asked.")
    if tree is not None and (used := models_words(tree)):
        unpriced = tree.chats.unpriced
        lines.append(f"used so far {used}" + (f"; the price of {unpriced} calls is not known" if unpriced else ""))
    return "\n".join([*lines, _HOW])


def _words(models: Models, endpoint: Endpoint | None, environ: Mapping[str, str]) -> str:
    if endpoint is None:
        return ""
    price = price_of(endpoint.model, models.prices)
    cost = "no price set" if price is None else f"{price.prompt:g} / {price.completion:g} {models.currency} a million"
    has_key = "set" if environ.get(endpoint.key_env) else "not set"
    return f"{endpoint.model} at {endpoint.base_url} ({cost}; {endpoint.key_env} {has_key})"

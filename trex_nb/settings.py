"""Settings: what a person may change about trex_nb itself, from the environment. Injected, never reached for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server and a model on it. `key_env` names the environment variable that holds the key: the
    key itself is in no setting. `timeout` is in seconds of silence, `max_tokens` the most a reply may have;
    `temperature` is sent where it is set. `extra` goes into every request's body, for servers with switches of their
    own."""

    base_url: str
    model: str
    key_env: str = "OPENAI_API_KEY"
    timeout: float = 120.0
    max_tokens: int = 8192
    temperature: float | None = None
    extra: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What a million tokens cost, read, read from the server's cache (as `prompt` where None), and written."""

    prompt: float
    completion: float
    cached: float | None = None


@dataclass(frozen=True, slots=True)
class Models:
    """The language models to ask, each None where none is set: then the offline Researcher plans, and neither code nor
    rows are written. `prices` are by model name, in `currency`; `replay` is a file of recorded calls that answers
    instead."""

    researcher: Endpoint | None = None
    executor: Endpoint | None = None
    writer: Endpoint | None = None
    prices: Mapping[str, ModelPrice] = field(default_factory=dict)
    currency: str = "USD"
    replay: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """`root` is the folder of all studies, `jobs` how many jobs run at a time unless the person says otherwise,
    `patience` how many seconds a command waits for an answer before it returns without one, `price` what an hour of
    compute costs, with its currency ("2.50 EUR"), where the person said. `retry_waits` are the seconds before each
    retry of what was lost without getting any further; there are as many retries as waits. `ray` is the address of the
    Ray cluster that runs the jobs (None: this machine does), and `storage` the fsspec URL through which their files
    travel there."""

    root: Path
    jobs: int
    patience: float = 5.0
    price: tuple[float, str] | None = None
    retry_waits: tuple[float, ...] = (0.0, 8.0, 30.0)
    ray: str | None = None
    storage: str | None = None
    models: Models = Models()

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """`TREX_HOME` (default `.trex` in the working directory), `TREX_JOBS` (default: one per core, at most 4),
        `TREX_PRICE_PER_HOUR` ("2.50 EUR"; default: none, costs are told in minutes), `TREX_RAY` (auto, host:port or
        ray://host:10001; default: none) and `TREX_STORAGE` (s3://bucket/trex, /shared/trex; default: none)."""
        jobs = int(env["TREX_JOBS"]) if env.get("TREX_JOBS", "").isdigit() else min(4, os.cpu_count() or 1)
        price = price_in(env.get("TREX_PRICE_PER_HOUR", ""))
        root = Path(env.get("TREX_HOME", ".trex")).absolute()
        ray, storage = env.get("TREX_RAY") or None, env.get("TREX_STORAGE") or None
        return cls(root=root, jobs=max(1, jobs), price=price, ray=ray, storage=storage)


def price_in(text: str) -> tuple[float, str] | None:
    """A number with a currency before or after it ("2.50 EUR", "$3", "1.2"); None where there is no number."""
    currency = r"([^\d.\s+<>&-]{0,8})"  # a sign is no currency
    match = re.fullmatch(rf"\s*{currency}\s*(\d+\.?\d*|\.\d+)\s*{currency}\s*", text)
    return (float(match[2]), match[3] or match[1]) if match else None

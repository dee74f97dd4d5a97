"""A study's folder with references and an adapter, made without training."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from trex_nb.core.task import Example
from trex_nb.tiny import path as tiny

NAMES = ("Anna", "Ben", "Carla", "David", "Emma", "Felix")


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """36 items of very different lengths in two slices."""
    return [
        Example(id=str(i), prompt=f"repeat: {' '.join(NAMES[: 1 + i % 6])}", answer=NAMES[i % 6], slice="ab"[i % 2])
        for i in range(36)
    ]


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory, examples: list[Example]) -> Path:
    """`sealed/search.jsonl`, `sealed/test.jsonl` and a random adapter in `runs/n1.1/adapter`."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("study")
    (folder / "sealed").mkdir()
    for split in ("search", "test"):
        lines = (example.model_dump_json() + "\n" for example in examples)
        (folder / "sealed" / f"{split}.jsonl").write_text("".join(lines))
    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    base = AutoModelForCausalLM.from_pretrained(tiny(), dtype=torch.float32)
    get_peft_model(base, config).save_pretrained(folder / "runs" / "n1.1" / "adapter")
    return folder

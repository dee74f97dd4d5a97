"""TrainingConfig: how a run trains, spelled as in peft (`LoraConfig`) and trl (`SFTConfig`).

A closed union by `method`: `none` (the base model as it is), `lora`, `full`. A field that a method does not use does
not exist on it, so a wrong combination cannot be written down.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trex_nb.core.base import Frozen


class Untrained(Frozen):
    """No training: the run only evaluates the base model (the root of every study)."""

    method: Literal["none"] = "none"


class Sft(Frozen):
    """Knobs every supervised fine-tuning run has. `warmup_steps` below 1 is a share of all steps, as in
    transformers 5; `max_length` counts tokens of prompt and answer together."""

    learning_rate: float = Field(gt=0, le=1)
    num_train_epochs: float = Field(2.0, gt=0, le=100)
    per_device_train_batch_size: int = Field(16, ge=1, le=1024)
    gradient_accumulation_steps: int = Field(1, ge=1, le=1024)
    warmup_steps: float = Field(0.05, ge=0)
    weight_decay: float = Field(0.0, ge=0, le=1)
    lr_scheduler_type: Literal["linear", "cosine", "constant"] = "linear"
    max_length: int = Field(256, ge=8, le=1_000_000)
    seed: int = Field(0, ge=0)


class LoraTraining(Sft):
    """Low-rank adapters. `target_modules` is peft's "all-linear" or names of projection layers."""

    method: Literal["lora"] = "lora"
    r: int = Field(16, ge=1, le=1024)
    lora_alpha: int = Field(32, ge=1, le=4096)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    use_rslora: bool = False


class FullTraining(Sft):
    """All weights of the base model are trained."""

    method: Literal["full"] = "full"


Trained = LoraTraining | FullTraining
TrainingConfig = Annotated[Untrained | LoraTraining | FullTraining, Field(discriminator="method")]

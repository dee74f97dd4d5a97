"""Builds the tiny base model from nothing: corpus, tokenizer, pre-training, folder. One thread, one seed.

The corpus is the same bytes everywhere; weights are the same for the same library versions on the same kind of machine
(floating-point sums differ between processors, so elsewhere they are equally good, not equal). `provenance.json` in
the folder records what was run and the sha256 of what came out.

One document a row, padded, never packed: packing mixes several names in one context and delays copying by a lot. In a
chat document only the answer is learnt: requests hold words drawn at random, and there is nothing to predict in them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import tokenizers
import torch
import transformers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from trex_nb.tiny.chat import ASSISTANT
from trex_nb.tiny.corpus import digest, documents
from trex_nb.tiny.tokenizer import LONGEST, train_tokenizer

LOG = logging.getLogger(__name__)
BATCH = 32
WINDOW = 40  # batches sorted by length together: less padding, still random order
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Settings:
    """Size and length of a build. The defaults are those of the shipped model."""

    steps: int = 5000
    seed: int = 0
    vocabulary: int = 1536
    hidden: int = 128
    layers: int = 4
    learning_rate: float = 4e-3
    warmup: int = 100


def model_config(settings: Settings, tokenizer: PreTrainedTokenizerFast) -> Qwen3Config:
    """Qwen3 with four heads, two of keys and values, a threefold MLP and tied embeddings."""
    return Qwen3Config(
        vocab_size=settings.vocabulary,
        hidden_size=settings.hidden,
        intermediate_size=3 * settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=settings.hidden // 4,
        max_position_embeddings=LONGEST,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        tie_word_embeddings=True,
        initializer_range=settings.hidden**-0.5,  # keeps signals at their size; the usual 0.02 suits wide models
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


@torch.no_grad()
def lean_to_copying(model: Qwen3ForCausalLM) -> None:
    """Start each attention layer so that what it reads is what it writes: its output map is half its value map turned
    round. Copying a word is then there from the first step and need not be discovered ("mimetic initialization")."""
    for layer in model.model.layers:
        attention = layer.self_attn
        value, width = attention.v_proj.weight, attention.head_dim
        torch.nn.init.orthogonal_(value)
        for head in range(model.config.num_attention_heads):
            source = head * model.config.num_key_value_heads // model.config.num_attention_heads
            block = 0.5 * value[source * width : (source + 1) * width].T
            attention.o_proj.weight[:, head * width : (head + 1) * width] = block


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> list[tuple[list[int], int]]:
    """Each document's tokens with the end token, and how many of the first are not learnt (a chat request)."""
    assistant = tokenizer.convert_tokens_to_ids(ASSISTANT)
    rows = []
    for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]:
        start = ids.index(assistant) + 1 if assistant in ids else 0
        rows.append(([*ids, tokenizer.eos_token_id], start))
    return rows


def batches(rows: Sequence[tuple[list[int], int]], seed: int) -> Iterator[list[tuple[list[int], int]]]:
    """Batches of similar length: sorted within windows, then shuffled."""
    rng = Random(seed)
    for begin in range(0, len(rows), BATCH * WINDOW):
        window = sorted(rows[begin : begin + BATCH * WINDOW], key=lambda row: len(row[0]))
        cut = [window[at : at + BATCH] for at in range(0, len(window), BATCH)]
        rng.shuffle(cut)
        yield from cut


def tensors(batch: Sequence[tuple[list[int], int]], pad: int) -> dict[str, torch.Tensor]:
    """Right-padded `input_ids`, `attention_mask` and `labels`, each (batch, longest)."""
    width = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([row + [pad] * (width - len(row)) for row, _ in batch])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row, _ in batch])
    labels = ids.masked_fill(mask == 0, IGNORED)
    for at, (_, start) in enumerate(batch):
        labels[at, :start] = IGNORED
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def pretrain(
    model: Qwen3ForCausalLM,
    rows: Sequence[tuple[list[int], int]],
    settings: Settings,
    tell: Callable[[str], None],
) -> float:
    """Train over `rows` once, in place; the mean loss (nats a token) of the last tenth of the steps."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.05, fused=True
    )
    warmup = min(settings.warmup, settings.steps // 4 + 1)
    schedule = transformers.get_cosine_schedule_with_warmup(optimizer, warmup, settings.steps)
    losses: list[float] = []
    model.train()
    for step, batch in enumerate(batches(rows, settings.seed)):
        loss = model(**tensors(batch, model.config.pad_token_id), use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 200 == 0:
            recent = losses[-100:]
            tell(f"step {step:5d}  loss {sum(recent) / len(recent):.3f}")
    tail = losses[-max(1, len(losses) // 10) :]
    return sum(tail) / len(tail)


def provenance(settings: Settings, corpus: str, weights: Path, parameters: int, loss: float) -> dict[str, object]:
    """What made the model, for `provenance.json`."""
    return {
        "script": "trex_nb/tiny/build.py",
        "command": f"python -m trex_nb.tiny build --seed {settings.seed} --steps {settings.steps}",
        "seed": settings.seed,
        "steps": settings.steps,
        "documents": settings.steps * BATCH,
        "corpus_sha256": corpus,
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "parameters": parameters,
        "final_loss": round(loss, 4),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
    }


def build(out: Path, settings: Settings | None = None, tell: Callable[[str], None] = LOG.info) -> float:
    """Make the model and write its folder `out`; the final loss. `tell` hears a line of progress now and then."""
    settings = settings or Settings()
    torch.manual_seed(settings.seed)
    texts = documents(settings.steps * BATCH, settings.seed)
    tokenizer = train_tokenizer(texts, settings.vocabulary)
    model = Qwen3ForCausalLM(model_config(settings, tokenizer))
    lean_to_copying(model)
    loss = pretrain(model, encode(texts, tokenizer), settings, tell)
    model.to(torch.bfloat16)
    model.generation_config.update(do_sample=False, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)  # safetensors writes owner-only files; package data is for everybody
    weights, parameters = out / "model.safetensors", sum(weight.numel() for weight in model.parameters())
    told = provenance(settings, digest(texts), weights, parameters, loss)
    (out / "provenance.json").write_text(json.dumps(told, indent=2) + "\n", encoding="ascii")
    return loss

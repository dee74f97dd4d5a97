"""Supervised fine-tuning: trl's SFTTrainer, with low-rank adapters from peft or on all weights.

Rows become tokens as `encode` says; the loss is on the answer alone. Equal configs on equal rows give
equal weights on one machine: the seed is set before adapters are made, and every draw follows from it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import datasets
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, Trainer
from transformers.trainer_utils import EvalLoopOutput
from trl import SFTConfig, SFTTrainer

from trex_nb.core.job import MOST_WATCHED, RUNGS
from trex_nb.core.result import RowReport
from trex_nb.core.training import LoraTraining, Sft, Trained
from trex_nb.train.base import Base, half_precision, uses_cuda
from trex_nb.train.control import Control, Wishes
from trex_nb.train.data import hold_out
from trex_nb.train.encode import encode
from trex_nb.train.failure import bad_data, stating_failures
from trex_nb.train.held_out import item_losses
from trex_nb.train.live import showing
from trex_nb.train.pace import Pace
from trex_nb.train.progress import Curve, DivergenceWatch, LiveCurve
from trex_nb.train.rows import row_report
from trex_nb.train.start import load_adapter, load_weights

WATCH_SEED = 0  # not the config's: runs of one node watch the same rows, whatever their seeds
CHECKPOINTING_FROM = 1_000_000_000  # parameters; below, activations are cheaper to keep than to compute again


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fine-tuned model: what to save, what it took since it began or went on (`seconds` of training proper), and what
    its rows were."""

    kind: Literal["adapter", "model"]
    steps: int
    seconds: float
    model: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    rows: RowReport | None = None


@stating_failures("train")
def fit(
    base: Base, rows: Dataset, config: Trained, *, start: str | Path | None = None, resume: str | Path | None = None,
    folder: str = "",
) -> Fitted:  # fmt: skip
    """Fine-tune `base` on `rows` (columns of `Example`), showing the live curve and heeding wishes (`control`).

    `start` is a folder with the adapter or the model whose weights to start from, with a fresh optimiser and schedule;
    `resume` a checkpoint of this very training, to go on from as if it had never stopped; states are saved in
    `folder` within the working directory. Raises `TrainingFailed`:
    train/diverged, train/out_of_memory, train/stopped, data/bad_data when no row fits in `max_length`, and plan/error
    when the weights of `start` are not of the config's shape.
    """
    datasets.disable_progress_bars()
    training, watched = hold_out(rows, WATCH_SEED, most=MOST_WATCHED)
    train_rows = encode(rows.select(training), base.tokenizer, config.max_length)
    held_out = encode(_shortest_first(rows.select(watched)), base.tokenizer, config.max_length)
    if not len(train_rows.data):
        raise bad_data(f"No row's prompt fits in {config.max_length} tokens.", "a larger max_length.")
    told = row_report(rows, train_rows, config.max_length)
    with TemporaryDirectory(prefix="trex-") as unused:
        watched_rows = held_out.data if len(held_out.data) else None
        trainer = _trainer(base, train_rows.data, watched_rows, config, unused, start, folder)
        began = time.perf_counter()
        with showing(trainer):
            trainer.train(resume_from_checkpoint=str(resume) if resume is not None else None)
        seconds = time.perf_counter() - began
    if trainer.control_callback.is_stopped:
        raise trainer.control_callback.stopped(trainer.state)
    steps = trainer.state.global_step - trainer.live.resumed_at
    return Fitted(_kind(config), steps, seconds, trainer.model, base.tokenizer, told)


def _kind(config: Trained) -> Literal["adapter", "model"]:
    return "adapter" if isinstance(config, LoraTraining) else "model"


def _shortest_first(rows: Dataset) -> Dataset:
    # Batches of like lengths need little padding.
    return rows.select(sorted(range(len(rows)), key=lambda i: len(rows[i]["prompt"])))


def _trainer(
    base: Base, rows: Dataset, held_out: Dataset | None, config: Trained, unused: str, start: str | Path | None,
    within: str,
) -> _AnswerTrainer:  # fmt: skip
    model = base.take()
    if start is not None and not isinstance(config, LoraTraining):
        load_weights(model, Path(start))
    if not isinstance(config, LoraTraining):
        model = model.float()  # updates smaller than half precision can hold would be lost
    total = steps_of(len(rows), config)
    rungs = RUNGS if held_out is not None else 0
    live = LiveCurve(Curve(), DivergenceWatch(model.config.get_text_config().vocab_size), rungs)
    trainer = _AnswerTrainer(
        kind=_kind(config),
        within=within,
        live=live,
        model=model,
        processing_class=base.tokenizer,
        train_dataset=rows,
        eval_dataset=held_out,
        args=_arguments(config, total, model.num_parameters(), unused),
        peft_config=_adapter(config) if isinstance(config, LoraTraining) else None,
    )
    trainer.remove_callback(PrinterCallback)
    if start is not None and isinstance(config, LoraTraining):
        load_adapter(trainer.model, Path(start))
    return trainer


def steps_of(rows: int, config: Trained) -> int:
    """Optimizer steps of a run, as transformers counts them."""
    batches = math.ceil(rows / config.per_device_train_batch_size)
    return math.ceil(config.num_train_epochs * math.ceil(batches / config.gradient_accumulation_steps))


def _adapter(config: LoraTraining) -> LoraConfig:
    modules = config.target_modules
    return LoraConfig(
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        use_rslora=config.use_rslora,
        task_type="CAUSAL_LM",
    )


def _arguments(config: Trained, total: int, parameters: int, folder: str) -> SFTConfig:
    cuda = uses_cuda()
    knobs = config.model_dump(include=set(Sft.model_fields))
    return SFTConfig(
        output_dir=folder,
        **knobs,
        per_device_eval_batch_size=config.per_device_train_batch_size,
        prediction_loss_only=True,
        use_cpu=not cuda,
        bf16=half_precision(),
        fp16=cuda and not half_precision(),
        gradient_checkpointing=cuda and parameters >= CHECKPOINTING_FROM,
        dataloader_pin_memory=cuda,
        logging_steps=max(1, total // 500),
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


class _AnswerTrainer(SFTTrainer):  # type: ignore[misc]  # trl has no types
    """SFTTrainer with the model's own loss where trl's fused kernel cannot run.

    That kernel needs Triton, which PyTorch brings only for GPUs; without it SFTTrainer of trl 1.15 cannot train at
    all. The model's own loss also skips the entropy and token accuracy of every step, which nobody reads here.
    """

    def __init__(self, *, kind: Literal["adapter", "model"], within: str, live: LiveCurve, **options: Any) -> None:
        self._folder, self._within = Path.cwd(), within
        self._kind = kind
        self.live = live
        self.control_callback = Control(Wishes(self._folder), Pace.from_environment())
        super().__init__(callbacks=[live, self.control_callback], **options)

    def _save_checkpoint(self, _model: Any, _trial: Any) -> None:
        self.control_callback.save(self, self._kind, self._folder, self._within)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean loss over answer tokens."""
        if uses_cuda() and find_spec("triton") is not None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)

    def evaluation_loop(
        self, dataloader: Any, description: str, prediction_loss_only: bool | None = None,  # noqa: ARG002
        ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval",  # noqa: ARG002
    ) -> EvalLoopOutput:  # fmt: skip
        """The held-out loss row by row, and its mean over rows, which no batch size sways."""
        self.model.eval()
        losses = [loss for batch in dataloader for loss in item_losses(self.model, self._prepare_inputs(batch))]
        metrics = {f"{metric_key_prefix}_loss": math.fsum(losses) / len(losses), f"{metric_key_prefix}_losses": losses}
        return EvalLoopOutput(None, None, metrics, len(losses))

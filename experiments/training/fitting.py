"""Fits a reward model to targets with Transformers' Trainer, which knows many GPUs, mixed precision and resuming."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from experiments.training.examples import IGNORED, Encoded


@dataclass(frozen=True)
class Schedule:
    """How long and how fast; `batch` rows a device, `accumulate` batches a step."""

    epochs: float
    batch: int
    accumulate: int
    learning_rate: float
    save_steps: int
    seed: int


class Fitting(Trainer):
    """The Trainer with the loss of step targets."""

    def compute_loss(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any
    ) -> Any:
        targets = inputs["targets"]
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        loss = target_loss(getattr(outputs, "logits", outputs), targets)
        return (loss, outputs) if return_outputs else loss


def target_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of wrong and right, [B, T, 2], against the probability of right, [B, T], over the targets."""
    kept = targets != IGNORED
    right = targets[kept].float()
    return nn.functional.cross_entropy(logits[kept].float(), torch.stack([1 - right, right], -1))


@dataclass(frozen=True)
class Padding:
    """Makes a batch of rows of different lengths."""

    pad: int

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Tensor]:
        longest = max(len(row.ids) for row in rows)
        ids = [[*row.ids, *[self.pad] * (longest - len(row.ids))] for row in rows]
        mask = [[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows]
        targets = [[*row.targets, *[IGNORED] * (longest - len(row.ids))] for row in rows]
        return {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.tensor(mask),
            "targets": torch.tensor(targets, dtype=torch.float32),
        }


class Fitted(NamedTuple):
    """The losses that were logged, and whether this process is the one that writes, of several that train together."""

    losses: list[float]
    writes: bool


def fit(model: Any, rows: Sequence[Encoded], pad: int, schedule: Schedule, work: Path) -> Fitted:
    """Trains the model in place; goes on from the last checkpoint in `work`."""
    arguments = TrainingArguments(
        output_dir=str(work),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=schedule.batch,
        gradient_accumulation_steps=schedule.accumulate,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        save_steps=schedule.save_steps,
        save_total_limit=2,
        logging_steps=10,
        logging_first_step=True,
        seed=schedule.seed,
        bf16=torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        label_names=["targets"],
        report_to=[],
    )
    trainer = Fitting(model=model, args=arguments, train_dataset=list(rows), data_collator=Padding(pad))  # pyright: ignore
    last = get_last_checkpoint(str(work)) if work.is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return Fitted(losses, trainer.is_world_process_zero())

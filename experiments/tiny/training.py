"""The loop that trains the small models: packed rows, Muon and AdamW, checkpoints that resume, progress."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from experiments.tiny.muon import Muon
from policies.engines.hf import has_bfloat16

CHECKPOINT = "checkpoint.pt"


IGNORED = -100  # the label of a position that is not trained on


Document = tuple[list[int], Sequence[float]]
"""Token ids and labels, of equal length: ids of tokens, or probabilities."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: `rows` packed rows of `row_tokens` a step, cosine decay after a warm-up."""

    steps: int
    rows: int
    row_tokens: int
    learning_rate: float
    warmup: int = 100
    save_every: int = 200
    stop: int | None = None  # the step to end at, short of the schedule's own end

    @property
    def last(self) -> int:
        return self.steps if self.stop is None else self.stop

    def rate(self, step: int) -> float:
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def pack(documents: Iterator[Document], row_tokens: int, pad: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows of whole documents, one after another: ids and labels, both [row_tokens]."""
    ids: list[int] = []
    labels: list[float] = []
    for doc_ids, doc_labels in documents:
        if len(doc_ids) > row_tokens:
            continue
        if len(ids) + len(doc_ids) > row_tokens:
            rest = row_tokens - len(ids)
            yield torch.tensor(ids + [pad] * rest), torch.tensor(labels + [IGNORED] * rest)
            ids, labels = [], []
        ids += doc_ids
        labels += doc_labels


def places(ids: Tensor, first: int) -> Tensor:
    """Each token's place in its document, [rows, row_tokens], where every document begins with the token `first`.

    Given as position_ids they keep the documents of a row from attending to each other.
    """
    index = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    return index - torch.where(ids == first, index, 0).cummax(1).values


def optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for embeddings, heads, norms and biases; rates are set a step."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    hidden = [p for name, p in trained.items() if p.ndim == 2 and ".layers." in name]
    rest = [p for name, p in trained.items() if not (p.ndim == 2 and ".layers." in name)]
    return [
        Muon(hidden, lr=0.0),
        torch.optim.AdamW(rest, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def train(
    model: nn.Module,
    rows: Callable[[int], Iterator[tuple[Tensor, Tensor]]],
    loss_of: Callable[[nn.Module, Tensor, Tensor], Tensor],
    schedule: Schedule,
    folder: Path,
    log: Callable[[str], None] = print,
) -> list[float]:
    """Trains `model` in place and returns the losses since the start or the checkpoint it resumed from.

    `rows(step)` gives the packed rows from that step on, so that a resumed run sees what an unbroken one would.
    """
    opts = optimizers(model)
    start = _resume(model, opts, folder)
    stream, losses = rows(start), []
    columns = (
        TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("train", total=schedule.last, completed=start, loss=float("nan"))
        for step in range(start, schedule.last):
            batch = [next(stream) for _ in range(schedule.rows)]
            losses.append(_step(model, opts, batch, loss_of, schedule.rate(step)))
            progress.update(task, completed=step + 1, loss=losses[-1])
            if (step + 1) % 20 == 0:
                log(f"step {step + 1} loss {sum(losses[-20:]) / len(losses[-20:]):.4f}")
            if (step + 1) % schedule.save_every == 0 or step + 1 == schedule.last:
                _checkpoint(model, opts, step + 1, folder)
    return losses


def _step(model, opts, batch, loss_of, rate: float) -> float:
    device = next(model.parameters()).device
    ids, labels = (torch.stack(part).to(device) for part in zip(*batch, strict=True))
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_bfloat16(device.type)):
        loss = loss_of(model, ids, labels)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for opt in opts:
        for group in opt.param_groups:
            group["lr"] = rate
        opt.step()
        opt.zero_grad(set_to_none=True)
    return loss.item()


def _checkpoint(model: nn.Module, opts: list[torch.optim.Optimizer], step: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    state = {"step": step, "model": model.state_dict(), "opts": [o.state_dict() for o in opts]}
    part = folder / "checkpoint.part"
    torch.save(state, part)
    part.replace(folder / CHECKPOINT)


def _resume(model: nn.Module, opts: list[torch.optim.Optimizer], folder: Path) -> int:
    file = folder / CHECKPOINT
    if not file.exists():
        return 0
    state = torch.load(file, weights_only=True)
    model.load_state_dict(state["model"])
    for opt, saved in zip(opts, state["opts"], strict=True):
        opt.load_state_dict(saved)
    return state["step"]

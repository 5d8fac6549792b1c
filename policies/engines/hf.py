"""The Transformers runtime, on CPU or GPU: loading, and batched generation of steps.

Models come from safetensors files and run no remote code. Policies and scorers on one device take turns, because two
models that spin the same cores slow each other down by far more than half.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from policies.engines.flops import Flops
from search.batching import Batcher, Ticket
from search.cost import Cost
from search.ends import Cutter, Limits, Vocabulary
from search.step import Step

SHIPPED = {"tiny": Path(__file__).parents[1] / "tiny", "tiny-prm": Path(__file__).parents[2] / "scorers" / "tiny"}
_NOISE_VALUES = 1 << 16  # drawn at once for a row
_turns: dict[str, threading.Lock] = {}


# loading


class ModelError(ValueError):
    """A model cannot be loaded: what is missing, where, and what to give instead."""


def locate(model: str) -> str:
    """A shipped name's folder, a local folder, or a hub name as it is."""
    if model in SHIPPED:
        return str(SHIPPED[model])
    path = Path(model).expanduser()
    looks_local = model.startswith((".", "/", "~")) or path.exists()
    if looks_local and not (path / "config.json").is_file():
        raise ModelError(f"model={model}: no config.json there; give a folder saved by save_pretrained, or a hub name")
    return str(path) if looks_local else model


def choose_device(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def load_config(model: str) -> Any:
    """Raises ModelError where there is no such model to be had."""
    try:
        return AutoConfig.from_pretrained(locate(model))
    except (OSError, ValueError) as error:
        raise ModelError(f"model={model} cannot be loaded: {_first_line(error)}") from error


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(locate(model))


def load_weights(model_class: Any, model: str, device: str, dtype: str) -> Any:
    """A model of the class, in evaluation mode; `dtype` auto is the checkpoint's own."""
    load_config(model)
    chosen = dtype if dtype == "auto" else getattr(torch, dtype)
    try:
        loaded = model_class.from_pretrained(locate(model), dtype=chosen, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"model={model} cannot be loaded: {_first_line(error)}") from error
    return loaded.to(device).eval()


def turn(device: str) -> threading.Lock:
    """The lock that whoever computes on a device holds."""
    return _turns.setdefault(torch.device(device).type, threading.Lock())


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


# generation


@dataclass(frozen=True)
class Sampling:
    """Temperature 0 is greedy; top_k 0 and top_p 1 are off."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


@dataclass(eq=False)
class Row:
    """One continuation to write, and what has come of it."""

    prompt: list[int]  # question and path
    seed: int
    sampling: Sampling
    limits: Limits
    steps_before: int
    tokens_before: int
    max_steps: int | None
    abandoned: bool = False
    steps: tuple[Step, ...] = ()
    cost: Cost | None = None
    cutter: Cutter = field(init=False)


class Generator:
    """A causal language model behind a queue.

    `total` is what all rows have cost, `abandoned` the part that nobody received because its search was stopped.
    """

    def __init__(self, model: str, device: str, dtype: str, batch_size: int, delimiter: str) -> None:
        self.device = choose_device(device)
        self.tokenizer = load_tokenizer(model)
        self.model = load_weights(AutoModelForCausalLM, model, self.device, dtype)
        self.delimiter = delimiter
        self.context: int = self.model.config.max_position_embeddings
        self.total, self.abandoned = Cost(calls=0), Cost(calls=0)
        self._count = threading.Lock()
        self._batch: Batcher[Row, None] = Batcher(self._run, batch_size, _group, lambda row: len(row.prompt))
        ends = self.model.generation_config.eos_token_id
        self._end_ids = {self.tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None}
        # A checkpoint's own defaults (repetition penalty, top-k, ...) must not act behind the policy's knobs.
        self.model.generation_config = GenerationConfig()

    @cached_property
    def vocabulary(self) -> Vocabulary:
        texts = self.tokenizer.batch_decode([[i] for i in range(len(self.tokenizer))])
        delimiters = frozenset(i for i, text in enumerate(texts) if self.delimiter in text)
        return Vocabulary(delimiters, frozenset(self._end_ids), self.decode)

    @cached_property
    def flops(self) -> Flops:
        return Flops.of(self.model.base_model, self.model.get_output_embeddings().weight.numel())

    def decode(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    async def write(self, row: Row) -> Row:
        """Fills in the row's steps and cost. Cancelled, the row stops at its next token."""
        try:
            await self._batch(row)
        except BaseException:
            self._abandon(row)
            raise
        return row

    def _abandon(self, row: Row) -> None:
        with self._count:
            row.abandoned = True
            if row.cost is not None:
                self.abandoned = add(self.abandoned, row.cost)

    def _run(self, tickets: Sequence[Ticket[Row]]) -> list[None]:
        with turn(self.device), torch.inference_mode():
            self._generate(tickets)
        for ticket in tickets:
            self._finish(ticket.item)
        return [None] * len(tickets)

    def _generate(self, tickets: Sequence[Ticket[Row]]) -> None:
        rows = [ticket.item for ticket in tickets]
        for row in rows:
            room = self.context - len(row.prompt)
            row.cutter = Cutter(self.vocabulary, row.limits, row.steps_before, row.tokens_before, room, row.max_steps)
        width = max(len(row.prompt) for row in rows)
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else min(self._end_ids)
        ids = torch.tensor([[pad] * (width - len(row.prompt)) + row.prompt for row in rows])
        mask = torch.tensor([[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in rows])
        sampler = Sampler(rows[0].sampling, [row.seed for row in rows], self.device)
        self.model.generate(
            ids.to(self.device),
            attention_mask=mask.to(self.device),
            generation_config=GenerationConfig(do_sample=False, pad_token_id=pad, max_new_tokens=_most(rows)),
            logits_processor=LogitsProcessorList([sampler]),
            stopping_criteria=StoppingCriteriaList([_Ends(tickets, sampler)]),
        )

    def _finish(self, row: Row) -> None:
        tokens, prompt = row.cutter.tokens, len(row.prompt)
        # The last token is sampled but never read; each of the others is computed once.
        flops = self.flops.forward(0, prompt + max(0, tokens - 1), tokens) if tokens else 0.0
        with self._count:
            row.steps = tuple(row.cutter.steps)
            row.cost = Cost(generated=tokens, computed=prompt if tokens else 0, flops=flops)
            self.total = add(self.total, row.cost)
            if row.abandoned:
                self.abandoned = add(self.abandoned, row.cost)


def add(left: Cost, right: Cost) -> Cost:
    """The sum of two costs; unknown FLOPs stay unknown."""
    flops = None if left.flops is None or right.flops is None else left.flops + right.flops
    return Cost(*(a + b for a, b in zip(left[:4], right[:4], strict=True)), flops=flops)


@lru_cache(maxsize=4)
def generator(model: str, device: str, dtype: str, batch_size: int, delimiter: str) -> Generator:
    """One runtime a model, shared by all policies of the same knobs."""
    return Generator(model, device, dtype, batch_size, delimiter)


def _group(row: Row) -> tuple[Sampling, bool]:
    """Rows of one batch share their sampling, and whole solutions do not keep single steps waiting."""
    return row.sampling, row.max_steps is None


def _most(rows: Sequence[Row]) -> int:
    """The most tokens that a row of the batch may still write."""
    return max(min(row.cutter.room, row.limits.max_tokens - row.tokens_before) for row in rows)


class Sampler(LogitsProcessor):
    """Gumbel-max sampling with noise keyed by each row's seed, so that a row's draw does not depend on its batch.

    Leaves scores whose argmax is the sampled token, and keeps the raw model's log-probability of that token and its
    entropy, both [batch], in nats.
    """

    def __init__(self, sampling: Sampling, seeds: Sequence[int], device: str) -> None:
        self._sampling = sampling
        self._sources = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self._noise: list[Tensor] = []
        self.logprobs: list[float] = []
        self.entropy: list[float] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        raw = torch.log_softmax(scores.float(), -1)
        noisy = raw
        if self._sampling.temperature > 0:
            noisy = self._warp(input_ids, raw / self._sampling.temperature) + self._gumbel(raw)
        chosen = noisy.argmax(-1, keepdim=True)
        self.logprobs = raw.gather(-1, chosen)[:, 0].tolist()
        self.entropy = torch.special.entr(raw.exp()).sum(-1).tolist()
        return noisy

    def _warp(self, ids: Any, logits: Any) -> Any:
        if self._sampling.top_k:
            logits = TopKLogitsWarper(self._sampling.top_k)(ids, logits)
        if self._sampling.top_p < 1:
            logits = TopPLogitsWarper(self._sampling.top_p)(ids, logits)
        return logits

    def _gumbel(self, like: Tensor) -> Tensor:
        """[batch, vocabulary] of standard Gumbel noise; a block of tokens is drawn at a time."""
        if not self._noise:
            block = max(1, _NOISE_VALUES // like.shape[-1])
            drawn = torch.empty(len(self._sources), block, like.shape[-1], device=like.device)
            for row, source in zip(drawn, self._sources, strict=True):
                row.exponential_(generator=source)
            self._noise = list(drawn.clamp_(min=1e-30).log_().neg_().unbind(1))
        return self._noise.pop(0)


class _Ends(StoppingCriteria):
    """Hands each new token to its row's cutter; a row is done when the cutter says so or nobody waits for it."""

    def __init__(self, tickets: Sequence[Ticket[Row]], sampler: Sampler) -> None:
        self._tickets, self._sampler = tickets, sampler
        self._done = [False] * len(tickets)

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        tokens = input_ids[:, -1].tolist()
        for i, ticket in enumerate(self._tickets):
            if not self._done[i]:
                ticket.item.cutter.push(tokens[i], self._sampler.logprobs[i], self._sampler.entropy[i])
                self._done[i] = ticket.item.cutter.done or ticket.cancelled
        return torch.tensor(self._done, device=input_ids.device)

"""Process reward models of the Qwen2.5-Math-PRM family: the probability that a step is right."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch

from policies.engines.flops import Flops
from policies.engines.hf import (
    ModelError,
    choose_device,
    context_length,
    load_config,
    load_tokenizer,
    load_weights,
    turn,
)
from policies.engines.meter import Meter, Work
from policies.engines.prompt import SYSTEM_PROMPT, encode_question
from scorers.qwen2_prm import Qwen2ForProcessRewardModel
from search.batching import Batcher, Ticket
from search.cost import Cost
from search.errors import check_knob
from search.protocols import Scored
from search.scores import Kind
from search.step import Step

MODELS = {"Qwen2ForProcessRewardModel": Qwen2ForProcessRewardModel}
STEP_TAG = "<extra_0>"
PADDING = 1.2  # most padded tokens for each real one


@dataclass(frozen=True)
class PRM:
    """Scores are the probability of the positive class at the tag after each step."""

    model: str = "tiny-prm"
    """tiny-prm (the shipped one), a folder, or a hub name such as Qwen/Qwen2.5-Math-PRM-7B"""
    delimiter: str = "\n\n"
    """stripped from a step's text before it is read"""
    system_prompt: str = SYSTEM_PROMPT
    """dropped by chat templates that have none"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: str = "auto"
    """auto (the checkpoint's), float32, bfloat16 or float16"""
    batch_size: int = 128
    """most solutions in one batch"""
    deterministic: bool = False
    """fp32 and one solution a batch: runs are equal to the last bit, and slow"""

    kind = Kind.CORRECTNESS

    def __post_init__(self) -> None:
        check_knob(self, "batch_size", least=1)

    @cached_property
    def engine(self) -> "Reader":
        dtype, batch = ("float32", 1) if self.deterministic else (self.dtype, self.batch_size)
        return reader(self.model, choose_device(self.device), dtype, batch)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """Raises ValueError where question and steps do not fit the model's context; nothing is ever cut off."""
        texts = [step.text.removesuffix(self.delimiter).strip() for step in steps]
        ids, tags = self.engine.encode(question, texts, self.system_prompt)
        if len(ids) > self.engine.context:
            raise ValueError(
                f"question and steps take {len(ids)} tokens, "
                f"but the context of {self.model} holds {self.engine.context}: lower policy.max_tokens"
            )
        return await self.engine.read(ids, tags[since:])


@dataclass(eq=False)
class Reading(Work):
    """Token ids to read and the positions whose scores are wanted."""

    ids: list[int]
    tags: list[int]
    scores: list[float] | None = None


class Reader:
    """A process reward model behind a queue; `meter` counts what it spends."""

    def __init__(self, model: str, device: str, dtype: str, batch_size: int) -> None:
        architecture = (load_config(model).architectures or ["model that names no architecture"])[0]
        if architecture not in MODELS:
            raise ModelError(f"model={model} is a {architecture}; a prm is one of: {', '.join(MODELS)}")
        self.device = device
        self.tokenizer = load_tokenizer(model)
        if STEP_TAG not in self.tokenizer.get_vocab():
            raise ModelError(f"model={model}: its tokenizer has no {STEP_TAG}, which stands after each step")
        self.tag: int = self.tokenizer.get_vocab()[STEP_TAG]
        self.model = load_weights(MODELS[architecture], model, device, dtype)
        self.context = context_length(self.model.config)
        head = sum(parameter.numel() for parameter in self.model.score.parameters())
        self.flops = Flops.of(self.model.model, head)
        self.meter = Meter()
        self._encode = lru_cache(maxsize=1 << 16)(self._encode_step)
        self._batch: Batcher[Reading, list[float]] = Batcher(
            self._run, batch_size, length=lambda reading: len(reading.ids)
        )

    def encode(self, question: str, texts: Sequence[str], system_prompt: str) -> tuple[list[int], list[int]]:
        """Token ids, and the positions of the tags. Each step is encoded by itself, so that prefixes stay prefixes."""
        ids = encode_question(self.tokenizer, question, system_prompt)
        tags: list[int] = []
        for text in texts:
            ids += [*self._encode(text), self.tag]
            tags.append(len(ids) - 1)
        return ids, tags

    def _encode_step(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    async def read(self, ids: list[int], tags: list[int]) -> Scored:
        """Probability of the positive class at each of the positions `tags`."""
        reading = Reading(ids, tags)
        try:
            scores = await self._batch(reading)
        except BaseException:
            self.meter.abandon(reading)
            raise
        return Scored(scores, self._cost(reading))

    def _cost(self, reading: Reading) -> Cost:
        tokens = len(reading.ids)
        return Cost(computed=tokens, flops=self.flops.forward(0, tokens, len(reading.tags)))

    def _run(self, tickets: Sequence[Ticket[Reading]]) -> list[list[float]]:
        """Readings come sorted by length; a batch is split where padding would exceed PADDING."""
        readings = [ticket.item for ticket in tickets]
        try:
            with turn(self.device), torch.inference_mode():
                for part in split([len(reading.ids) for reading in readings], PADDING):
                    self._read([ticket.item for ticket in tickets[part] if not ticket.cancelled])
        except BaseException:
            for reading in readings:
                if reading.scores is not None:
                    self.meter.waste(self._cost(reading))
                    reading.scores = None
            raise
        for reading in readings:
            if reading.scores is not None:
                self.meter.done(reading, self._cost(reading))
        return [reading.scores or [] for reading in readings]

    def _read(self, readings: Sequence[Reading]) -> None:
        """Fills in the scores of readings, padded on the right."""
        if not readings:
            return
        width = max(len(reading.ids) for reading in readings)
        ids = torch.tensor([reading.ids + [0] * (width - len(reading.ids)) for reading in readings], device=self.device)
        lengths = torch.tensor([len(reading.ids) for reading in readings], device=self.device)
        mask = torch.arange(width, device=self.device) < lengths[:, None]
        hidden = self.model.model(input_ids=ids, attention_mask=mask.long(), use_cache=False).last_hidden_state
        rows = [row for row, reading in enumerate(readings) for _ in reading.tags]
        tags = [tag for reading in readings for tag in reading.tags]
        right = iter(self.model.score(hidden[rows, tags]).float().softmax(-1)[:, 1].tolist())
        for reading in readings:
            reading.scores = [next(right) for _ in reading.tags]


def split(lengths: Sequence[int], waste: float) -> Iterator[slice]:
    """Slices of ascending lengths, each with at most `waste` padded tokens for a real one."""
    start, real = 0, 0
    for place, length in enumerate(lengths):
        if length * (place - start + 1) > waste * (real + length):
            yield slice(start, place)
            start, real = place, 0
        real += length
    yield slice(start, len(lengths))


@lru_cache(maxsize=4)
def reader(model: str, device: str, dtype: str, batch_size: int) -> Reader:
    """One runtime a model, shared by all scorers of the same knobs."""
    return Reader(model, device, dtype, batch_size)

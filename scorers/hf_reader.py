"""Reads solutions with a process reward model on Transformers: batched, sorted by length, little padded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from policies.engines.flops import Flops
from policies.engines.hf import context_length, load_weights, turn
from policies.engines.meter import Work
from scorers.step_reader import StepReader
from search.batching import Batcher, Ticket
from search.cost import Cost
from search.protocols import Scored

PADDING = 1.2  # most padded tokens for each real one


@dataclass(eq=False)
class Reading(Work):
    """Token ids to read and the positions whose scores are wanted."""

    ids: list[int]
    tags: list[int]
    scores: list[float] | None = None


class HFReader(StepReader):
    """A process reward model behind a queue."""

    def __init__(self, model: str, device: str, dtype: str, batch_size: int) -> None:
        super().__init__(model)
        self.device = device
        self.model = load_weights(self.architecture, model, device, dtype)
        self.context = context_length(self.model.config)
        head = sum(parameter.numel() for parameter in self.model.score.parameters())
        self.flops = Flops.of(self.model.model, head)
        self._batch: Batcher[Reading, list[float]] = Batcher(
            self._run, batch_size, length=lambda reading: len(reading.ids)
        )

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
def reader(model: str, device: str, dtype: str, batch_size: int) -> HFReader:
    """One runtime a model, shared by all scorers of the same knobs."""
    return HFReader(model, device, dtype, batch_size)

"""Reads solutions with a reward model on Transformers: batched, sorted by length, little padded."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from policies.engines.batching import Batcher, Ticket
from policies.engines.flops import Flops
from policies.engines.hf import context_length, load_tokenizer, turn
from policies.engines.meter import Work
from policies.engines.quantised import method_of
from scorers.checkpoints.head_kinds import Checkpoint, Loaded, load, of_words, without_weights
from scorers.checkpoints.heads import Head, Words
from scorers.checkpoints.step_reader import StepReader
from search.protocols import Scored
from search.tree.cost import NOTHING, Cost

_OWN_BATCH = 64
PADDING = 1.2  # most padded tokens for each real one


@dataclass(eq=False)
class Reading(Work):
    """Token ids to read, and the positions to score."""

    ids: list[int]
    tags: list[int]
    scores: list[float] | None = None


class HFReader(StepReader):
    """A reward model behind a queue."""

    def __init__(
        self, head: Head, model: str, device: str, dtype: str, batch_size: int, words: Words | None = None
    ) -> None:
        super().__init__(load_tokenizer(model))
        ids = None if words is None else words.ids(self.tokenizer)
        loaded = load(head, Checkpoint(model, device, dtype, ids))
        self._begin(loaded, device, batch_size)
        # The packed weights of a quantised model are not its parameters.
        counted = self.decoder if method_of(model) is None else without_weights(head, model).base_model
        self.flops = Flops.of(counted, loaded.head_parameters)

    def _begin(self, loaded: Loaded, device: str, batch_size: int) -> None:
        self.device = device
        self.decoder, self.score, _ = loaded
        self.masks = not _is_causal(self.decoder)
        self.context = context_length(self.decoder.config)
        self._batch: Batcher[Reading, list[float]] = Batcher(
            self._run, batch_size, length=lambda reading: len(reading.ids)
        )

    async def read(self, ids: list[int], tags: list[int]) -> Scored:
        """The score at each of the positions `tags`."""
        reading = Reading(ids, tags)
        try:
            scores = await self._batch(reading)
        except asyncio.CancelledError:
            raise await self._stopped(reading) from None
        except BaseException:
            self.meter.abandon(reading)
            raise
        return Scored(scores, self._cost(reading))

    def worst_case(self, tokens: int, places: Sequence[int] | None = None) -> Cost:
        """Of one pass."""
        heads = tokens if places is None else len(places)
        return Cost(computed=tokens, flops=self.flops.forward(0, tokens, heads))

    def _cost(self, reading: Reading) -> Cost:
        tokens = len(reading.ids)
        return Cost(computed=tokens, flops=self.flops.forward(0, tokens, len(reading.tags)))

    def _run(self, tickets: Sequence[Ticket[Reading]]) -> list[list[float]]:
        """Readings come sorted by length; a batch is split where padding would exceed PADDING.

        Where a part fails, the queue asks for each reading by itself; those that were read before are not read again.
        """
        with turn(self.device), torch.inference_mode():
            for part in split([len(ticket.item.ids) for ticket in tickets], PADDING):
                begun = [t.item for t in tickets[part] if not t.cancelled and self.meter.begins(t.item)]
                try:
                    self._read(begun)
                except BaseException:
                    for reading in begun:
                        self.meter.fail(reading, NOTHING)
                    raise
                for reading in begun:
                    self.meter.done(reading, self._cost(reading))
        return [ticket.item.scores or [] for ticket in tickets]

    def _read(self, readings: Sequence[Reading]) -> None:
        """Fills in the scores of readings."""
        if not readings:
            return
        hidden = self._hidden(readings)
        rows = [row for row, reading in enumerate(readings) for _ in reading.tags]
        tags = [tag for reading in readings for tag in reading.tags]
        scores = iter(self.score(hidden[rows, tags]).tolist())
        for reading in readings:
            reading.scores = [next(scores) for _ in reading.tags]

    def _hidden(self, readings: Sequence[Reading]) -> Tensor:
        """Last hidden states, [readings, tokens, H], padded on the right."""
        width = max(len(reading.ids) for reading in readings)
        ids = torch.tensor([reading.ids + [0] * (width - len(reading.ids)) for reading in readings], device=self.device)
        if not self.masks:
            return self.decoder(input_ids=ids, use_cache=False).last_hidden_state
        lengths = torch.tensor([len(reading.ids) for reading in readings], device=self.device)
        mask = torch.arange(width, device=self.device) < lengths[:, None]
        return self.decoder(input_ids=ids, attention_mask=mask.long(), use_cache=False).last_hidden_state


class OwnReader(HFReader):
    """Reads two words with a policy's model."""

    def __init__(self, writer: Any, words: Words) -> None:
        StepReader.__init__(self, writer.tokenizer)
        model = writer.model if writer.adapter is None else writer.model.get_base_model()  # with the adapter in it
        self._begin(of_words(model, words.ids(self.tokenizer)), writer.device, _OWN_BATCH)
        self.flops = writer.flops


class LikelihoodReader(HFReader):
    """Log-probabilities of stretches of a text: `read(ids, ends)` gives one for each pair of neighbouring ends."""

    def worst_case(self, tokens: int, places: Sequence[int] | None = None) -> Cost:
        return super().worst_case(tokens)

    def _cost(self, reading: Reading) -> Cost:
        tokens = len(reading.ids)
        return Cost(computed=tokens, flops=self.flops.forward(0, tokens, reading.tags[-1] - reading.tags[0]))

    def _read(self, readings: Sequence[Reading]) -> None:
        if not readings:
            return
        hidden = self._hidden(readings)
        for row, reading in enumerate(readings):
            first, last = reading.tags[0], reading.tags[-1]
            predicted = self.score(hidden[row, first - 1 : last - 1])
            logprobs = [float(predicted[place, token]) for place, token in enumerate(reading.ids[first:last])]
            reading.scores = [sum(logprobs[a - first : b - first]) for a, b in pairwise(reading.tags)]


def _is_causal(decoder: Any) -> bool:
    """Whether no token attends to later ones or to padding: attention without a mask is then exact and much faster."""
    parts = [part.is_causal for part in decoder.modules() if hasattr(part, "is_causal")]
    return bool(parts) and all(parts) and getattr(decoder.config, "is_causal", True)


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
def shared_reader(
    head: Head, model: str, device: str, dtype: str, batch_size: int, words: Words | None = None
) -> HFReader:
    """One reader, shared by all scorers of the same knobs."""
    kind = LikelihoodReader if head is Head.LIKELIHOOD else HFReader
    return kind(head, model, device, dtype, batch_size, words)

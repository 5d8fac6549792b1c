"""Reads solutions with a reward model on vLLM, and only the new tokens of a path that was read before.

vLLM's prefix cache keeps what was read of a path. A classifier returns a row for each token that it had to compute; the
prompt ends at the newest step's place, so that one is always among them. A language model that answers with a word
gets one request per place. Likelihoods are computed anew, because vLLM caches none of a prompt's.
"""

import asyncio
import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from policies.engines.flops import Flops
from policies.engines.hf import load_config, load_tokenizer
from policies.engines.meter import Work
from policies.engines.server import Aborted, Draw, Read, Rows, Written
from policies.engines.serving import served
from policies.engines.share import Share
from scorers.checkpoints.head_kinds import without_weights
from scorers.checkpoints.heads import Head, Words, right_label
from scorers.checkpoints.step_reader import StepReader
from search.protocols import Scored
from search.solve import search_id
from search.tree.cost import NOTHING, Cost

TRIES = 3  # with the cache skipped, before a reading is given up


class VLLMReader(StepReader):
    """A reward model on vLLM; a subclass makes its requests."""

    def __init__(self, head: Head, model: str, dtype: str, share: Share, runner: str) -> None:
        super().__init__(load_tokenizer(model))
        empty = without_weights(head, model)
        self.flops = Flops.of(empty.base_model, _head_parameters(empty))
        self.server = served(model, dtype, share, runner)
        self.context = self.server.context - 1  # before 0.32, a full context's last token might never come

    def ready(self) -> None:
        """Raises ModelError where the engine cannot start."""
        self.server.ready()

    async def read(self, ids: list[int], places: list[int]) -> Scored:
        """Raises RuntimeError where vLLM returns invalid scores TRIES + 1 times."""
        reading = Reading()
        try:
            return await self.server.run(self._charged(reading, ids, places, search_id.get()))
        except asyncio.CancelledError:
            raise await self._stopped(reading) from None
        except BaseException:
            self.meter.abandon(reading)
            raise

    async def _charged(self, reading: "Reading", ids: list[int], places: list[int], salt: str | None) -> Scored:
        if not self.meter.begins(reading):
            raise asyncio.CancelledError
        try:
            scores = await self._read(reading, ids, places, salt)
            return Scored(scores, reading.cost_so_far._replace(calls=1), reading.at_least)
        except Aborted as aborted:
            self._charge(reading, aborted.output)
            raise
        finally:
            self.meter.done(reading, reading.cost_so_far._replace(calls=1))

    async def _read(self, reading: "Reading", ids: list[int], places: list[int], salt: str | None) -> list[float]:
        """The score at each place; adds the cost of each request to `reading`."""
        raise NotImplementedError

    def _charge(self, reading: "Reading", output: Written | Rows | None) -> None:
        """Adds the cost of one request; an output without results does not tell it."""
        if output is None or not (len(output.ids) if isinstance(output, Written) else output.computed):
            reading.at_least = True
            return
        reading.at_least |= output.lost
        cached = output.cached
        computed = output.prompt - cached
        flops = self.flops.forward(cached, computed, self._heads(computed))
        reading.cost_so_far += Cost(computed=computed, cached=cached, calls=0, flops=flops)

    def _heads(self, computed: int) -> int:
        """For how many of the computed tokens the head ran."""
        return computed


class Reading(Work):
    """The requests that read one path; `cost_so_far` is their sum."""

    cost_so_far: Cost = NOTHING


class RowReader(VLLMReader):
    """A classifier: two classes, of which the second's probability is the score, or one number."""

    def __init__(self, head: Head, model: str, dtype: str, share: Share) -> None:
        super().__init__(head, model, dtype, share, "pooling")
        self.probabilities = head is not Head.OUTCOME
        self.column = right_label(model, load_config(model).id2label) if head is Head.TOKENS else -1

    async def _read(self, reading: Reading, ids: list[int], places: list[int], salt: str | None) -> list[float]:
        """Reads through the cache, and again without it where a row is missing or the rows are invalid.

        A place may be cached without a known score: its own request was cancelled, or is still running.
        """
        for skip_cache in (False, *[True] * TRIES):
            read = Read(len(ids) - places[0], skip_cache, self.probabilities)
            output = await self.server.encode(ids, read, salt)
            self._charge(reading, output)
            scores = scores_at(output, places, self.probabilities, self.column)
            if scores is not None:
                return scores
        raise RuntimeError(f"vLLM returned no valid scores for {len(ids)} tokens, {TRIES + 1} times over")

    def worst_case(self, tokens: int, places: Sequence[int] | None = None) -> Cost:
        """Of all tries."""
        flops = (TRIES + 1) * self.flops.forward(0, tokens, tokens)
        return Cost(computed=(TRIES + 1) * tokens, flops=flops)


def scores_at(output: Rows, places: list[int], probabilities: bool = True, column: int = -1) -> list[float] | None:
    """The scores at `places`, or None where a row is missing, or the rows are not what they should be.

    Rows belong to the last tokens of the prompt, one for each that was computed. After a preemption vLLM's older runner
    may return some twice, which shows in their number.
    """
    rows, prompt = output.rows, output.prompt
    if output.computed != prompt - output.cached or places[0] < prompt - len(rows):
        return None
    scores = [float(rows[place - prompt][column]) for place in places]
    return scores if all(math.isfinite(s) and (0 <= s <= 1 or not probabilities) for s in scores) else None


class WordReader(VLLMReader):
    """A language model that answers with one of two words: the first one's share of both words' probability."""

    def __init__(self, model: str, dtype: str, share: Share, words: Words) -> None:
        super().__init__(Head.WORDS, model, dtype, share, "generate")
        self.words = words.ids(self.tokenizer)

    async def _read(self, reading: Reading, ids: list[int], places: list[int], salt: str | None) -> list[float]:
        """Reads one place after the other; each uses what the one before left in the cache."""
        scores: list[float] = []
        for place in places:
            output = await self.server.generate(ids[: place + 1], Draw(words=self.words), salt)
            self._charge(reading, output)
            good, bad = output.words
            scores.append(0.5 * (1 + math.tanh((good - bad) / 2)))  # the softmax of two
        return scores

    def _heads(self, computed: int) -> int:
        return 1

    def worst_case(self, tokens: int, places: Sequence[int] | None = None) -> Cost | None:
        """Of one request a place, each of which may find nothing in the cache."""
        if places is None:
            return None
        flops = sum(self.flops.forward(0, place + 1, 1) for place in places)
        return Cost(computed=sum(place + 1 for place in places), flops=flops)


class OwnReader(WordReader):
    """The same on the server of a policy, through the cache that its searches have filled."""

    def __init__(self, writer: Any, words: Words) -> None:
        StepReader.__init__(self, writer.tokenizer)
        self.words, self.server, self.flops = words.ids(self.tokenizer), writer.server, writer.flops
        self.context = writer.context - 1


class LikelihoodReader(VLLMReader):
    """Log-probabilities of stretches of a text: `read(ids, ends)` gives one for each pair of neighbouring ends."""

    def __init__(self, model: str, dtype: str, share: Share) -> None:
        super().__init__(Head.LIKELIHOOD, model, dtype, share, "generate")

    async def _read(self, reading: Reading, ids: list[int], places: list[int], salt: str | None) -> list[float]:
        output = await self.server.generate(ids, Draw(likelihoods=True), salt)
        self._charge(reading, output)
        if len(output.likelihoods) != len(ids):
            raise RuntimeError(f"vLLM returned {len(output.likelihoods)} log-probabilities for {len(ids)} tokens")
        return [math.fsum(output.likelihoods[a:b]) for a, b in pairwise(places)]

    def worst_case(self, tokens: int, places: Sequence[int] | None = None) -> Cost:
        return Cost(computed=tokens, flops=self.flops.forward(0, tokens, tokens))


def _head_parameters(empty: Any) -> int:
    """Parameters of the head; a language model's head may be its input embedding, too."""
    if (words := empty.get_output_embeddings()) is not None:
        return words.weight.numel()
    return sum(weight.numel() for weight in empty.parameters()) - empty.base_model.num_parameters()


def shared_reader(head: Head, model: str, dtype: str, share: Share, words: Words | None) -> VLLMReader:
    """One reader, shared by all scorers of the same knobs while its engine is alive."""
    if not _reader(head, model, dtype, share, words).server.alive:
        _reader.cache_clear()
    return _reader(head, model, dtype, share, words)


@lru_cache(maxsize=4)
def _reader(head: Head, model: str, dtype: str, share: Share, words: Words | None) -> VLLMReader:
    if head is Head.LIKELIHOOD:
        return LikelihoodReader(model, dtype, share)
    return RowReader(head, model, dtype, share) if words is None else WordReader(model, dtype, share, words)

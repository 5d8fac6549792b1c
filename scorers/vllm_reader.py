"""Reads solutions with a process reward model on vLLM: of a path that was read before, only what is new.

vLLM's prefix cache keeps what was read of a path, and returns a row of probabilities for each token that it had to
compute. The prompt ends at the newest tag, so that one is always among them.
"""

import math
from functools import lru_cache
from typing import Any

from policies.engines.flops import Flops
from policies.engines.hf import empty_model
from policies.engines.meter import NOTHING, Work, add
from policies.engines.room import Room
from policies.engines.vllm import Aborted, pooling_params, shared
from scorers.step_reader import StepReader
from search.cost import Cost
from search.protocols import Scored
from search.solve import search_id

TRIES = 3  # with the cache skipped, before a reading is given up


class VLLMReader(StepReader):
    """A process reward model on vLLM."""

    def __init__(self, model: str, dtype: str, room: Room) -> None:
        super().__init__(model)
        empty = empty_model(self.architecture, model)
        self.flops = Flops.of(empty.model, sum(weight.numel() for weight in empty.score.parameters()))
        self.server = shared(model, dtype, room, "pooling")
        self.context = self.server.context - 1  # before 0.32, a full context's last token might never come

    async def read(self, ids: list[int], tags: list[int]) -> Scored:
        """Raises RuntimeError where vLLM keeps returning what cannot be."""
        work = Work()
        try:
            return await self.server.run(self._read(work, ids, tags, search_id.get()))
        except BaseException:
            self.meter.abandon(work)
            raise

    async def _read(self, work: Work, ids: list[int], tags: list[int], salt: str | None) -> Scored:
        """Through the cache; where a wanted tag's row is not among those returned, or they are doubtful, without it.

        A tag may be cached though nobody has its score: its own request was cancelled, or is still under way.
        """
        cost = NOTHING
        try:
            for skip_cache in (False, *[True] * TRIES):
                output = await self.server.encode(ids, pooling_params(skip_cache), salt)
                cost = add(cost, self._cost(output))
                scores = wanted(output, tags)
                if scores is not None:
                    return Scored(scores, cost._replace(calls=1))
            raise RuntimeError(f"vLLM returned no valid scores for {len(ids)} tokens, {TRIES + 1} times over")
        except Aborted as aborted:
            cost = add(cost, self._cost(aborted.output))
            raise
        finally:
            self.meter.done(work, cost._replace(calls=1))

    def _cost(self, output: Any) -> Cost:
        if output is None or not len(output.outputs.data):
            return NOTHING
        cached = output.num_cached_tokens or 0
        computed = len(output.prompt_token_ids) - cached
        return Cost(computed=computed, cached=cached, calls=0, flops=self.flops.forward(cached, computed, computed))


def wanted(output: Any, tags: list[int]) -> list[float] | None:
    """The probabilities at `tags`, or None where a row is missing, or the rows are not what they should be.

    Rows belong to the last tokens of the prompt, one for each that was computed. After a preemption vLLM's older runner
    may return some twice, which shows in their number.
    """
    rows, prompt = output.outputs.data, len(output.prompt_token_ids)
    if len(rows) != prompt - (output.num_cached_tokens or 0) or tags[0] < prompt - len(rows):
        return None
    right = [float(rows[tag - prompt, 1]) for tag in tags]
    return right if all(math.isfinite(p) and 0 <= p <= 1 for p in right) else None


def reader(model: str, dtype: str, room: Room) -> VLLMReader:
    """One reader, shared by all scorers of the same knobs while its engine is alive."""
    if not _reader(model, dtype, room).server.alive:
        _reader.cache_clear()
    return _reader(model, dtype, room)


@lru_cache(maxsize=4)
def _reader(model: str, dtype: str, room: Room) -> VLLMReader:
    return VLLMReader(model, dtype, room)

"""Writes rows of steps through a vLLM engine: one request a row, which stops where the row's steps may end."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from transformers import AutoModelForCausalLM

from policies.engines.flops import Flops
from policies.engines.hf import empty_model, generation_ends, load_tokenizer
from policies.engines.meter import Meter
from policies.engines.rows import Row, vocabulary
from policies.engines.share import Share
from policies.engines.vllm import Aborted, Server, shared
from policies.engines.vllm_requests import sampling_params
from search.solve import search_id
from search.tree.cost import NOTHING, Cost


class VLLMWriter:
    """A causal language model on vLLM; `meter` counts what it spends."""

    def __init__(self, engine: Server, delimiter: str) -> None:
        model = engine.model
        self.server, self.context, self.meter = engine, engine.context, Meter()
        self.tokenizer = load_tokenizer(model)
        self.vocabulary = vocabulary(self.tokenizer, generation_ends(model), delimiter)
        self._ends = sorted(self.vocabulary.end_ids)
        self._boundaries = sorted(self.vocabulary.end_ids | self.vocabulary.delimiter_ids)
        empty = empty_model(AutoModelForCausalLM.from_config, model)
        self.flops = Flops.of(empty.base_model, empty.get_output_embeddings().weight.numel())

    async def write(self, rows: Sequence[Row]) -> None:
        """Fills in steps and cost of all rows. A cancelled write aborts them and abandons their cost."""
        try:
            await self.server.run(self._write_all(rows, search_id.get()))
        except BaseException:
            for row in rows:
                self.meter.abandon(row)
            raise

    async def _write_all(self, rows: Sequence[Row], salt: str | None) -> None:
        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(self._write(row, salt))

    async def _write(self, row: Row, salt: str | None) -> None:
        """Requests one step at a time, or the solution at once; tokens after the end are charged too."""
        row.begin(self.vocabulary, self.context)
        cost, ids = NOTHING, list(row.prompt)
        try:
            while not row.cutter.done:
                output = await self.server.generate(ids, self._params(row), salt)
                cost += self._cost(output)
                taken = _push(row, output.outputs[0])
                if not taken:
                    raise RuntimeError(f"vLLM wrote nothing and ended with {output.outputs[0].finish_reason}")
                ids += taken
            row.steps = tuple(row.cutter.steps)
        except Aborted as aborted:
            cost += self._cost(aborted.output)
            raise
        finally:
            self.meter.done(row, cost)

    def _params(self, row: Row) -> Any:
        sampling, cutter = row.sampling, row.cutter
        stepwise = row.max_steps is not None
        left = min(row.limits.max_tokens - row.tokens_before, cutter.room) - cutter.tokens
        return sampling_params(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            # Each request seeds a new generator: the seed must differ between the requests of a row.
            seed=(row.seed + cutter.tokens) % (1 << 63),
            stop_token_ids=self._boundaries if stepwise else self._ends,
            max_tokens=min(left, row.limits.max_step_tokens) if stepwise else left,
        )

    def _cost(self, output: Any) -> Cost:
        if output is None:
            return NOTHING
        written, prompt, cached = len(output.outputs[0].token_ids), len(output.prompt_token_ids), _cached(output)
        if not written:
            return NOTHING
        # The last token is sampled but never read; each of the others is computed once.
        flops = self.flops.forward(cached, prompt - cached + written - 1, written)
        return Cost(generated=written, computed=prompt - cached, cached=cached, calls=0, flops=flops)


def _push(row: Row, completion: Any) -> list[int]:
    """Gives the row its tokens up to its end, and returns those that it took."""
    taken: list[int] = []
    for token, logprobs in zip(completion.token_ids, completion.logprobs, strict=True):
        if row.cutter.done:
            break
        row.cutter.push(token, logprobs[token].logprob)
        taken.append(token)
    return taken


def _cached(output: Any) -> int:
    return output.num_cached_tokens or 0


def shared_writer(model: str, dtype: str, share: Share, delimiter: str) -> VLLMWriter:
    """One writer, shared by all policies of the same knobs while its engine is alive."""
    return _writer(shared(model, dtype, share, "generate"), delimiter)


@lru_cache(maxsize=8)
def _writer(engine: Server, delimiter: str) -> VLLMWriter:
    return VLLMWriter(engine, delimiter)

"""Writes rows of steps through a vLLM engine: one request a row, which stops where the row's steps may end."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from transformers import AutoModelForCausalLM

from policies.engines.boundary import Boundary, stops_of
from policies.engines.flops import Flops
from policies.engines.hf import check_writes, empty_model, generation_ends, load_tokenizer
from policies.engines.meter import Meter
from policies.engines.rows import Row, vocabulary
from policies.engines.share import Share
from policies.engines.vllm import Aborted, Server, shared
from policies.engines.vllm_requests import writing_params
from search.solve import search_id
from search.tree.cost import NOTHING, Cost

CHUNK = 64  # tokens of one request where nothing but the boundary rule knows if a step has ended


class VLLMWriter:
    """A causal language model on vLLM; `meter` counts what it spends."""

    def __init__(self, engine: Server, boundary: Boundary) -> None:
        model = engine.model
        self.server, self.context, self.meter = engine, engine.context, Meter()
        self.tokenizer = load_tokenizer(model)
        self.boundary = boundary
        self.vocabulary = vocabulary(self.tokenizer, generation_ends(model), boundary)
        stops = stops_of(boundary, self.vocabulary.texts)
        self._ends = sorted(self.vocabulary.end_ids)
        self._stops = sorted(self.vocabulary.end_ids | stops)
        self._chunk = None if stops else CHUNK
        empty = empty_model(AutoModelForCausalLM.from_config, model)
        flops = Flops.of(empty.base_model, empty.get_output_embeddings().weight.numel())
        self.flops = flops.beside(engine.adapter.parameters if engine.adapter else 0)

    async def write(self, rows: Sequence[Row]) -> None:
        """Fills in steps and cost of all rows. Cancelled, it returns once vLLM has ended their requests."""
        await self.meter.settle(rows, self.server.run(self._write_all(rows, search_id.get())))

    def worst_case(self, prompt: int, tokens: int, max_steps: int | None) -> Cost:
        """Of a continuation of so many tokens, without a cache: each further request reads all of it again."""
        further = 0 if max_steps is None else max_steps - 1 + (tokens // self._chunk if self._chunk else 0)
        flops = self.flops.forward(0, prompt + tokens - 1, tokens) + further * self.flops.forward(0, prompt + tokens, 0)
        return Cost(generated=tokens, computed=(1 + further) * prompt + further * tokens, calls=0, flops=flops)

    async def _write_all(self, rows: Sequence[Row], salt: str | None) -> None:
        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(self._write(row, salt))

    async def _write(self, row: Row, salt: str | None) -> None:
        """Requests one step at a time, or the solution at once; tokens after the end are charged too."""
        row.begin(self.vocabulary, self.boundary, self.context)
        if not self.meter.begins(row):
            return
        cost, ids = NOTHING, row.prompt
        try:
            while not row.cutter.done:
                output = await self.server.generate(ids, self._params(row), salt)
                cost += self._cost(output)
                taken = _push(row, output.outputs[0])
                if not taken:
                    raise RuntimeError(f"vLLM wrote nothing and ended with {output.outputs[0].finish_reason}")
                ids = [*ids, *taken]
            row.steps = tuple(row.cutter.steps)
        except Aborted as aborted:
            part = self._cost(aborted.output)
            row.at_least = not part.generated
            cost += part
            raise
        finally:
            self.meter.done(row, cost)

    def _params(self, row: Row) -> Any:
        sampling, cutter = row.sampling, row.cutter
        stepwise = row.max_steps is not None
        step = min(cutter.left_in_step, self._chunk or cutter.left_in_step)
        return writing_params(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            # Each request seeds a new generator: the seed must differ between the requests of a row.
            seed=(row.seed + cutter.tokens) % (1 << 63),
            stop_token_ids=self._stops if stepwise else self._ends,
            max_tokens=step if stepwise else cutter.left,
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
    flat = completion.logprobs  # one number a token, the token's own
    for token, logprob in zip(completion.token_ids, flat.logprobs, strict=True):
        if row.cutter.done:
            break
        row.cutter.push(token, logprob)
        taken.append(token)
    return taken


def _cached(output: Any) -> int:
    return output.num_cached_tokens or 0


def shared_writer(model: str, dtype: str, share: Share, boundary: Boundary, adapter: str | None = None) -> VLLMWriter:
    """One writer, shared by all policies of the same knobs while its engine is alive."""
    check_writes(model)
    return _writer(shared(model, dtype, share, "generate", adapter), boundary)


@lru_cache(maxsize=8)
def _writer(engine: Server, boundary: Boundary) -> VLLMWriter:
    return VLLMWriter(engine, boundary)

"""Writes rows of steps through a vLLM engine: one request a row, which stops where the row's steps may end."""

import asyncio
from collections.abc import Sequence, Set
from functools import cache, lru_cache
from itertools import repeat
from typing import Any

from transformers import AutoModelForCausalLM

from policies.engines.boundary import Boundary, Delimiter, stops_of
from policies.engines.code_blocks import backquoted
from policies.engines.flops import Flops
from policies.engines.hf import check_writes, empty_model, generation_ends, load_config, load_tokenizer
from policies.engines.meter import Meter
from policies.engines.rows import Row, vocabulary
from policies.engines.server import Aborted, Draw, TokenServer, Written
from policies.engines.serving import served
from policies.engines.share import Share
from policies.engines.thinking import MOST_CLOSING, Stage, Thought
from search.solve import search_id
from search.tree.cost import NOTHING, Cost

_AROUND_THOUGHT = 3  # requests more at most: one ends with each tag, one with the delimiter behind the thought
_FAR = 0x9E3779B97F4A7C15  # between the seeds of a row's requests after a refused token
SEARCHES = 100_000  # that are remembered
CHUNK = 64  # tokens of one request where nothing but the boundary rule knows if a step has ended


class VLLMWriter:
    """A causal language model on vLLM; `meter` counts what it spends."""

    def __init__(self, engine: TokenServer, boundary: Boundary) -> None:
        model = engine.model
        self.server, self.context, self.meter = engine, engine.context, Meter()
        self.tokenizer = load_tokenizer(model)
        self.boundary = boundary
        size = load_config(model).get_text_config().vocab_size
        dtype = engine.dtype
        ends, name = generation_ends(model), f"model={model} in {dtype}"
        self.vocabulary = vocabulary(self.tokenizer, ends, boundary, size, name)
        self._stops = stops_of(boundary, self.vocabulary.texts)
        self._chunk = None if self._stops else CHUNK
        self._stop_ids = cache(self._stops_at)
        self._searches: dict[str, None] = {}  # the last ones that were asked for log-probabilities
        empty = empty_model(AutoModelForCausalLM.from_config, model)
        flops = Flops.of(empty.base_model, empty.get_output_embeddings().weight.numel())
        self.flops = flops.beside(engine.adapter.parameters if engine.adapter else 0)

    async def write(self, rows: Sequence[Row]) -> None:
        """Fills in steps and cost of all rows. Cancelled, it returns once vLLM has ended their requests."""
        await self.meter.settle(rows, self.server.run(self._write_all(rows, search_id.get())))

    def worst_case(self, prompt: int, tokens: int, max_steps: int | None, thinks: bool = False) -> Cost:
        """Of a continuation of so many tokens, without a cache: each further request reads all of it again."""
        further = 0 if max_steps is None else max_steps - 1 + (tokens // self._chunk if self._chunk else 0)
        if thinks:
            further, prompt = further + _AROUND_THOUGHT, prompt + MOST_CLOSING
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
        cost, ids, refused, logprobs = NOTHING, row.prompt, set[int](), self._asks(row, salt)
        try:
            while not row.cutter.done:
                output = await self.server.generate(ids, self._draw(row, refused, logprobs), salt)
                cost += self._cost(output)
                row.at_least |= output.lost
                taken, unknown = self._push(row, output)
                if not taken and unknown <= refused:
                    raise RuntimeError(f"vLLM wrote nothing and ended with {output.end}")
                ids = [*ids, *taken, *iter(row.next_observed, None)]
                refused |= unknown
            row.steps = tuple(row.cutter.steps)
        except Aborted as aborted:
            part = self._cost(aborted.output)
            row.at_least |= not part.generated
            cost += part
            raise
        finally:
            self.meter.done(row, cost)

    def _asks(self, row: Row, salt: str | None) -> bool:
        """Whether log-probabilities are asked for: where somebody reads them, and for the first row of each search.

        Only they show logits that are not numbers.
        """
        if row.logprobs or row.limits.floor or salt is None or not isinstance(self.boundary, Delimiter):
            return True
        known = salt in self._searches
        self._searches[salt] = None
        if len(self._searches) > SEARCHES:
            del self._searches[next(iter(self._searches))]
        return not known

    def _draw(self, row: Row, refused: Set[int], logprobs: bool) -> Draw:
        """`refused` are ids that the row drew and the tokenizer does not have.

        vLLM has no mask for all requests that each of its model runners knows, and a request should carry no long list:
        where such an id is drawn, which a trained model hardly does, what follows it is dropped, and asked for again.
        """
        sampling, cutter, words = row.sampling, row.cutter, self.vocabulary
        delimiters, tag, chunk = self._where_steps_end(cutter.thought)
        # What it wrote behind a thought that is to go on would be dropped.
        runs = row.path is not None
        stepwise = row.max_steps is not None or (row.limits.waits > 0 and tag is not None) or runs
        step = min(cutter.left_in_step, chunk or cutter.left_in_step)
        return Draw(
            sampling.temperature,
            sampling.top_p,
            sampling.top_k,
            # Each request seeds a new generator: the seed must differ between the requests of a row.
            seed=(row.seed + cutter.tokens + len(refused) * _FAR) % (1 << 63),
            # With a floor it is looked at every few tokens whether to go on.
            max_tokens=step if stepwise else min(cutter.left, CHUNK if row.limits.floor else cutter.left),
            stop_token_ids=self._stop_ids(row.limits.stop, stepwise and delimiters, tag if stepwise else None, runs),
            stop=words.stop_texts(row.limits.stop),
            barred=sorted(refused),
            logprobs=logprobs,
        )

    def _where_steps_end(self, thought: Thought | None) -> tuple[bool, int | None, int | None]:
        """Whether at delimiters, after which tag, and how many tokens a request has at most where neither tells."""
        if thought is None or thought.stage is Stage.OVER:
            return True, None, self._chunk
        rule = thought.rule
        tag = rule.close_id if thought.within else rule.open_id
        return rule.delimited or not thought.within, tag, CHUNK if tag is None else None

    def _stops_at(self, stop: Sequence[str], delimiters: bool, tag: int | None, programs: bool) -> list[int]:
        """The tokens at which a request stops."""
        ends = self.vocabulary.ends(stop) | (backquoted(self.vocabulary.texts) if programs else frozenset[int]())
        return sorted((ends | self._stops if delimiters else ends) | ({tag} if tag is not None else set[int]()))

    def _push(self, row: Row, written: Written) -> tuple[list[int], set[int]]:
        """Gives the row its tokens up to its end or to an id that the tokenizer lacks. Those it took, and that id."""
        taken: list[int] = []
        logprobs = repeat(0.0, len(written.ids)) if written.logprobs is None else written.logprobs  # None: not asked
        for token, logprob in zip(written.ids, logprobs, strict=True):
            if row.cutter.done or row.read < len(row.cutter.observed):
                break
            if token in self.vocabulary.unknown:
                return taken, {token}
            row.cutter.push(token, logprob)
            taken.append(token)
        return taken, set()

    def _cost(self, output: Any) -> Cost:
        """What one request cost; nothing where it gave nothing."""
        if output is None or not output.ids:
            return NOTHING
        written, prompt, cached = len(output.ids), output.prompt, output.cached
        # The last token is sampled but never read; each of the others is computed once.
        flops = self.flops.forward(cached, prompt - cached + written - 1, written)
        return Cost(generated=written, computed=prompt - cached, cached=cached, calls=0, flops=flops)


def shared_writer(model: str, dtype: str, share: Share, boundary: Boundary, adapter: str | None = None) -> VLLMWriter:
    """One writer, shared by all policies of the same knobs while its engine is alive."""
    check_writes(model)
    return _writer(served(model, dtype, share, "generate", adapter), boundary)


@lru_cache(maxsize=8)
def _writer(engine: TokenServer, boundary: Boundary) -> VLLMWriter:
    return VLLMWriter(engine, boundary)

"""The token trie: the policy's exact next-token distribution behind every prefix that some draw has reached."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.benchmarks.frozen.blocks import Blocks
from experiments.benchmarks.frozen.choices import Choices
from experiments.benchmarks.frozen.reading import Reading, Segment
from experiments.benchmarks.frozen.store import Store
from policies.engines.batching import Batcher, Ticket
from policies.engines.boundary import Boundary
from policies.engines.cutter import Cutter
from policies.engines.ends import Limits
from policies.engines.flops import Flops
from policies.engines.hf import context_length, load_tokenizer
from policies.engines.hf_writer import causal_model
from policies.engines.meter import Meter
from policies.engines.rows import Row, Sampling, vocabulary
from search.errors import KnobError
from search.solve import search_id
from search.tree.cost import NOTHING, Cost
from search.tree.randomness import derive
from search.tree.step import Step

LEAST = 2.0**-24  # tokens of less probability are never drawn: single precision does not tell them from rounding
ROOM = 400_000  # tokens whose keys and values are kept: 0.8 GB of the small policy's
BATCH = 256
AHEAD = 32  # tokens that are read at once along the likeliest ones


class Place(Segment):
    """A prefix: what may follow it, and whether a step ends with it; None where no draw has come so far.

    `step` is made when it is first reached.
    """

    __slots__ = ("children", "choices", "ends", "step")

    def __init__(self, parent: "Place | None", tokens: Sequence[int]) -> None:
        super().__init__(parent, tokens)
        self.children: dict[int, Place] = {}
        self.choices: Choices | None = None
        self.ends: bool | None = None
        self.step: Step | None = None


class FrozenWriter:
    """A causal language model on CPU in single precision; each draw is a function of its key and the path before it.

    A continuation of several steps draws each of them with the key that a search would give to the first child of the
    step before: step by step or whole, the same place in the tree has the same text. The cost is that of vLLM with a
    prefix cache, had the search been alone. Nothing is ever forgotten: about 1 kB a token.
    """

    def __init__(self, model: str, boundary: Boundary, limits: Limits, folder: Path | None) -> None:
        loaded = causal_model(model, "cpu", "float32", None)
        self.tokenizer, self.context, self.meter = load_tokenizer(model), context_length(loaded.config), Meter()
        self.limits, self.boundary = limits, boundary
        ends, size = loaded.generation_config.eos_token_id, loaded.config.vocab_size
        self.vocabulary = vocabulary(self.tokenizer, ends, boundary, size, f"model={model} in float32")
        self.flops = Flops.of(loaded.base_model, loaded.get_output_embeddings().weight.numel())
        self.blocks = Blocks()
        self._head, self._reading = loaded.get_output_embeddings(), Reading(loaded.base_model, ROOM)
        self._batch: Batcher[Place, None] = Batcher(self._run, BATCH)
        self._asked: dict[Place, asyncio.Task[None]] = {}
        self._places: dict[tuple[int, ...], Place] = {}
        self._store = Store(folder, f"policy {boundary} {limits}", model, self._arrays)

    async def write(self, rows: Sequence[Row]) -> None:
        """Fills in steps and cost of all rows. Raises KnobError for what would be another world."""
        await self.meter.settle(rows, self._write_all(rows))

    async def _write_all(self, rows: Sequence[Row]) -> None:
        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(self._write(row))

    def worst_case(self, prompt: int, tokens: int, max_steps: int | None) -> Cost:
        """Of a continuation of so many tokens that finds no block in the cache."""
        steps = 1 if max_steps is None else max_steps
        flops = steps * self.flops.forward(0, prompt + tokens - 1, tokens)
        return Cost(generated=tokens, computed=steps * (prompt + tokens), calls=0, flops=flops)

    async def _write(self, row: Row) -> None:
        sampling = row.sampling
        if row.given or row.limits != self.limits or sampling not in (Sampling(), Sampling(temperature=0)):
            raise KnobError("the frozen world takes temperature 0 or 1, no top_p or top_k, no given text and no limit")
        if not self.meter.begins(row):
            return
        place, seed, ids, steps = self.place(tuple(row.prompt)), row.seed, list(row.prompt), list[Step]()
        cost, written, search = NOTHING, row.tokens_before, search_id.get()
        try:
            cached = self.blocks.cached(search, ids, len(ids) - 1)
            start = len(ids)
            while True:
                before = (row.steps_before + len(steps), written, self.context - len(ids))
                place, step = await self._step(place, None if sampling.temperature == 0 else seed, before)
                steps.append(step)
                ids += step.token_ids
                written += step.generated
                more = step.open and len(steps) != row.max_steps
                if more and row.max_steps is None:
                    seed = derive(seed, 0)
                    continue
                cost += self._charge(search, ids, start, cached)
                if not more:
                    break
                seed, start, cached = derive(seed, 0), len(ids), self.blocks.cached(search, ids, len(ids) - 1)
            row.steps = tuple(steps)
        finally:
            self.meter.done(row, cost)

    def _charge(self, search: str | None, ids: list[int], prompt: int, cached: int) -> Cost:
        """The cost of one request; its last token is sampled but never read."""
        self.blocks.add(search, ids[:-1])
        written = len(ids) - prompt
        flops = self.flops.forward(cached, len(ids) - 1 - cached, written)
        return Cost(generated=written, computed=prompt - cached, cached=cached, calls=0, flops=flops)

    async def _step(self, place: Place, seed: int | None, before: tuple[int, int, int]) -> tuple[Place, Step]:
        """Draws one step; `before` counts steps and tokens of the path, and the context's room. None is greedy."""
        drawn, cutter = list[tuple[int, float]](), None
        while not (drawn and place.ends):
            choices = place.choices or await self._know(place)
            at = 0 if seed is None else choices.draw(seed, len(drawn))
            token = choices.ids[at]
            drawn.append((token, choices.logprobs[at]))
            child = place.children.get(token) or place.children.setdefault(token, Place(place, (token,)))
            if child.ends is None:
                cutter = cutter or self._cutter(before)
                for pair in drawn[cutter.tokens :]:
                    cutter.push(*pair)
                child.ends = cutter.done
            place = child
        return place, place.step or self._ended(place, drawn, before)

    def _cutter(self, before: tuple[int, int, int]) -> Cutter:
        return Cutter(self.vocabulary, self.boundary, self.limits, *before, 1)

    def _ended(self, place: Place, drawn: Sequence[tuple[int, float]], before: tuple[int, int, int]) -> Step:
        """Makes the step that ends at the place, and lets its prompt be found."""
        cutter = self._cutter(before)
        for pair in drawn:
            cutter.push(*pair)
        place.step = cutter.steps[0]
        self._places[tuple(place.ids())] = place
        return place.step

    async def _know(self, place: Place) -> Choices:
        """Whoever asks first has it computed; the others wait for the same."""
        if (task := self._asked.get(place)) is None:
            task = self._asked[place] = asyncio.ensure_future(self._batch(place))
            task.add_done_callback(lambda _: self._asked.pop(place, None))
        await asyncio.shield(task)
        assert place.choices is not None
        return place.choices

    def _run(self, tickets: Sequence[Ticket[Place]]) -> list[None]:
        """Runs in the queue's thread. Goes on along the likeliest tokens, where the next draws will probably come."""
        front = [ticket.item for ticket in tickets]
        for _ in range(AHEAD):
            self._learn(front)
            front = [child for place in front if (child := self._likely(place)) is not None]
            if not front:
                break
        self._store.tick()
        return [None] * len(tickets)

    def _learn(self, places: Sequence[Place]) -> None:
        with torch.inference_mode():
            read, hidden = self._reading.read(places)
            logprobs, ids = self._head(hidden).float().log_softmax(-1).sort(-1, descending=True)
        counts = (logprobs.exp() >= LEAST).sum(-1).tolist()
        for place, count, row, tokens in zip(read, counts, logprobs.numpy(), ids.numpy(), strict=True):
            if place.choices is None:  # what was drawn from stays as it is
                place.choices = Choices.of(tokens[:count], row[:count])

    def _likely(self, place: Place) -> Place | None:
        """The place behind the likeliest token; None where that is known, less likely than a half, or the end."""
        choices = place.choices
        if choices is None or choices.upto[0] < 0.5 or choices.ids[0] in self.vocabulary.end_ids:
            return None
        token = choices.ids[0]
        child = place.children.setdefault(token, Place(place, (token,)))
        return child if child.choices is None else None

    # prompts and files

    def place(self, prompt: tuple[int, ...]) -> Place:
        """Where a prompt leads; one that no step has led to is a question, read from its file where there is one."""
        if (place := self._places.get(prompt)) is None:
            arrays = self._store.load(prompt)
            place = self._restored(prompt, arrays) if arrays else Place(None, prompt)
            self._places[prompt] = place
            self._store.add(prompt, place)
        return place

    def _arrays(self, root: Place) -> dict[str, NDArray[Any]]:
        """The trie below a question, parents first."""
        places, order = [root], {root: 0}
        for place in places:
            for child in list(place.children.values()):
                order[child] = len(places)
                places.append(child)
        known = [place.choices or Choices([], [], []) for place in places]
        return {
            "parents": np.array([order[place.parent] for place in places[1:] if place.parent], np.int32),
            "tokens": np.array([place.tokens[0] for place in places[1:]], np.int32),
            "ends": np.array([-1 if place.ends is None else place.ends for place in places], np.int8),
            "counts": np.array([len(choices.ids) for choices in known], np.int32),
            "ids": np.array([token for choices in known for token in choices.ids], np.int32),
            "logprobs": np.array([number for choices in known for number in choices.logprobs], np.float32),
        }

    def _restored(self, prompt: tuple[int, ...], arrays: dict[str, NDArray[Any]]) -> Place:
        places = [Place(None, prompt)]
        for parent, token in zip(arrays["parents"].tolist(), arrays["tokens"].tolist(), strict=True):
            above = places[parent]
            places.append(Place(above, (token,)))
            above.children[token] = places[-1]
        stops = np.cumsum(arrays["counts"])[:-1]
        parts = zip(np.split(arrays["ids"], stops), np.split(arrays["logprobs"], stops), strict=True)
        for place, ends, (tokens, logprobs) in zip(places, arrays["ends"].tolist(), parts, strict=True):
            place.ends = None if ends < 0 else bool(ends)
            if len(tokens):
                place.choices = Choices.of(tokens, logprobs)
        return places[0]


@lru_cache(maxsize=8)
def shared_writer(model: str, boundary: Boundary, limits: Limits, folder: str | None) -> FrozenWriter:
    """One writer, shared by all policies of the same knobs, greedy ones too."""
    return FrozenWriter(model, boundary, limits, None if folder is None else Path(folder))

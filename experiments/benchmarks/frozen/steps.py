"""The step trie: a PRM's score of every step that some path has reached."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.benchmarks.frozen.blocks import Blocks
from experiments.benchmarks.frozen.reading import Reading, Segment
from experiments.benchmarks.frozen.store import Store
from policies.engines.batching import Batcher, Ticket
from scorers.checkpoints.heads import Head
from scorers.checkpoints.hf_reader import HFReader
from scorers.checkpoints.step_reader import StepReader
from search.protocols import Scored
from search.solve import search_id
from search.tree.cost import Cost

ROOM = 150_000  # tokens whose keys and values are kept: 1.1 GB of the small PRM's
BATCH = 128


class Judged(Segment):
    """A step behind those above it, and its score once it is known; the top is the question."""

    __slots__ = ("children", "score")

    def __init__(self, parent: "Judged | None", tokens: Sequence[int]) -> None:
        super().__init__(parent, tokens)
        self.children: dict[tuple[int, ...], Judged] = {}
        self.score: float | None = None


class FrozenReader(StepReader):
    """A PRM on CPU in single precision; the cost is that of vLLM with a prefix cache, had the search been alone."""

    def __init__(self, head: Head, model: str, folder: Path | None) -> None:
        plain = HFReader(head, model, "cpu", "float32", BATCH)
        super().__init__(plain.tokenizer)
        self.context, self.flops = plain.context, plain.flops
        self.blocks = Blocks()
        self._score, self._reading = plain.score, Reading(plain.decoder, ROOM)
        self._batch: Batcher[Judged, None] = Batcher(self._run, BATCH, length=lambda step: len(step.tokens))
        self._asked: dict[Judged, asyncio.Task[None]] = {}
        self._questions: dict[tuple[int, ...], Judged] = {}
        self._store = Store(folder, f"scorer {head}", model, self._arrays)

    def worst_case(self, tokens: int, places: Sequence[int] | None = None) -> Cost:
        """Of a reading that finds no block in the cache."""
        return Cost(computed=tokens, flops=self.flops.forward(0, tokens, tokens))

    async def read_steps(self, question: int, ids: list[int], places: list[int], since: int) -> Scored:
        """The scores at `places[since:]`; the first `question` tokens are the question."""
        cached = self.blocks.cached(search_id.get(), ids, min(places[since], len(ids) - 1))
        new = len(ids) - cached
        step, start, line = self._question(tuple(ids[:question])), question, list[Judged]()
        for place in places:
            tokens = tuple(ids[start : place + 1])
            if (below := step.children.get(tokens)) is None:
                below = step.children[tokens] = Judged(step, tokens)
            step, start = below, place + 1
            line.append(step)
        for step in reversed(line[since:]):  # the last one's reading keeps what the others need
            if step.score is None:
                await self._know(step)
        cost = Cost(computed=new, cached=cached, flops=self.flops.forward(cached, new, new))
        return Scored([step.score or 0.0 for step in line[since:]], cost)

    async def _know(self, step: Judged) -> None:
        if (task := self._asked.get(step)) is None:
            task = self._asked[step] = asyncio.ensure_future(self._batch(step))
            task.add_done_callback(lambda _: self._asked.pop(step, None))
        await asyncio.shield(task)

    def _run(self, tickets: Sequence[Ticket[Judged]]) -> list[None]:
        with torch.inference_mode():
            steps, hidden = self._reading.read([ticket.item for ticket in tickets])
            scores: list[float] = self._score(hidden).tolist()
        for step, score in zip(steps, scores, strict=True):
            step.score = score
        self._store.tick()
        return [None] * len(tickets)

    def _question(self, ids: tuple[int, ...]) -> Judged:
        if (top := self._questions.get(ids)) is None:
            arrays = self._store.load(ids)
            top = self._questions[ids] = self._restored(ids, arrays) if arrays else Judged(None, ids)
            self._store.add(ids, top)
        return top

    def _arrays(self, top: Judged) -> dict[str, NDArray[Any]]:
        """The trie below a question, parents first; NaN is a score that is not known."""
        steps, order = [top], {top: 0}
        for step in steps:
            for child in list(step.children.values()):
                order[child] = len(steps)
                steps.append(child)
        return {
            "parents": np.array([order[step.parent] for step in steps[1:] if step.parent], np.int32),
            "lengths": np.array([len(step.tokens) for step in steps[1:]], np.int32),
            "tokens": np.array([token for step in steps[1:] for token in step.tokens], np.int32),
            "scores": np.array([np.nan if step.score is None else step.score for step in steps[1:]]),
            "known": np.zeros(sum(step.score is not None for step in steps), bool),  # its size tells of new scores
        }

    def _restored(self, ids: tuple[int, ...], arrays: dict[str, NDArray[Any]]) -> Judged:
        steps, stops = [Judged(None, ids)], np.cumsum(arrays["lengths"])[:-1]
        parts = np.split(arrays["tokens"], stops) if len(arrays["lengths"]) else []
        rows = zip(arrays["parents"].tolist(), parts, arrays["scores"].tolist(), strict=True)
        for parent, part, score in rows:
            above, tokens = steps[parent], tuple(part.tolist())
            step = above.children[tokens] = Judged(above, tokens)
            step.score = None if np.isnan(score) else score
            steps.append(step)
        return steps[0]


@lru_cache(maxsize=4)
def shared_reader(head: Head, model: str, folder: str | None) -> FrozenReader:
    """One reader, shared by all scorers of the same knobs."""
    return FrozenReader(head, model, None if folder is None else Path(folder))
